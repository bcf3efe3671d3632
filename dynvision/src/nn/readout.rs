//! What ends a model.

use super::Spec;
use crate::error::Result;
use crate::geometry::Features;
use crate::kernels::{Element, Maps, Matrix, VisionDevice};
use crate::unroll::Context;
use dfdx::prelude::{ConstDim, Tape};

/// A readout: from the maps of the last area to classes. While there is no signal, the logits of a model are zeros, and
/// its readout does not run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a readout",
    label = "expected a readout, such as `Classifier<FEATURES, CLASSES>`",
    note = "only the last field carries `#[readout]`; the others are areas"
)]
pub trait Readout: Spec {
    /// What it takes.
    const FEATURES: Features;
    /// The number of classes: `Const<..>`.
    type Classes: ConstDim;

    /// Computes the logits.
    ///
    /// # Shapes
    /// `x: (B, C, H, W)`, result `(B, Classes)`.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Matrix<E, D>>;
}
