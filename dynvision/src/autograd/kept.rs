//! What backward operations keep of the tensors that they read.

use crate::geometry::Window;
use crate::kernels::{Element, Maps, Sizes, VisionDevice};
use dfdx::prelude::HasErr;

/// A tensor that a backward operation reads.
pub(crate) enum Kept<E: Element, D: VisionDevice<E>> {
    /// As it is.
    Maps(Maps<E, D>),
    /// As the maximum of each window of a tensor that the tape keeps anyway.
    MaxPool { window: Window, of: Maps<E, D> },
}

impl<E: Element, D: VisionDevice<E>> Kept<E, D> {
    /// Returns the values of the tensor, under another identity where they are made again.
    pub(crate) fn values(&self, device: &D) -> Result<Maps<E, D>, <D as HasErr>::Err> {
        match self {
            Kept::Maps(x) => Ok(x.clone()),
            Kept::MaxPool { window, of } => Ok(device.max_pool2d(*window, of, false, None)?.0),
        }
    }
}

/// How the result of a max pooling is made again.
pub(super) struct MaxPooled<E: Element, D: VisionDevice<E>> {
    pub(super) window: Window,
    /// What was pooled, which the backward operation of the pooling keeps.
    pub(super) of: Maps<E, D>,
    /// The sizes of the result.
    pub(super) sizes: Sizes,
}
