//! Pooling.

use super::{MapOf, Signal};
use crate::cx::Cx;
use crate::error::Result;
use crate::geometry::{Geometry, Window};
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use dfdx::prelude::{Dim, Tape};

/// A pooling: what an area sends on is smaller than what it answers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pooling",
    label = "expected a pooling, such as `MaxPool2d<3, 2, 1>`"
)]
pub trait Pool {
    /// What it does to the shape of a map.
    const GEOMETRY: Geometry;

    /// The pooled maps.
    ///
    /// # Shapes
    /// `(B, C, H, W)` to `(B, C, Ho, Wo)` by `GEOMETRY`.
    ///
    /// # Errors
    /// Those of its operations.
    fn pool<B: Dim, C: Dim, H: Dim, W: Dim, Ho: Dim, Wo: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: &MapOf<B, C, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, C, Ho, Wo, E, D>>;
}

/// The maximum of each window of `K` with stride `S` and padding `P`; padding never wins.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C, H', W')` with `H' = (H + 2 P - K) / S + 1`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MaxPool2d<const K: usize, const S: usize = K, const P: usize = 0>;
/// The mean of each window of `K` with stride `S` and padding `P`; padding counts as zeros.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C, H', W')` with `H' = (H + 2 P - K) / S + 1`.
#[derive(Clone, Copy, Debug, Default)]
pub struct AvgPool2d<const K: usize, const S: usize = K, const P: usize = 0>;

#[diagnostic::do_not_recommend]
impl<const K: usize, const S: usize, const P: usize> Pool for MaxPool2d<K, S, P> {
    const GEOMETRY: Geometry = Geometry::pool(Window::new(K, S, P));

    fn pool<B: Dim, C: Dim, H: Dim, W: Dim, Ho: Dim, Wo: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: &MapOf<B, C, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, C, Ho, Wo, E, D>> {
        if (K, S, P) == (1, 1, 0) {
            return ops::retyped("maximum pooling", x.clone(), cx);
        }
        ops::max_pool2d(Window::new(K, S, P), x, cx)
    }
}
#[diagnostic::do_not_recommend]
impl<const K: usize, const S: usize, const P: usize> Pool for AvgPool2d<K, S, P> {
    const GEOMETRY: Geometry = Geometry::pool(Window::new(K, S, P));

    fn pool<B: Dim, C: Dim, H: Dim, W: Dim, Ho: Dim, Wo: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: &MapOf<B, C, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, C, Ho, Wo, E, D>> {
        ops::avg_pool2d(Window::new(K, S, P), x, cx)
    }
}

/// [`Pool::pool`] where there is a signal.
///
/// # Errors
/// Those of the pooling.
pub fn pool<P: Pool, B: Dim, C: Dim, H: Dim, W: Dim, Ho: Dim, Wo: Dim, E, D, T>(
    x: Signal<(B, C, H, W), E, D>,
    cx: &mut Cx<T>,
) -> Result<Signal<(B, C, Ho, Wo), E, D>>
where
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    x.map(|x| P::pool(&x, cx)).transpose()
}
