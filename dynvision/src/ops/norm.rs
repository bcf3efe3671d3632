//! Normalisation.

use super::shape::{RunTimeSizes, contiguous, vector};
use crate::autograd::{Graph, id, take_grad};
use crate::error::{Error, Result};
use crate::geometry::Over;
use crate::kernels::{Element, Maps, Moments, Vector, VisionDevice};
use dfdx::prelude::*;

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
pub fn group_norm<S: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    groups: usize,
    eps: f64,
    x: &Maps<E, D>,
    affine: Affine<'_, S, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let channels = x.shape().1;
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(Error::Setting(format!("{channels} channels cannot be normalised in {groups} groups")));
    }
    over(Over::Groups(groups), eps, x, affine, graph).map(|(y, _)| y)
}

/// Each channel by its moments over the batch (Ioffe and Szegedy 2015), which are given beside the result.
///
/// # Shapes
/// `x` and the result are `(B, C, H, W)`, weight and bias `(C)`.
///
/// # Errors
/// [`Error::Shape`] where weight or bias has not as many elements as `x` has channels.
#[allow(clippy::type_complexity)] // the result and its moments
pub fn batch_norm<S: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    eps: f64,
    x: &Maps<E, D>,
    affine: Affine<'_, S, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<(Maps<E, D>, Moments<E, D>)> {
    over(Over::Batch, eps, x, affine, graph)
}

/// Each channel by moments that are given: running ones. Gradients pass to `x`, weight and bias, none to the moments.
///
/// # Shapes
/// `x` and the result are `(B, C, H, W)`, all else `(C)`.
///
/// # Errors
/// As [`batch_norm`].
pub fn normalize<S: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    eps: f64,
    x: &Maps<E, D>,
    (mean, variance): (&Tensor<S, E, D>, &Tensor<S, E, D>),
    affine: Affine<'_, S, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (x, w, b) = operands(x, affine, graph)?;
    // what is computed of the moments is not recorded
    let mut aside = Graph::new(NoneTape);
    let channels = x.shape().1;
    let moments = Moments {
        mean: for_channels(mean, channels, &[], &mut aside)?,
        variance: for_channels(variance, channels, &[], &mut aside)?,
    };
    if x.shape().num_elements() == 0 {
        return Ok(x);
    }
    by_moments(Over::Batch, true, eps, (x, w, b), moments, graph)
}

fn over<S: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    over: Over,
    eps: f64,
    x: &Maps<E, D>,
    affine: Affine<'_, S, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<(Maps<E, D>, Moments<E, D>)> {
    let (x, w, b) = operands(x, affine, graph)?;
    if x.shape().num_elements() == 0 {
        return Err(Error::Setting(format!("nothing to normalise in maps of {:?}", x.shape().concrete())));
    }
    let moments = x.device().moments(over, &x).map_err(Error::device)?;
    let y = by_moments(over, false, eps, (x, w, b), moments.clone(), graph)?;
    Ok((y, moments))
}

/// Maps, weights and biases.
type Operands<E, D> = (Maps<E, D>, Vector<E, D>, Vector<E, D>);

/// What is normalised, as kernels need it.
fn operands<S: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    affine: Affine<'_, S, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Operands<E, D>> {
    let x = contiguous(x.clone(), graph)?;
    let channels = x.shape().1;
    let w = for_channels(affine.weight, channels, &[id(&x)], graph)?;
    let b = for_channels(affine.bias, channels, &[id(&x), id(&w)], graph)?;
    Ok((x, w, b))
}

/// The normalisation by moments that are `given`, or else are those of `x`.
fn by_moments<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    over: Over,
    given: bool,
    eps: f64,
    (x, w, b): Operands<E, D>,
    moments: Moments<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let y = x.device().normalize(over, eps, &x, &moments, &w, &b).map_err(Error::device)?;
    if T::OWNS_TAPE {
        graph.on_backward(&y, move |dev, grads, gy| {
            // several gradients at once: take those of input and bias out, borrow that of the weight
            let mut gx = take_grad(dev, grads.get_or_alloc_mut(&x)?)?;
            let mut gb = take_grad(dev, grads.get_or_alloc_mut(&b)?)?;
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
fn for_channels<S: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    t: &Tensor<S, E, D>,
    channels: usize,
    others: &[UniqueId],
    graph: &mut Graph<E, D, T>,
) -> Result<Vector<E, D>> {
    if t.shape().num_elements() != channels {
        let found: Vec<usize> = t.shape().concrete().into_iter().collect();
        return Err(Error::shape("weight or bias of a normalisation", &[channels], &found));
    }
    let t = vector(t, graph)?;
    if others.contains(&id(&t)) { graph.run(t, |t| t.try_mul(E::ONE)) } else { Ok(t) }
}
