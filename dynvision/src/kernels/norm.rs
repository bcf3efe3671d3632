//! Normalisation: what a device must be able to do, composed of dfdx's operations where it has no kernel of its own.

use super::{Buffer, Element, Maps, Vector};
use crate::geometry::Over;
use dfdx::prelude::*;

/// Mean and variance of each block of a normalisation, in the order of [`Over::blocks`].
#[derive(Clone, Debug)]
pub struct Moments<E: Dtype, D: Storage<E>> {
    /// The means.
    pub mean: Tensor<(usize,), E, D>,
    /// The variances, not corrected for the sample.
    pub variance: Tensor<(usize,), E, D>,
}

/// A running moment, and what steps observed in its place.
#[derive(Clone, Debug)]
pub struct Running<E: Dtype, D: Storage<E>> {
    /// The moment.
    pub value: Tensor<(usize,), E, D>,
    /// How much of it a step replaces.
    pub momentum: f64,
    /// What each step observed, in order, and by what it is multiplied.
    pub observed: Vec<(Tensor<(usize,), E, D>, f64)>,
}

/// Normalisation `y = w[c] (x - mean) / sqrt(variance + eps) + b[c]`.
pub trait NormKernel<E: Element>: Device<E> {
    /// The moments of each block of `x`.
    fn moments(&self, over: Over, x: &Maps<E, Self>) -> Result<Moments<E, Self>, Self::Err> {
        composed::moments(self, over, x)
    }
    /// The normalisation by given moments; `w` and `b` have one element for each channel.
    fn normalize(
        &self,
        over: Over,
        eps: f64,
        x: &Maps<E, Self>,
        moments: &Moments<E, Self>,
        w: &Tensor<(usize,), E, Self>,
        b: &Tensor<(usize,), E, Self>,
    ) -> Result<Maps<E, Self>, Self::Err> {
        composed::normalize(self, over, eps, x, moments, w, b)
    }
    /// Adds the gradients of input, weight and bias, where the moments are those of `x`.
    #[allow(clippy::too_many_arguments)] // three inputs and their gradients
    fn normalize_backward(
        &self,
        over: Over,
        eps: f64,
        x: &Maps<E, Self>,
        moments: &Moments<E, Self>,
        w: &Tensor<(usize,), E, Self>,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
        gw: &mut Buffer<E, Self>,
        gb: &mut Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::normalize_backward(self, over, eps, x, moments, w, gy, gx, gw, gb)
    }
    /// [`normalize_backward`](Self::normalize_backward) where the moments are given, and no gradient passes through them.
    #[allow(clippy::too_many_arguments)] // three inputs and their gradients
    fn normalize_given_backward(
        &self,
        over: Over,
        eps: f64,
        x: &Maps<E, Self>,
        moments: &Moments<E, Self>,
        w: &Tensor<(usize,), E, Self>,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
        gw: &mut Buffer<E, Self>,
        gb: &mut Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::normalize_given_backward(self, over, eps, x, moments, w, gy, gx, gw, gb)
    }
    /// Running moments behind their steps, each `value + momentum (observed - value)` in 64 bits.
    fn moved(&self, all: &[Running<E, Self>]) -> Result<Vec<Vector<E, Self>>, Self::Err> {
        all.iter().map(|running| composed::moved(self, running)).collect()
    }
}

/// The composition.
#[allow(missing_docs, reason = "each is the default of the method of its name")]
pub(super) mod composed {
    use super::*;
    use crate::kernels::Sizes;
    use crate::kernels::composition::adjoint;

    /// The units of each block of a normalisation, behind each other.
    fn blocked<E: Element, D: Device<E>, T: Tape<E, D>>(
        over: Over,
        x: Tensor<Sizes, E, D, T>,
    ) -> Result<Tensor<(usize, usize), E, D, T>, D::Err> {
        let (b, c, h, w) = *x.shape();
        let blocks = over.blocks(b, c);
        let x = match over {
            Over::Groups(_) => x,
            Over::Batch => x.try_permute::<_, Axes4<1, 0, 2, 3>>()?,
        };
        x.try_reshape_like(&(blocks, b * c * h * w / blocks))
    }

