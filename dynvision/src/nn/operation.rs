//! What an area does to its maps besides its layer: nonlinearities, norms, a user's own.

use super::Spec;
use crate::error::Result;
use crate::geometry::Map;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::unroll::Context;
use dfdx::prelude::Tape;

/// An operation that keeps the shape of a map. A user's dfdx module becomes one through
/// [`Graph::run`](crate::autograd::Graph::run):
///
/// ```
/// use dynvision::{error::Result, kernels::{Element, Maps, VisionDevice}, nn::{Empty, Operation}, unroll::Context};
/// use dfdx::prelude::Tape;
///
/// /// `tanh(x)`.
/// struct Squash;
/// dynvision::spec!(impl Squash => Empty);
/// impl Operation for Squash {
///     fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
///         _: &Empty,
///         x: Maps<E, D>,
///         cx: &mut Context<E, D, T>,
///     ) -> Result<Maps<E, D>> {
///         cx.run(x, |x| x.try_tanh())
///     }
/// }
/// assert_eq!(Squash::CHANNELS, None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an operation of a dynamic model",
    note = "an operation implements `dynvision::nn::Operation`"
)]
pub trait Operation: Spec {
    /// How many channels it needs; `None` if any number will do.
    const CHANNELS: Option<usize> = None;
    /// Which maps it needs, if it is made for one size alone.
    const MAP: Option<Map> = None;
    /// Numbers of its declaration that the original keeps beside its weights, by the names there, such as `supralin.n`: an
    /// import compares them.
    const NUMBERS: &'static [(&'static str, f64)] = &[];
    /// Why its parameters cannot be meant, if they cannot; read by `cargo check`.
    const MISFIT: Option<&'static str> = None;

    /// Applies the operation to `x`.
    ///
    /// # Shapes
    /// `(B, C, H, W)`, as it was.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>>;

    /// Returns what stands in for an absent signal: nothing, unless the operation brings a signal of its own, of the size
    /// [`Context::input`] in a batch of [`Context::batch`].
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn absent<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _built: &Self::Built<E, D>,
        _cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        Ok(None)
    }
}
