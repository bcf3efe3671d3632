//! Nearest-neighbour resizing: what a device must be able to do, composed of dfdx's operations where it has no kernel of its own.

use super::{Buffer, Element, Maps, Sizes};
use dfdx::prelude::*;

/// Nearest-neighbour resizing: source index `min(floor(dst * (in / out)), in - 1)` in `f32`, as PyTorch has it.
pub trait ResizeKernel<E: Element>: Device<E> {
    /// `x` at `height` rows and `width` columns, added to `onto` where that is given.
    fn resize(
        &self,
        x: &Maps<E, Self>,
        height: usize,
        width: usize,
        onto: Option<Maps<E, Self>>,
    ) -> Result<Maps<E, Self>, Self::Err> {
        composed::resize(self, x, height, width, onto)
    }
    /// The adjoint of [`resize`](ResizeKernel::resize).
    fn resize_backward(
        &self,
        x: Sizes,
        y: Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::resize_backward(self, x, y, gy, gx)
    }
}

/// The composition.
#[allow(missing_docs, reason = "each is the default of the method of its name")]
pub(super) mod composed {
    use super::*;
    use crate::kernels::composition::{adjoint, sample};
    use dynvision_kernels::resize::source;

    fn resized<E: Element, D: Device<E>, T: Tape<E, D>>(
        x: Tensor<Sizes, E, D, T>,
        height: usize,
        width: usize,
    ) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
        let (b, c, h, w) = *x.shape();
        let from = |to: usize| Some(source(to / width, h, height) * w + source(to % width, w, width));
        let from = (0..height * width).map(from).collect();
        sample(x, E::default(), from)?.try_reshape_like(&(b, c, height, width))
    }

    pub fn resize<E: Element, D: Device<E>>(
        _: &D,
        x: &Maps<E, D>,
        height: usize,
        width: usize,
        onto: Option<Maps<E, D>>,
    ) -> Result<Maps<E, D>, D::Err> {
        let y = resized(x.clone(), height, width)?;
        if let Some(onto) = onto { onto.try_add(y) } else { Ok(y) }
    }

    pub fn resize_backward<E: Element, D: Device<E>>(
        dev: &D,
        x: Sizes,
        y: Sizes,
        gy: &Buffer<E, D>,
        gx: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        adjoint([(&dev.try_zeros_like(&x)?, gx)], gy.clone(), |[x]| resized(x, y.2, y.3))
    }
}
