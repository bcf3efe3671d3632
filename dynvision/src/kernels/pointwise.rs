//! Elementwise operations: what a device must be able to do, composed of dfdx's operations where it has no kernel of its own.

use super::{Buffer, Element, Maps};
use dfdx::prelude::*;

/// Elementwise operations.
pub trait PointwiseKernel<E: Element>: Device<E> {
    /// `y + x`.
    fn add(&self, y: Maps<E, Self>, x: &Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err> {
        composed::add(self, y, x)
    }
    /// `into += scale * from`, for gradients.
    fn accumulate(&self, scale: E, from: &Buffer<E, Self>, into: &mut Buffer<E, Self>) -> Result<(), Self::Err> {
        composed::accumulate(self, scale, from, into)
    }
    /// `max(x, 0)`.
    fn relu(&self, x: Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err> {
        composed::relu(self, x)
    }
    /// Zeroes the gradient, in place, where `y` is not positive.
    fn relu_backward(&self, y: &Maps<E, Self>, g: &mut Buffer<E, Self>) -> Result<(), Self::Err> {
        composed::relu_backward(self, y, g)
    }
    /// `x (1 + tanh h)`.
    fn gain(&self, x: &Maps<E, Self>, h: &Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err> {
        composed::gain(self, x, h)
    }
    /// Adds the gradients of [`gain`](PointwiseKernel::gain).
    fn gain_backward(
        &self,
        x: &Maps<E, Self>,
        h: &Maps<E, Self>,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
        gh: &mut Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::gain_backward(self, x, h, gy, gx, gh)
    }
    /// `k sign(x) max(|x|, 1e-6)^n` of `x` clamped to ±1e6; 0 at 0.
    fn supralinear(&self, k: E, n: E, x: &Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err> {
        composed::supralinear(self, k, n, x)
    }
    /// Adds the gradient of [`supralinear`](PointwiseKernel::supralinear): zero where `x` is clamped.
    fn supralinear_backward(
        &self,
        k: E,
        n: E,
        x: &Maps<E, Self>,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::supralinear_backward(self, k, n, x, gy, gx)
    }
}

/// The composition.
#[allow(missing_docs, reason = "each is the default of the method of its name")]
pub(super) mod composed {
    use super::*;
    use crate::kernels::Sizes;
    use crate::kernels::composition::{adjoint, rectified};
    use crate::kernels::gradient::take_grad_for_zeros;

    pub fn add<E: Element, D: Device<E>>(_: &D, y: Maps<E, D>, x: &Maps<E, D>) -> Result<Maps<E, D>, D::Err> {
        y.try_add(x.clone())
    }

    pub fn accumulate<E: Element, D: Device<E>>(
        dev: &D,
        scale: E,
        from: &Buffer<E, D>,
        into: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let x = dev.try_zeros_like(&(Storage::<E>::len(dev, from),))?;
        adjoint([(&x, into)], from.clone(), |[x]| x.try_mul(scale))
    }

    pub fn relu<E: Element, D: Device<E>>(_: &D, x: Maps<E, D>) -> Result<Maps<E, D>, D::Err> {
        rectified(x.clone(), &x)
    }

    pub fn relu_backward<E: Element, D: Device<E>>(
        dev: &D,
        y: &Maps<E, D>,
        g: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let gy = take_grad_for_zeros(dev, g)?;
        adjoint([(&dev.try_zeros_like(y.shape())?, g)], gy, |[x]| rectified(x, y))
    }

    fn gained<E: Element, D: Device<E>, T: Tape<E, D>>(
        x: Tensor<Sizes, E, D, T>,
        h: Tensor<Sizes, E, D, T>,
    ) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
        x.try_mul(h.try_tanh()?.try_add(E::ONE)?)
    }

    pub fn gain<E: Element, D: Device<E>>(_: &D, x: &Maps<E, D>, h: &Maps<E, D>) -> Result<Maps<E, D>, D::Err> {
        gained(x.clone(), h.clone())
    }

    pub fn gain_backward<E: Element, D: Device<E>>(
        _: &D,
        x: &Maps<E, D>,
        h: &Maps<E, D>,
        gy: &Buffer<E, D>,
        gx: &mut Buffer<E, D>,
        gh: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        adjoint([(x, gx), (h, gh)], gy.clone(), |[x, h]| gained(x, h))
    }

    fn powered<E: Element, D: Device<E>, T: Tape<E, D>>(
        k: E,
        n: E,
        x: Tensor<Sizes, E, D, T>,
    ) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
        let (dev, zero) = (x.device(), E::default());
        let zeros: Tensor<Sizes, E, D> = dev.try_zeros_like(x.shape())?;
        let (plus, minus) = (zeros.clone().try_add(k)?, zeros.clone().try_sub(k)?);
        let sign = x.try_lt(zero)?.try_choose(minus, plus)?;
        let sign = x.try_eq(zero)?.try_choose(zeros.clone(), sign)?;
        // dfdx's clamp makes a number of NaN on CUDA
        let plain = x.retaped::<NoneTape>();
        let (is_nan, nan) = (plain.try_ne(&plain)?, zeros.clone().try_add(E::nan())?);
        let y = x.try_abs()?.try_clamp(1e-6, 1e6)?.try_powf(n.wide())?.try_mul(sign)?;
        is_nan.try_choose(nan.retaped::<T>(), y)
    }

    pub fn supralinear<E: Element, D: Device<E>>(_: &D, k: E, n: E, x: &Maps<E, D>) -> Result<Maps<E, D>, D::Err> {
        powered(k, n, x.clone())
    }

    pub fn supralinear_backward<E: Element, D: Device<E>>(
        _: &D,
        k: E,
        n: E,
        x: &Maps<E, D>,
        gy: &Buffer<E, D>,
        gx: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        adjoint([(x, gx)], gy.clone(), |[x]| powered(k, n, x))
    }
}
