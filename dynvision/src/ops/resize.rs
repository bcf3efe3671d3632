//! Nearest-neighbour resizing.

use super::shape::{contiguous, countable, take};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use dfdx::prelude::*;

/// Nearest neighbour as PyTorch's `Upsample`: row `i` of the result is row `floor(i (H / H'))` of `x`, the ratio in f32;
/// columns likewise. Added to `onto` where that is given, in place where nobody else holds it. Maps that have the size
/// already pass as they are.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C, rows, columns)`, the shape of `onto`.
///
/// # Errors
/// [`Error::Shape`] where `onto` has another shape; [`Error::Setting`] where `x` has no rows or columns but the result
/// has; [`Error::Device`] where the device refuses.
pub fn resize<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    [rows, columns]: [usize; 2],
    onto: Option<Maps<E, D>>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let x = contiguous(x.clone(), graph)?;
    let from @ (b, c, h, w) = *x.shape();
    if onto.is_none() && (h, w) == (rows, columns) {
        return Ok(x);
    }
    countable("resizing to a map", &[c, rows, columns])?;
    if h * w == 0 && rows * columns > 0 {
        return Err(Error::Setting(format!("cannot resize an empty map of {h}x{w} to {rows}x{columns}")));
    }
    let onto = onto.map(|onto| take(onto, graph)).transpose()?;
    if let Some(onto) = onto.as_ref().filter(|onto| *onto.shape() != (b, c, rows, columns)) {
        return Err(Error::shape("what a resized map is added to", &[b, c, rows, columns], &onto.shape().concrete()));
    }
    let before = onto.as_ref().and_then(|onto| graph.before(onto));
    let y = x.device().resize(&x, rows, columns, onto).map_err(Error::device)?;
    let (to, x) = (*y.shape(), x.ghost());
    graph.on_backward_added(before, &y, move |dev, grads, gy| {
        dev.resize_backward(from, to, gy, grads.get_or_alloc_mut(&x)?)
    });
    Ok(y)
}
