//! The leaky step: what a device must be able to do, composed of dfdx's operations where it has no kernel of its own.

use super::{Buffer, Element, Maps};
use dfdx::prelude::*;

/// A leaky step `y = h + rate (x - h)`, which takes its drive `x` from another operation.
#[derive(Debug)]
pub struct LeakyStep<'a, E: Element, D: Storage<E>> {
    /// How far the state goes towards its drive.
    pub rate: E,
    /// The state; an absent one is zero.
    pub h: Option<&'a Maps<E, D>>,
    /// Whether the new state is rectified.
    pub relu: bool,
}

/// The leaky step `y = h + rate (x - h)`, optionally rectified; an absent `h` is zero.
pub trait LeakyKernel<E: Element>: Device<E> {
    /// The step.
    fn leaky(
        &self,
        rate: E,
        x: Maps<E, Self>,
        h: Option<&Maps<E, Self>>,
        relu: bool,
    ) -> Result<Maps<E, Self>, Self::Err> {
        composed::leaky(self, rate, x, h, relu)
    }
    /// Turns the gradient of `y`, in place, into that of `x`, and adds that of `h` to `gh`. `y` is given where the step
    /// was rectified.
    fn leaky_backward(
        &self,
        rate: E,
        y: Option<&Maps<E, Self>>,
        g: &mut Buffer<E, Self>,
        gh: Option<&mut Buffer<E, Self>>,
    ) -> Result<(), Self::Err> {
        composed::leaky_backward(self, rate, y, g, gh)
    }
    /// Adds `scale` times the gradient of the rate, `sum of gy (x - h)` over units where `y` is not cut off, to the
    /// single element of `grate`. Called before [`leaky_backward`](LeakyKernel::leaky_backward).
    fn leaky_backward_rate(
        &self,
        scale: E,
        x: &Maps<E, Self>,
        h: Option<&Maps<E, Self>>,
        y: Option<&Maps<E, Self>>,
        gy: &Buffer<E, Self>,
        grate: &mut Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::leaky_backward_rate(self, scale, x, h, y, gy, grate)
    }
}

/// The composition.
#[allow(missing_docs, reason = "each is the default of the method of its name")]
pub(super) mod composed {
    use super::*;
    use crate::kernels::composition::{Traced, adjoint, rectified};
    use crate::kernels::gradient::take_grad_for_zeros;

    fn stepped<S: Shape, E: Element, D: Device<E>, T: Tape<E, D>>(
        rate: E,
        x: Tensor<S, E, D, T>,
        h: Option<Tensor<S, E, D, T>>,
    ) -> Result<Tensor<S, E, D, T>, D::Err> {
        match h {
            Some(h) => x.try_sub(h.retaped::<T>())?.try_mul(rate)?.try_add(h),
            None => x.try_mul(rate),
        }
    }

    pub fn leaky<E: Element, D: Device<E>>(
        _: &D,
        rate: E,
        x: Maps<E, D>,
        h: Option<&Maps<E, D>>,
        relu: bool,
    ) -> Result<Maps<E, D>, D::Err> {
        let y = stepped(rate, x, h.cloned())?;
        if relu { rectified(y.clone(), &y) } else { Ok(y) }
    }

    pub fn leaky_backward<E: Element, D: Device<E>>(
        dev: &D,
        rate: E,
        y: Option<&Maps<E, D>>,
        g: &mut Buffer<E, D>,
        gh: Option<&mut Buffer<E, D>>,
    ) -> Result<(), D::Err> {
        let len = Storage::<E>::len(dev, g);
        let y = y.map(|y| y.clone().try_reshape_like(&(len,))).transpose()?;
        let passed = |step: Traced<(usize,), E, D>| match &y {
            Some(y) => rectified(step, y),
            None => Ok(step),
        };
        let gy = take_grad_for_zeros(dev, g)?;
        // the step is linear, so its gradients are the same everywhere
        let (x, h) = (dev.try_zeros_like(&(len,))?, dev.try_zeros_like(&(len,))?);
        match gh {
            Some(gh) => adjoint([(&x, g), (&h, gh)], gy, |[x, h]| passed(stepped(rate, x, Some(h))?)),
            None => adjoint([(&x, g)], gy, |[x]| passed(stepped(rate, x, None)?)),
        }
    }

    #[allow(clippy::too_many_arguments)] // as in the trait
    pub fn leaky_backward_rate<E: Element, D: Device<E>>(
        dev: &D,
        scale: E,
        x: &Maps<E, D>,
        h: Option<&Maps<E, D>>,
        y: Option<&Maps<E, D>>,
        gy: &Buffer<E, D>,
        grate: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let by_rate = if let Some(h) = h { x.clone().try_sub(h.clone())? } else { x.clone() };
        let rate: Tensor<(), E, D> = dev.try_zeros_like(&())?; // linear again
        adjoint([(&rate, grate)], gy.clone(), |[rate]| {
            let rate = rate.try_mul(scale)?.try_broadcast_like::<_, Axes4<0, 1, 2, 3>>(x)?;
            let step = rate.try_mul(by_rate)?;
            if let Some(y) = y { rectified(step, y) } else { Ok(step) }
        })
    }
}
