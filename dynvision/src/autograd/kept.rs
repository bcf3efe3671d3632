//! What backward operations keep of the tensors that they read.

use crate::geometry::{Conv, Window};
use crate::kernels::{ConvKernel, Element, Maps, Vector, VisionDevice};
use dfdx::prelude::HasErr;
use std::cell::RefCell;
use std::rc::Rc;

/// A tensor that a backward operation reads: as it is, or how it is made again of what the tape keeps anyway, where that costs
/// little beside what is done with it.
pub(crate) enum Kept<E: Element, D: VisionDevice<E>> {
    /// As it is.
    Maps(Maps<E, D>),
    /// As the result of an operation. What is made again takes the place of what was made again before it.
    Made(Rc<Made<E, D>>, Slot<E, D>),
}

/// Where maps of one size are made again, one after the other.
pub(super) type Slot<E, D> = Rc<RefCell<Option<Maps<E, D>>>>;

/// How maps are made.
pub(crate) enum Made<E: Element, D: VisionDevice<E>> {
    /// As the maximum of each window of another tensor.
    MaxPool { window: Window, of: Maps<E, D> },
    /// As a convolution of each channel of another tensor.
    Depthwise(Depthwise<E, D>),
}

/// A convolution of each channel.
pub(crate) struct Depthwise<E: Element, D: VisionDevice<E>> {
    pub(crate) conv: Conv,
    pub(crate) of: Kept<E, D>,
    pub(crate) weight: Maps<E, D>,
    pub(crate) bias: Option<Vector<E, D>>,
    pub(crate) cache: Rc<<D as ConvKernel<E>>::WeightCache>,
}

impl<E: Element, D: VisionDevice<E>> Clone for Kept<E, D> {
    fn clone(&self) -> Self {
        match self {
            Kept::Maps(x) => Kept::Maps(x.clone()),
            Kept::Made(made, slot) => Kept::Made(made.clone(), slot.clone()),
        }
    }
}

impl<E: Element, D: VisionDevice<E>> Kept<E, D> {
    pub(crate) fn is_depthwise(&self) -> bool {
        matches!(self, Kept::Made(made, _) if matches!(**made, Made::Depthwise(_)))
    }

    /// Returns the values of the tensor, under another identity where they are made again. They go to [`Kept::done`].
    pub(crate) fn values(&self, device: &D) -> Result<Maps<E, D>, <D as HasErr>::Err> {
        let (made, slot) = match self {
            Kept::Maps(x) => return Ok(x.clone()),
            Kept::Made(made, slot) => (made, slot),
        };
        match &**made {
            Made::MaxPool { window, of } => Ok(device.max_pool2d(*window, of, false, slot.take())?.0),
            Made::Depthwise(Depthwise { conv, of, weight, bias, cache }) => {
                let x = of.values(device)?;
                let y = device.conv2d(conv, &x, weight, bias.as_ref(), cache, None, slot.take())?;
                of.done(x);
                Ok(y)
            }
        }
    }

    /// Takes back what [`Kept::values`] returned, when it was read: the next tensor of its size is made in its place.
    pub(crate) fn done(&self, values: Maps<E, D>) {
        if let Kept::Made(_, slot) = self {
            slot.replace(Some(values));
        }
    }
}
