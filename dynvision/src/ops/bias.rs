//! A vector added to maps in a repeating pattern.

use super::shape::{MapShape, given_up, restored};
use crate::cx::{Cx, id};
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use dfdx::prelude::*;

/// Adds a bias for each unit `(C, H, W)`, for each channel `(C)`, or for all `()`: by the number of its elements. Updates
/// `x` in place where nobody else holds it.
///
/// # Shapes
/// `x` and the result are `(B, C, H, W)`.
///
/// # Errors
/// [`Error::Shape`] where the bias is none of these; what the device refuses.
pub fn add_bias<S: MapShape, Z: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D>,
    bias: &Tensor<Z, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<S, E, D>> {
    let maps = given_up(x, cx)?;
    let (b, c, h, w) = *maps.shape();
    let sizes: Vec<usize> = bias.shape().concrete().into_iter().collect();
    let run = match *sizes {
        [] => b * c * h * w,
        [n] if n == c => h * w,
        [i, j, k] if [i, j, k] == [c, h, w] => 1,
        _ => return Err(Error::shape("bias of a map (one for each unit, channel, or for all)", &[c, h, w], &sizes)),
    };
    let len = bias.shape().num_elements();
    if run * len == 0 {
        return restored("bias", maps);
    }
    let bias: Tensor<(usize,), E, D> = cx.run(bias.clone(), |bias| bias.try_reshape_like(&(len,)))?;
    let (before, before_id, device) = (maps.ghost(), id(&maps), maps.device().clone());
    let y = device.add_bias(maps, &bias, run).map_err(Error::device)?;
    let (to, bias) = (*y.shape(), bias.ghost());
    let add = move |dev: &D, grads: &mut Gradients<E, D>, gy: &<D as Storage<E>>::Vec| {
        dev.add_bias_backward(len, run, to, gy, grads.get_or_alloc_mut(&bias)?)
    };
    if id(&y) == before_id {
        cx.on_backward_in_place(&y, move |dev, grads, gy| {
            add(dev, grads, &gy)?;
            Ok(gy)
        });
    } else {
        cx.on_backward(&y, move |dev, grads, gy| {
            add(dev, grads, &gy)?;
            dev.accumulate(E::ONE, &gy, grads.get_or_alloc_mut(&before)?)
        });
    }
    restored("bias", y)
}
