//! A vector added to maps in a repeating pattern.

use super::shape::{RunTimeSizes, take, vector};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use dfdx::prelude::*;

/// Adds a bias for each unit `(C, H, W)`, for each channel `(C)`, or for all `()`: by the number of its elements. Updates
/// `x` in place where nobody else holds it.
///
/// # Shapes
/// `x` and the result are `(B, C, H, W)`.
///
/// # Errors
/// [`Error::Shape`] where the bias is none of these; [`Error::Device`] where the device refuses.
pub fn add_bias<Z: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: Maps<E, D>,
    bias: &Tensor<Z, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let x = take(x, graph)?;
    let (b, c, h, w) = *x.shape();
    let sizes: Vec<usize> = bias.shape().concrete().into_iter().collect();
    let run = match *sizes {
        [] => b * c * h * w,
        [n] if n == c => h * w,
        [i, j, k] if [i, j, k] == [c, h, w] => 1,
        _ => return Err(Error::shape("bias of a map (one for each unit, channel, or for all)", &[c, h, w], &sizes)),
    };
    let len = bias.shape().num_elements();
    if run * len == 0 {
        return Ok(x);
    }
    let bias = vector(bias, graph)?;
    let (before, device) = (graph.before(&x), x.device().clone());
    let y = device.add_bias(x, &bias, run).map_err(Error::device)?;
    let (to, bias) = (*y.shape(), bias.ghost());
    graph.on_backward_update(before, &y, move |dev, grads, gy| {
        dev.add_bias_backward(len, run, to, &gy, grads.get_or_alloc_mut(&bias)?)?;
        Ok(gy)
    });
    Ok(y)
}
