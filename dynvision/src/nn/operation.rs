//! What an area does to its maps besides its layer: nonlinearities, norms, a user's own.

use super::{MapOf, Signal, Spec};
use crate::cx::Cx;
use crate::error::Result;
use crate::geometry::Map;
use crate::kernels::{Element, VisionDevice};
use dfdx::prelude::{Dim, Tape};

/// An operation that keeps the shape of a map. A user's dfdx module becomes one through [`Cx::run`]:
///
/// ```
/// use dynvision::{cx::Cx, error::Result, kernels::{Element, VisionDevice}, nn::{Empty, MapOf, Operation}};
/// use dfdx::prelude::{Dim, Tape};
///
/// /// `tanh(x)`.
/// struct Squash;
/// dynvision::spec!(impl Squash => Empty);
/// impl Operation for Squash {
///     fn apply<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
///         _: &Empty,
///         x: MapOf<B, C, H, W, E, D>,
///         cx: &mut Cx<T>,
///     ) -> Result<MapOf<B, C, H, W, E, D>> {
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

    /// Why its parameters cannot be meant, if they cannot; read by `cargo check`.
    const MISFIT: Option<&'static str> = None;

    /// What becomes of `x`.
    ///
    /// # Shapes
    /// `(B, C, H, W)`, as it was.
    ///
    /// # Errors
    /// Those of what it calls.
    fn apply<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: MapOf<B, C, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, C, H, W, E, D>>;

    /// What stands in for an absent signal in a batch of maps of this `shape`: nothing, unless the operation brings a
    /// signal of its own.
    ///
    /// # Errors
    /// Those of what it calls.
    fn absent<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _built: &Self::Built<E, D>,
        _shape: (B, C, H, W),
        _cx: &mut Cx<T>,
    ) -> Result<Signal<(B, C, H, W), E, D>> {
        Ok(None)
    }
}

/// [`Operation::apply`] where there is a signal, [`Operation::absent`] where there is none.
///
/// # Errors
/// Those of the operation.
pub fn apply<O: Operation, B: Dim, C: Dim + Default, H: Dim + Default, W: Dim + Default, E, D, T>(
    built: &O::Built<E, D>,
    x: Signal<(B, C, H, W), E, D>,
    batch: B,
    cx: &mut Cx<T>,
) -> Result<Signal<(B, C, H, W), E, D>>
where
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    match x {
        Some(x) => O::apply(built, x, cx).map(Some),
        None => O::absent(built, (batch, C::default(), H::default(), W::default()), cx),
    }
}
