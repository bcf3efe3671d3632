//! Dropout.

use crate::cx::Cx;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use dfdx::prelude::*;

/// Sets each element to 0 with probability `p` and scales the others by `1 / (1 - p)`, where gradients are recorded; else
/// gives `x` itself. The draws are those of the device.
///
/// # Errors
/// What the device refuses.
pub fn dropout<S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    p: f64,
    x: Tensor<S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<S, E, D>> {
    if !T::OWNS_TAPE || p == 0.0 {
        return Ok(x);
    }
    cx.run(x, |x| x.try_contiguous()?.try_dropout(p))
}
