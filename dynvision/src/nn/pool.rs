//! Pooling.

use crate::error::Result;
use crate::geometry::{Geometry, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::Tape;

/// A pooling: makes the map that an area sends on smaller than its response.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pooling",
    label = "expected a pooling, such as `MaxPool2d<3, 2, 1>`"
)]
pub trait Pool {
    /// What it does to the shape of a map.
    const GEOMETRY: Geometry;

    /// Returns the pooled maps.
    ///
    /// # Shapes
    /// `(B, C, H, W)` to `(B, C, H', W')` by `GEOMETRY`.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: &Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>>;
}

/// The maximum of each window of `K` with stride `S` and padding `P`; padding never wins.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C, H', W')` with `H' = (H + 2 P - K) / S + 1`.
///
/// ```
/// use dynvision::{nn::{MaxPool2d, Pool}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let x = ops::erase(Cpu::default().tensor([[[[1.0f32, 2.0], [4.0, 3.0]]]]))?;
/// let y = MaxPool2d::<2>::forward(&x, &mut Context::new(NoneTape, Plan::default()))?;
/// assert_eq!(y.as_vec(), [4.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MaxPool2d<const K: usize, const S: usize = K, const P: usize = 0>;
/// The mean of each window of `K` with stride `S` and padding `P`; padding counts as zeros.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C, H', W')` with `H' = (H + 2 P - K) / S + 1`.
///
/// ```
/// use dynvision::{nn::{AvgPool2d, Pool}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let x = ops::erase(Cpu::default().tensor([[[[1.0f32, 2.0], [4.0, 3.0]]]]))?;
/// let y = AvgPool2d::<2>::forward(&x, &mut Context::new(NoneTape, Plan::default()))?;
/// assert_eq!(y.as_vec(), [2.5]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AvgPool2d<const K: usize, const S: usize = K, const P: usize = 0>;

#[diagnostic::do_not_recommend]
impl<const K: usize, const S: usize, const P: usize> Pool for MaxPool2d<K, S, P> {
    const GEOMETRY: Geometry = Geometry::pool(Window::new(K, S, P));

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: &Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        if (K, S, P) == (1, 1, 0) {
            return Ok(x.clone());
        }
        ops::max_pool2d(Window::new(K, S, P), x, cx)
    }
}
#[diagnostic::do_not_recommend]
impl<const K: usize, const S: usize, const P: usize> Pool for AvgPool2d<K, S, P> {
    const GEOMETRY: Geometry = Geometry::pool(Window::new(K, S, P));

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: &Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        ops::avg_pool2d(Window::new(K, S, P), x, cx)
    }
}
