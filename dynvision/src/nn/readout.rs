//! What ends a model.

use super::{Signal, Spec};
use crate::cx::Cx;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use dfdx::prelude::{ConstDim, Dim, Tape, Tensor};

/// What a readout takes of the last area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Features {
    /// One number for each channel.
    Channels(usize),
    /// One number for each unit.
    Units(usize),
    /// Whatever it gets.
    Any,
}

/// A readout: from the maps of the last area to classes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a readout",
    label = "expected a readout, such as `Classifier<FEATURES, CLASSES>`",
    note = "only the last field carries `#[readout]`; the others are areas"
)]
pub trait Readout: Spec {
    /// What it takes.
    const FEATURES: Features;
    /// What it gives: `Const<..>`.
    type Classes: ConstDim;

    /// The logits; zeros while there is no signal.
    ///
    /// # Shapes
    /// `x: (B, C, H, W)`, result `(B, Classes)`.
    ///
    /// # Errors
    /// Those of its operations.
    fn read<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Signal<(B, C, H, W), E, D>,
        batch: B,
        cx: &mut Cx<T>,
    ) -> Result<Tensor<(B, Self::Classes), E, D>>;
}