    /// The way back from [`blocked`].
    fn unblocked<E: Element, D: Device<E>, T: Tape<E, D>>(
        over: Over,
        x: Tensor<(usize, usize), E, D, T>,
        to @ (b, c, h, w): Sizes,
    ) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
        match over {
            Over::Groups(_) => x.try_reshape_like(&to),
            Over::Batch => {
                x.try_reshape_like(&(c, b, h, w))?.try_permute::<Sizes, Axes4<1, 0, 2, 3>>()?.try_contiguous()
            }
        }
    }

    /// Mean and variance of each row.
    fn moments_of<E: Element, D: Device<E>, T: Tape<E, D>>(
        x: Tensor<(usize, usize), E, D, T>,
    ) -> Result<[Tensor<(usize,), E, D, T>; 2], D::Err> {
        let sizes = *x.shape();
        let mean = x.retaped::<T>().try_mean::<(usize,), Axis<1>>()?;
        let off = x.try_sub(mean.retaped::<T>().try_broadcast_like::<_, Axis<1>>(&sizes)?)?;
        Ok([mean, off.try_square()?.try_mean::<(usize,), Axis<1>>()?])
    }

    fn scaled<E: Element, D: Device<E>, T: Tape<E, D>>(
        eps: f64,
        x: Tensor<(usize, usize), E, D, T>,
        [mean, variance]: [Tensor<(usize,), E, D, T>; 2],
    ) -> Result<Tensor<(usize, usize), E, D, T>, D::Err> {
        let sizes = *x.shape();
        let deviation = variance.try_add(E::narrow(eps))?.try_sqrt()?;
        x.try_sub(mean.try_broadcast_like::<_, Axis<1>>(&sizes)?)?
            .try_div(deviation.try_broadcast_like::<_, Axis<1>>(&sizes)?)
    }

    /// `w[c] x + b[c]`.
    fn affine<E: Element, D: Device<E>, T: Tape<E, D>>(
        x: Tensor<Sizes, E, D, T>,
        w: Tensor<(usize,), E, D, T>,
        b: Tensor<(usize,), E, D, T>,
    ) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
        let sizes = *x.shape();
        x.try_mul(w.try_broadcast_like::<_, Axes3<0, 2, 3>>(&sizes)?)?
            .try_add(b.try_broadcast_like::<_, Axes3<0, 2, 3>>(&sizes)?)
    }

    pub fn moved<E: Element, D: Device<E>>(dev: &D, running: &Running<E, D>) -> Result<Vector<E, D>, D::Err> {
        let wide = |value: &E| value.to_f64().unwrap_or(f64::NAN);
        let mut values: Vec<f64> = running.value.as_vec().iter().map(wide).collect();
        for (observed, scale) in &running.observed {
            for (value, observed) in values.iter_mut().zip(observed.as_vec()) {
                *value += running.momentum * (wide(&observed) * scale - *value);
            }
        }
        let narrow = |value: f64| E::from_f64(value).unwrap_or_default();
        let mut moved = dev.try_zeros_like(running.value.shape())?;
        moved.copy_from(&values.into_iter().map(narrow).collect::<Vec<_>>());
        Ok(moved)
    }

    pub fn moments<E: Element, D: Device<E>>(_: &D, over: Over, x: &Maps<E, D>) -> Result<Moments<E, D>, D::Err> {
        let [mean, variance] = moments_of(blocked(over, x.clone())?)?;
        Ok(Moments { mean, variance })
    }

    pub fn normalize<E: Element, D: Device<E>>(
        _: &D,
        over: Over,
        eps: f64,
        x: &Maps<E, D>,
        moments: &Moments<E, D>,
        w: &Tensor<(usize,), E, D>,
        b: &Tensor<(usize,), E, D>,
    ) -> Result<Maps<E, D>, D::Err> {
        let moments = [moments.mean.clone(), moments.variance.clone()];
        let y = scaled(eps, blocked(over, x.clone())?, moments)?;
        affine(unblocked(over, y, *x.shape())?, w.clone(), b.clone())
    }

    #[allow(clippy::too_many_arguments)] // as in the trait
    pub fn normalize_backward<E: Element, D: Device<E>>(
        dev: &D,
        over: Over,
        eps: f64,
        x: &Maps<E, D>,
        moments: &Moments<E, D>,
        w: &Tensor<(usize,), E, D>,
        gy: &Buffer<E, D>,
        gx: &mut Buffer<E, D>,
        gw: &mut Buffer<E, D>,
        gb: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let zeros: Tensor<(usize,), E, D> = dev.try_zeros_like(w.shape())?;
        let given = [moments.mean.clone(), moments.variance.clone()];
        let normal = unblocked(over, scaled(eps, blocked(over, x.clone())?, given)?, *x.shape())?;
        adjoint([(w, gw), (&zeros, gb)], gy.clone(), |[w, b]| affine(normal.retaped(), w, b))?;
        adjoint([(x, gx)], gy.clone(), |[x]| {
            let (to, x) = (*x.shape(), blocked(over, x)?);
            // x reaches the result beside its moments, and through them
            let moments = moments_of(x.retaped())?;
            affine(unblocked(over, scaled(eps, x, moments)?, to)?, w.retaped(), zeros.retaped())
        })
    }

    #[allow(clippy::too_many_arguments)] // as in the trait
    pub fn normalize_given_backward<E: Element, D: Device<E>>(
        dev: &D,
        over: Over,
        eps: f64,
        x: &Maps<E, D>,
        moments: &Moments<E, D>,
        w: &Tensor<(usize,), E, D>,
        gy: &Buffer<E, D>,
        gx: &mut Buffer<E, D>,
        gw: &mut Buffer<E, D>,
        gb: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let zeros: Tensor<(usize,), E, D> = dev.try_zeros_like(w.shape())?;
        let given = || [moments.mean.clone(), moments.variance.clone()];
        let normal = unblocked(over, scaled(eps, blocked(over, x.clone())?, given())?, *x.shape())?;
        adjoint([(w, gw), (&zeros, gb)], gy.clone(), |[w, b]| affine(normal.retaped(), w, b))?;
        adjoint([(x, gx)], gy.clone(), |[x]| {
            let (to, given) = (*x.shape(), given().map(|m| m.retaped()));
            affine(unblocked(over, scaled(eps, blocked(over, x)?, given)?, to)?, w.retaped(), zeros.retaped())
        })
    }
}
