//! Adaption of the input.

use super::recurrence::{SelfWeight, Unbiased};
use super::{Spec, built};
use crate::cx::Cx;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::ops::{self, MapShape};
use crate::time::History;
use dfdx::prelude::{Tape, Tensor};
use std::marker::PhantomData;

/// What a model makes of its frames before anything sees them, from step to step.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an adaption of the input",
    label = "expected an adaption, such as `InputAdaption`"
)]
pub trait Adaption: Spec {
    /// The frame as it is seen at this step. `before` is what this gave at the step before; `None` at the first step.
    ///
    /// # Shapes
    /// All of one shape, `(B, C, H, W)`.
    ///
    /// # Errors
    /// Those of its operations.
    fn adapt<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        frame: Tensor<S, E, D>,
        before: Option<&Tensor<S, E, D>>,
        cx: &mut Cx<T>,
    ) -> Result<Tensor<S, E, D>>;
}

/// The first frame fades: `y(0) = x(0)`, then `y(t) = w y(t - 1)` (the original's `InputAdaption`).
///
/// **Only the first frame of a run is seen; all later ones are ignored**, whatever the stimulus shows. It suits a
/// stimulus that is constant; for any other use an [`Adaption`] of your own. Frames of idle steps are not seen either: it
/// starts with the first frame of the stimulus, while the original would take the empty one.
///
/// `S` says where the weight comes from: drawn from ±0.2 and trained, [`TrainedFrom`](super::TrainedFrom) a value, or
/// [`Fixed`](super::Fixed). If it has a bias, `y(t) = w y(t - 1) + b`.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
#[derive(Clone, Copy, Debug, Default)]
pub struct InputAdaption<S = Unbiased>(PhantomData<S>);
crate::spec!(impl [S: SelfWeight] InputAdaption<S> => built::SelfRecurrence<S, E, D>);

impl<W: SelfWeight> Adaption for InputAdaption<W> {
    fn adapt<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        frame: Tensor<S, E, D>,
        before: Option<&Tensor<S, E, D>>,
        cx: &mut Cx<T>,
    ) -> Result<Tensor<S, E, D>> {
        match before {
            None => Ok(frame),
            Some(before) => ops::scale_shift(before, &built.weight, built.bias.as_ref(), cx),
        }
    }
}

/// The frame as it is seen, which becomes the newest of `past`. While the model idles nothing adapts.
///
/// # Errors
/// Those of the adaption.
pub fn adapt<A: Adaption, S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    built: &A::Built<E, D>,
    frame: Tensor<S, E, D>,
    past: &mut History<S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<S, E, D>> {
    if cx.idles() {
        return Ok(frame);
    }
    let adapted = A::adapt(built, frame, past.ago(1), cx)?;
    past.push(Some(adapted.clone()), 1);
    Ok(adapted)
}
