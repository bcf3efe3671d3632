//! Normalisation.

use super::shape::{MapShape, erased, restored};
use crate::cx::{Cx, id};
use crate::error::{Error, Result};
use crate::geometry::Over;
use crate::kernels::{Element, Maps, Moments, VisionDevice};
use dfdx::prelude::*;
use std::mem;

/// What a normalised value is scaled by and shifted by, for each channel.
#[derive(Debug)]
pub struct Affine<'a, S: Shape, E: Dtype, D: Device<E>> {
    /// The scale.
    pub weight: &'a Tensor<S, E, D>,
    /// The shift.
    pub bias: &'a Tensor<S, E, D>,
}

/// Each sample's channels in `groups` groups, `y = w (x - mean) / sqrt(variance + eps) + b` with the moments of its group
/// (Wu and He 2018). One group normalises over channels, rows and columns at once.
///
/// # Shapes
/// `x` and the result are `(B, C, H, W)`, weight and bias `(C)`.
///
/// # Errors
/// [`Error::Setting`] where the groups do not divide the channels, [`Error::Shape`] where weight or bias has not as many
/// elements as `x` has channels.
pub fn group_norm<X: MapShape, S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    groups: usize,
    eps: f64,
    x: &Tensor<X, E, D>,
    affine: Affine<'_, S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<X, E, D>> {
    let channels = x.shape().concrete()[1];
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(Error::Setting(format!("{channels} channels cannot be normalised in {groups} groups")));
    }
    over(Over::Groups(groups), eps, x, affine, cx).map(|(y, _)| y)
}

/// Each channel by its moments over the batch (Ioffe and Szegedy 2015), which are given beside the result.
///
/// # Shapes
/// `x` and the result are `(B, C, H, W)`, weight and bias `(C)`.
///
/// # Errors
/// [`Error::Shape`] where weight or bias has not as many elements as `x` has channels.
#[allow(clippy::type_complexity)] // the result and its moments
pub fn batch_norm<X: MapShape, S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    eps: f64,
    x: &Tensor<X, E, D>,
    affine: Affine<'_, S, E, D>,
    cx: &mut Cx<T>,
) -> Result<(Tensor<X, E, D>, Moments<E, D>)> {
    over(Over::Batch, eps, x, affine, cx)
}

/// Each channel by moments that are given: running ones. Gradients pass to `x`, weight and bias, none to the moments.
///
/// # Shapes
/// `x` and the result are `(B, C, H, W)`, all else `(C)`.
///
/// # Errors
/// As [`batch_norm`].
pub fn normalize<X: MapShape, S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    eps: f64,
    x: &Tensor<X, E, D>,
    (mean, variance): (&Tensor<S, E, D>, &Tensor<S, E, D>),
    affine: Affine<'_, S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<X, E, D>> {
    let (x, w, b) = operands(x, affine, cx)?;
    // what is computed of the moments is not recorded
    let mut aside = Cx::new(NoneTape, cx.plan.clone());
    let channels = x.shape().1;
    let moments = Moments {
        mean: vector(mean, channels, &[], &mut aside)?,
        variance: vector(variance, channels, &[], &mut aside)?,
    };
    if x.shape().num_elements() == 0 {
        return restored("normalisation", x);
    }
    let y = by_moments(Over::Batch, true, eps, (x, w, b), moments, cx)?;
    restored("normalisation", y)
}

fn over<X: MapShape, S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    over: Over,
    eps: f64,
    x: &Tensor<X, E, D>,
    affine: Affine<'_, S, E, D>,
    cx: &mut Cx<T>,
) -> Result<(Tensor<X, E, D>, Moments<E, D>)> {
    let (x, w, b) = operands(x, affine, cx)?;
    if x.shape().num_elements() == 0 {
        return Err(Error::Setting(format!("nothing to normalise in maps of {:?}", x.shape().concrete())));
    }
    let moments = x.device().moments(over, &x).map_err(Error::device)?;
    let y = by_moments(over, false, eps, (x, w, b), moments.clone(), cx)?;
    Ok((restored("normalisation", y)?, moments))
}

/// Maps, weights and biases.
type Operands<E, D> = (Maps<E, D>, Tensor<(usize,), E, D>, Tensor<(usize,), E, D>);

/// What is normalised, as kernels need it.
fn operands<X: MapShape, S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Tensor<X, E, D>,
    affine: Affine<'_, S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Operands<E, D>> {
    let x: Maps<E, D> = erased(x, cx)?;
    let channels = x.shape().1;
    let w = vector(affine.weight, channels, &[id(&x)], cx)?;
    let b = vector(affine.bias, channels, &[id(&x), id(&w)], cx)?;
    Ok((x, w, b))
}

/// The normalisation by moments that are `given`, or else are those of `x`.
fn by_moments<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    over: Over,
    given: bool,
    eps: f64,
    (x, w, b): Operands<E, D>,
    moments: Moments<E, D>,
    cx: &mut Cx<T>,
) -> Result<Maps<E, D>> {
    let y = x.device().normalize(over, eps, &x, &moments, &w, &b).map_err(Error::device)?;
    if T::OWNS_TAPE {
        cx.on_backward(&y, move |dev, grads, gy| {
            // several gradients at once: take those of input and bias out, borrow that of the weight
            let mut gx = mem::replace(grads.get_or_alloc_mut(&x)?, Storage::<E>::try_alloc_len(dev, 0)?);
            let mut gb = mem::replace(grads.get_or_alloc_mut(&b)?, Storage::<E>::try_alloc_len(dev, 0)?);
            let gw = grads.get_or_alloc_mut(&w)?;
            if given {
                dev.normalize_given_backward(over, eps, &x, &moments, &w, &gy, &mut gx, gw, &mut gb)?;
            } else {
                dev.normalize_backward(over, eps, &x, &moments, &w, &gy, &mut gx, gw, &mut gb)?;
            }
            *grads.get_or_alloc_mut(&x)? = gx;
            *grads.get_or_alloc_mut(&b)? = gb;
            Ok(())
        });
    }
    Ok(y)
}

/// One element for each channel, under another identity than `others`: their gradients are borrowed side by side.
fn vector<S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    t: &Tensor<S, E, D>,
    channels: usize,
    others: &[UniqueId],
    cx: &mut Cx<T>,
) -> Result<Tensor<(usize,), E, D>> {
    if t.shape().num_elements() != channels {
        let found: Vec<usize> = t.shape().concrete().into_iter().collect();
        return Err(Error::shape("weight or bias of a normalisation", &[channels], &found));
    }
    let t = cx.run(t.clone(), |t| t.try_reshape_like(&(channels,)))?;
    if others.contains(&id(&t)) { cx.run(t, |t| t.try_mul(E::ONE)) } else { Ok(t) }
}
