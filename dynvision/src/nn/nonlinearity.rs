//! Nonlinearities.

use super::{Empty, MapOf, Operation};
use crate::cx::Cx;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use dfdx::prelude::{Dim, Tape};

/// An operation on single units. Any shape-keeping [`Operation`] can be one: `impl Nonlinearity for Mine {}`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a nonlinearity",
    label = "expected a nonlinearity, such as `Relu`",
    note = "an operation becomes one by `impl dynvision::nn::Nonlinearity`"
)]
pub trait Nonlinearity: Operation {
    /// Whether it is `max(x, 0)`, which a solver's step includes at no cost.
    const RECTIFIES: bool = false;
}

/// `max(x, 0)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relu;
crate::spec!(impl Relu => Empty);
impl Operation for Relu {
    fn apply<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: MapOf<B, C, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, C, H, W, E, D>> {
        ops::relu(x, cx)
    }
}
#[diagnostic::do_not_recommend]
impl Nonlinearity for Relu {
    const RECTIFIES: bool = true;
}

/// Nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity;
crate::spec!(impl Identity => Empty);
impl Operation for Identity {
    fn apply<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: MapOf<B, C, H, W, E, D>,
        _: &mut Cx<T>,
    ) -> Result<MapOf<B, C, H, W, E, D>> {
        Ok(x)
    }
}
#[diagnostic::do_not_recommend]
impl Nonlinearity for Identity {}
