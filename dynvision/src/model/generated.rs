//! What `#[dyn_model]` writes.

use crate::error::Result;
use crate::geometry::Map;
use crate::kernels::{Element, VisionDevice};
use crate::time::{Dynamics, Wiring};
use crate::unroll::{Context, Initial, MapAreas, Observer, PerArea, State, VisitAreas};
use dfdx::nn::TensorCollection;
use dfdx::prelude::*;

/// One frame of a batch for model `M`: `(batch, channels, rows, columns)`.
pub type Frame<M, B, E, D, T = NoneTape> = Tensor<FrameShape<M, B, E, D>, E, D, T>;
/// The shape of a [`Frame`].
pub type FrameShape<M, B, E, D> =
    (B, <M as GeneratedModel<E, D>>::Channels, <M as GeneratedModel<E, D>>::Height, <M as GeneratedModel<E, D>>::Width);
/// Logits of one step: `(batch, classes)`.
pub type Logits<M, B, E, D, T = NoneTape> = Tensor<(B, <M as GeneratedModel<E, D>>::Classes), E, D, T>;
/// Logits of a run: `(batch, time, classes)`.
pub type LogitsInTime<M, B, E, D, T = NoneTape> = Tensor<(B, usize, <M as GeneratedModel<E, D>>::Classes), E, D, T>;

/// The half of a model that `#[dyn_model]` writes and the library calls; people call [`DynModel`](super::DynModel).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a dynamic model",
    note = "the attribute `#[dyn_model]` on a struct `Net` writes the model `NetModel`"
)]
pub trait GeneratedModel<E: Element, D: VisionDevice<E>>: TensorCollection<E, D> + Clone + 'static {
    /// Channels of a frame.
    type Channels: ConstDim;
    /// Rows of a frame.
    type Height: ConstDim;
    /// Columns of a frame.
    type Width: ConstDim;
    /// Classes of the readout.
    type Classes: ConstDim;
    /// One field for each area; the marker says what it holds.
    type Areas<K: PerArea, B: Dim>: Clone + 'static;

    /// The areas and how they are connected.
    const WIRING: Wiring;

    /// What a stimulus shows beside the frame: names, and one image of each.
    const BESIDE: &'static [(&'static str, Map)] = &[];

    /// The readouts, where there are several: their fields among the areas, and what they answer. The first gives the logits.
    const READOUTS: &'static [(&'static str, Map)] = &[];

    /// The time constants.
    fn get_dynamics(&self) -> &Dynamics;

    /// The time constants, to be changed.
    fn get_dynamics_mut(&mut self) -> &mut Dynamics;

    /// Returns what is held of each area before the first step.
    fn initial<K: Initial, B: Dim>() -> Self::Areas<K, B>;

    /// Makes something else of what is held of each area.
    ///
    /// # Errors
    /// Those of `f`.
    fn map_areas<F: PerArea, G: PerArea, B: Dim>(
        areas: Self::Areas<F, B>,
        f: &mut impl MapAreas<F, G, E, D>,
    ) -> Result<Self::Areas<G, B>>;

    /// Visits what is held of each area.
    ///
    /// # Errors
    /// Those of `f`.
    fn visit_areas<F: PerArea, B: Dim>(areas: &Self::Areas<F, B>, f: &mut impl VisitAreas<F, E, D>) -> Result<()>;

    /// Runs one timestep of every area, then the readout.
    ///
    /// # Errors
    /// Those of the parts.
    fn advance<K: Observer, B: Dim, T: Tape<E, D>>(
        &self,
        frame: Frame<Self, B, E, D>,
        state: &mut Self::Areas<State, B>,
        observed: &mut Self::Areas<K, B>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Logits<Self, B, E, D>>;
}
