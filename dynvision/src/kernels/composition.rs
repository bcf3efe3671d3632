//! What the compositions of dfdx's operations share: the gradient of a composition, and values read by tables of indices.
//!
//! The composition of an operation is its default: what a device runs that has no kernel of its own for it, and the second
//! implementation that tests compare the kernels of the CPU with. Forward, values are gathered by tables of indices and
//! summed by matrix products and reductions; backward, the same composition runs on a tape of its own ([`adjoint`]), so
//! no gradient is written down. The tensors of one call have different identities, and sizes that fit each other: the
//! operations see to both.

use super::id;
use super::{Buffer, Element, Sizes};
use crate::geometry::{Border, Window};
use dfdx::prelude::*;
use std::mem;

/// A tensor with a tape of its own.
pub(super) type Traced<S, E, D> = Tensor<S, E, D, OwnedTape<E, D>>;

/// Adds to the gradients beside `inputs` what `gy`, the gradient of what `f` makes of them, passes back through `f`,
/// which makes a tensor with an identity of its own.
pub(super) fn adjoint<const N: usize, S: Shape, Y: Shape, E: Element, D: Device<E>>(
    inputs: [(&Tensor<S, E, D>, &mut Buffer<E, D>); N],
    gy: Buffer<E, D>,
    f: impl FnOnce([Traced<S, E, D>; N]) -> Result<Traced<Y, E, D>, D::Err>,
) -> Result<(), D::Err> {
    let (y, mut tape) = f(inputs.each_ref().map(|(x, _)| x.retaped()))?.split_tape();
    let mut given = Gradients::leaky();
    let mut inputs = inputs.map(|(x, gx)| (x.ghost(), gx));
    for (x, gx) in &mut inputs {
        mem::swap(given.get_or_alloc_mut(x)?, *gx);
    }
    let device = y.device().clone();
    tape.add_backward_op(move |grads| {
        *given.get_or_alloc_mut(&y)? = gy;
        *grads = given;
        Ok(())
    });
    // dfdx starts from a single number; the operation above runs next, and puts our gradients in place
    let start: Tensor<(), E, D> = device.try_zeros_like(&())?;
    let mut grads = start.put_tape(tape).try_backward()?;
    for (x, gx) in inputs {
        mem::swap(grads.get_or_alloc_mut(&x)?, gx);
    }
    Ok(())
}

/// The tensor, or a contiguous one like it where it is a view, whose gradient is right on every device.
///
/// The copy is a sum with zeros: dfdx 0.13 passes the gradient of a reshape of a broadcast tensor, of which its
/// `try_contiguous` is one, back only in part on CUDA.
pub(crate) fn contiguous<S: Shape, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    let plain = x.retaped::<NoneTape>();
    if id(&plain.clone().try_contiguous()?) == id(&plain) {
        return x.try_contiguous();
    }
    let zeros: Tensor<S, E, D> = x.device().try_zeros_like(x.shape())?;
    x.try_add(zeros)
}

/// The value of each plane of `x` that stands at each index of `from`, and `beyond` where there is none.
pub(super) fn sample<E: Element, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<Sizes, E, D, T>,
    beyond: E,
    from: Vec<Option<usize>>,
) -> Result<Tensor<(usize, usize), E, D, T>, D::Err> {
    let ((b, c, h, w), dev) = (*x.shape(), x.device().clone());
    let (planes, units, len) = (b * c, h * w, from.len());
    let edge: Tensor<(usize, usize), E, D> = dev.try_zeros_like(&(planes, 1))?.try_add(beyond)?;
    let from = from.into_iter().map(|from| from.unwrap_or(units)).collect();
    let from: Tensor<(usize,), usize, D> = dev.try_tensor_from_vec(from, (len,))?;
    let x = (contiguous(x)?.try_reshape_like(&(planes, units))?, edge).try_concat_along(Axis::<1>)?;
    x.try_gather(from.try_broadcast_like::<_, Axis<0>>(&(planes, len))?)
}

/// Tap by tap, place by place: where in a plane of `h` rows and `w` columns a window reads.
pub(super) fn taps(window: Window, border: Border, [h, w]: [usize; 2]) -> Vec<Option<usize>> {
    let along = |place: usize, tap: usize, dim: usize| {
        let at = place.saturating_mul(window.stride).saturating_add(tap.saturating_mul(window.dilation));
        match (at.checked_sub(window.padding), border) {
            (Some(at), _) if at < dim => Some(at),
            (Some(at), Border::Reflect) => Some(2 * (dim - 1) - at),
            (None, Border::Reflect) => Some(window.padding - at),
            (_, Border::Zero) => None,
        }
    };
    let (rows, columns, k) = (window.output_len(h), window.output_len(w), window.kernel);
    let at =
        |tap: usize, place: usize| Some(along(place / columns, tap / k, h)? * w + along(place % columns, tap % k, w)?);
    (0..k * k).flat_map(|tap| (0..rows * columns).map(move |place| at(tap, place))).collect()
}

/// What the taps of `window` read: `(planes, taps, places)`.
pub(super) fn windows<E: Element, D: Device<E>, T: Tape<E, D>>(
    window: Window,
    border: Border,
    beyond: E,
    x: Tensor<Sizes, E, D, T>,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, D::Err> {
    let (b, c, h, w) = *x.shape();
    let read = sample(x, beyond, taps(window, border, [h, w]))?;
    read.try_reshape_like(&(b * c, window.kernel * window.kernel, window.output_len(h) * window.output_len(w)))
}

/// The maps that a window makes of maps of `sizes`.
pub(super) fn made(window: Window, (b, c, h, w): Sizes) -> Sizes {
    (b, c, window.output_len(h), window.output_len(w))
}

/// `x`, and zero where `by` is not positive; NaN stays NaN.
pub(super) fn rectified<S: Shape, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    by: &Tensor<S, E, D>,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    let zeros: Tensor<S, E, D> = x.device().try_zeros_like(x.shape())?;
    by.try_le(E::default())?.try_choose(zeros.retaped(), x)
}
