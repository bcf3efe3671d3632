//! How a second signal joins a first one.

use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::Tape;
use std::fmt::Debug;

/// How a recurrence, skip or feedback signal `h` is integrated into a drive `x`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an integration",
    label = "expected `Additive`, `Multiplicative` or an integration of your own"
)]
pub trait Integration: Clone + Debug + 'static {
    /// Whether it is the plain sum, which costs nothing beyond computing `h`.
    const IS_SUM: bool = false;

    /// Makes one signal of `x` and `h`.
    ///
    /// # Shapes
    /// `x`, `h` and the result have one shape `(B, C, H, W)`.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn integrate<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: Maps<E, D>,
        h: &Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>>;
}

/// The sum, `x + h`.
///
/// # Shapes
/// `x`, `h` and the result have one shape `(B, C, H, W)`.
///
/// ```
/// use dynvision::{nn::{Additive, Integration}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let (x, h) = (ops::erase(dev.tensor([[[[1.0f32, 2.0]]]]))?, ops::erase(dev.tensor([[[[0.5, -2.0]]]]))?);
/// let y = Additive::integrate(x, &h, &mut Context::new(NoneTape, Plan::default()))?;
/// assert_eq!(y.as_vec(), [1.5, 0.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Additive;
impl Integration for Additive {
    const IS_SUM: bool = true;

    fn integrate<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: Maps<E, D>,
        h: &Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        ops::add(x, h, cx)
    }
}

/// A gain between 0 and 2, `x (1 + tanh h)`.
///
/// # Shapes
/// `x`, `h` and the result have one shape `(B, C, H, W)`.
///
/// ```
/// use dynvision::{nn::{Integration, Multiplicative}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let (x, h) = (ops::erase(dev.tensor([[[[1.0f64, 2.0]]]]))?, ops::erase(dev.tensor([[[[0.0, 1.0]]]]))?);
/// let y = Multiplicative::integrate(x, &h, &mut Context::new(NoneTape, Plan::default()))?;
/// assert_eq!(y.as_vec(), [1.0, 2.0 * (1.0 + 1f64.tanh())]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Multiplicative;
impl Integration for Multiplicative {
    fn integrate<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: Maps<E, D>,
        h: &Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        ops::gain(&x, h, cx)
    }
}

/// The first signal, `x`: the second one is not integrated, but stands in where the first is absent.
///
/// # Shapes
/// `x`, `h` and the result have one shape `(B, C, H, W)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoIntegration;
impl Integration for NoIntegration {
    fn integrate<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: Maps<E, D>,
        _: &Maps<E, D>,
        _: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        Ok(x)
    }
}
