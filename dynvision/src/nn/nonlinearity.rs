//! Nonlinearities.

use super::{Empty, Operation};
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::Tape;

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

/// Rectification, `max(x, 0)`.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{nn::{Empty, Operation, Relu}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let x = ops::erase(Cpu::default().tensor([[[[3.0f32, -1.0]]]]))?;
/// let y = Relu::forward(&Empty, x, &mut Context::new(NoneTape, Plan::default()))?;
/// assert_eq!(y.as_vec(), [3.0, 0.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Relu;
crate::spec!(impl Relu => Empty);
impl Operation for Relu {
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        ops::relu(x, cx)
    }
}
#[diagnostic::do_not_recommend]
impl Nonlinearity for Relu {
    const RECTIFIES: bool = true;
}

/// The identity, `x`: responses keep their sign.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::nn::{Identity, Nonlinearity, Relu};
/// assert!(Relu::RECTIFIES && !Identity::RECTIFIES);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity;
crate::spec!(impl Identity => Empty);
impl Operation for Identity {
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        _: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        Ok(x)
    }
}
#[diagnostic::do_not_recommend]
impl Nonlinearity for Identity {}
