//! Pooling: what a device must be able to do, composed of dfdx's operations where it has no kernel of its own.

use super::{Buffer, Element, Maps, Sizes};
use crate::geometry::Window;
use dfdx::prelude::*;

/// Pooling.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C, H', W')` by [`Window::output_len`]; global: to `(B, C)`.
pub trait PoolKernel<E: Element>: Device<E> {
    /// What backward needs to know of which input each output was taken from: nothing where it looks again, as the
    /// composition does.
    type Chosen: Default + 'static;
    /// The maximum of each window; padding never wins. `keep` asks for what backward needs. `out` are maps that
    /// the caller gives up, as in [`conv2d`](super::ConvKernel::conv2d).
    #[allow(unused_variables, reason = "the composition makes new maps")]
    fn max_pool2d(
        &self,
        window: Window,
        x: &Maps<E, Self>,
        keep: bool,
        out: Option<Maps<E, Self>>,
    ) -> Result<(Maps<E, Self>, Option<Self::Chosen>), Self::Err> {
        Ok((composed::max_pool2d(self, window, x)?, keep.then(Default::default)))
    }
    /// Adds each gradient to the chosen input's.
    #[allow(unused_variables, reason = "the composition looks again")]
    fn max_pool2d_backward(
        &self,
        window: Window,
        x: &Maps<E, Self>,
        chosen: &Self::Chosen,
        y: Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::max_pool2d_backward(self, window, x, gy, gx)
    }
    /// The mean of each window, padding counted as zeros.
    fn avg_pool2d(&self, window: Window, x: &Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err> {
        composed::avg_pool2d(self, window, x)
    }
    /// The adjoint of [`avg_pool2d`](PoolKernel::avg_pool2d).
    fn avg_pool2d_backward(
        &self,
        window: Window,
        x: Sizes,
        y: Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::avg_pool2d_backward(self, window, x, y, gy, gx)
    }
    /// The mean of each map.
    fn global_avg(&self, x: &Maps<E, Self>) -> Result<Tensor<(usize, usize), E, Self>, Self::Err> {
        composed::global_avg(self, x)
    }
    /// The adjoint of [`global_avg`](PoolKernel::global_avg).
    fn global_avg_backward(&self, x: Sizes, gy: &Buffer<E, Self>, gx: &mut Buffer<E, Self>) -> Result<(), Self::Err> {
        composed::global_avg_backward(self, x, gy, gx)
    }
}

/// The composition.
#[allow(missing_docs, reason = "each is the default of the method of its name")]
pub(super) mod composed {
    use super::*;
    use crate::geometry::Border;
    use crate::kernels::composition::{adjoint, made, windows};

    pub fn max_pool2d<E: Element, D: Device<E>>(dev: &D, window: Window, x: &Maps<E, D>) -> Result<Maps<E, D>, D::Err> {
        let read = windows(window, Border::Zero, E::neg_infinity(), x.clone())?;
        let sizes = *read.shape();
        let largest = read.clone().try_max::<(usize, usize), Axis<1>>()?;
        // a maximum passes over NaN, which must not get lost
        let zeros: Tensor<_, E, D> = dev.try_zeros_like(&sizes)?;
        let nan = read.try_ne(&read)?.try_choose(read.clone(), zeros)?.try_sum::<(usize, usize), Axis<1>>()?;
        largest.try_add(nan)?.try_reshape_like(&made(window, *x.shape()))
    }

    /// One-hot over the taps of each place: the first of the largest.
    fn chosen<E: Element, D: Device<E>>(
        dev: &D,
        window: Window,
        x: &Maps<E, D>,
    ) -> Result<Tensor<(usize, usize, usize), bool, D>, D::Err> {
        let read = windows(window, Border::Zero, E::neg_infinity(), x.clone())?;
        let sizes = *read.shape();
        let largest = read.clone().try_max::<(usize, usize), Axis<1>>()?;
        let numbers = (0..sizes.1).map(|tap| E::from_usize(tap).unwrap_or_default()).collect();
        let tap: Tensor<(usize,), E, D> = dev.try_tensor_from_vec(numbers, (sizes.1,))?;
        let tap = tap.try_broadcast_like::<_, Axes2<0, 2>>(&sizes)?;
        let none: Tensor<_, E, D> = dev.try_zeros_like(&sizes)?.try_add(E::infinity())?;
        let is_largest = read.try_ge(&largest.try_broadcast_like::<_, Axis<1>>(&sizes)?)?;
        let first = is_largest.try_choose(tap.clone(), none)?.try_min::<(usize, usize), Axis<1>>()?;
        tap.try_eq(&first.try_broadcast_like::<_, Axis<1>>(&sizes)?)
    }

    pub fn max_pool2d_backward<E: Element, D: Device<E>>(
        dev: &D,
        window: Window,
        x: &Maps<E, D>,
        gy: &Buffer<E, D>,
        gx: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let chosen = chosen(dev, window, x)?;
        let zeros: Tensor<_, E, D> = dev.try_zeros_like(chosen.shape())?;
        adjoint([(x, gx)], gy.clone(), |[x]| {
            let read = windows(window, Border::Zero, E::default(), x)?;
            chosen.try_choose(read, zeros)?.try_sum::<(usize, usize), Axis<1>>()
        })
    }

    fn mean<E: Element, D: Device<E>, T: Tape<E, D>>(
        window: Window,
        x: Tensor<Sizes, E, D, T>,
    ) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
        let sizes = made(window, *x.shape());
        let read = windows(window, Border::Zero, E::default(), x)?;
        read.try_mean::<(usize, usize), Axis<1>>()?.try_reshape_like(&sizes)
    }

    pub fn avg_pool2d<E: Element, D: Device<E>>(_: &D, window: Window, x: &Maps<E, D>) -> Result<Maps<E, D>, D::Err> {
        mean(window, x.clone())
    }

    pub fn avg_pool2d_backward<E: Element, D: Device<E>>(
        dev: &D,
        window: Window,
        x: Sizes,
        _: Sizes,
        gy: &Buffer<E, D>,
        gx: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        adjoint([(&dev.try_zeros_like(&x)?, gx)], gy.clone(), |[x]| mean(window, x))
    }

    pub fn global_avg<E: Element, D: Device<E>>(_: &D, x: &Maps<E, D>) -> Result<Tensor<(usize, usize), E, D>, D::Err> {
        x.clone().try_mean::<_, Axes2<2, 3>>()
    }

    pub fn global_avg_backward<E: Element, D: Device<E>>(
        dev: &D,
        x: Sizes,
        gy: &Buffer<E, D>,
        gx: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        adjoint([(&dev.try_zeros_like(&x)?, gx)], gy.clone(), |[x]| x.try_mean::<(usize, usize), Axes2<2, 3>>())
    }
}
