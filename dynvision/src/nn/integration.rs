//! How a second signal joins a first one.

use crate::cx::Cx;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::ops::{self, MapShape};
use dfdx::prelude::{Tape, Tensor};
use std::fmt::Debug;

/// How a recurrence, skip or feedback signal `h` is integrated into a drive `x`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an integration",
    label = "expected `Additive`, `Multiplicative` or an integration of your own"
)]
pub trait Integration: Clone + Debug + 'static {
    /// Whether it is the plain sum, which costs nothing beyond computing `h`.
    const IS_SUM: bool = false;

    /// `x` and `h` become one.
    ///
    /// # Shapes
    /// `x`, `h` and the result have one shape.
    ///
    /// # Errors
    /// Those of its operations.
    fn integrate<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D>,
        h: &Tensor<S, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<Tensor<S, E, D>>;
}

/// `x + h`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Additive;
impl Integration for Additive {
    const IS_SUM: bool = true;

    fn integrate<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D>,
        h: &Tensor<S, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<Tensor<S, E, D>> {
        ops::add(x, h, cx)
    }
}

/// `x (1 + tanh h)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Multiplicative;
impl Integration for Multiplicative {
    fn integrate<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D>,
        h: &Tensor<S, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<Tensor<S, E, D>> {
        ops::gain(&x, h, cx)
    }
}

/// `x`: the second signal is not integrated, but stands in where the first is absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoIntegration;
impl Integration for NoIntegration {
    fn integrate<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D>,
        _: &Tensor<S, E, D>,
        _: &mut Cx<T>,
    ) -> Result<Tensor<S, E, D>> {
        Ok(x)
    }
}
