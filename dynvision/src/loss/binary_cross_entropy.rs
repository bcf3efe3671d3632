//! Cross-entropy of several labels for one sample.

use super::pointwise::{Pointwise, UnitResponses, mean};
use super::{HasResponses, Loss, Output, Over, Place};
use crate::autograd::Graph;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::model::DynModel;
use dfdx::prelude::*;
use serde::{Deserialize, Serialize};

/// Cross-entropy of each class by itself, for samples with several labels: the mean over samples, steps and classes of
/// `-w (p ln s(x) + (1 - p) ln(1 - s(x)))`, with the logistic function `s` of the logits `x`, the probability `p` (0 or 1, or
/// between) that the data set gives for [`Place::Readout`], and its weight `w`, by whose sum it is divided.
///
/// # Shapes
/// Logits and probabilities `(batch, steps, classes)`.
///
/// # Errors
/// A model of which the data set gives no probabilities, or of another size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BinaryCrossEntropy {}

impl<E: Element, D: VisionDevice<E>> Pointwise<E, D> for BinaryCrossEntropy {
    /// `x (1/2 - p) + |x| / 2 + ln(1 + exp(-|x|))`, which no logit makes infinite and whose gradient is right at 0, too.
    fn sum<T: Tape<E, D>>(
        &self,
        responses: UnitResponses<E, D>,
        expected: UnitResponses<E, D>,
        weights: Option<UnitResponses<E, D>>,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        let device = responses.device().clone();
        graph.run(responses, |x| device.binary_cross_entropy(x, expected, weights))
    }
}

impl<M, E, D, Y> Loss<M, E, D, Y> for BinaryCrossEntropy
where
    M: DynModel<E, D>,
    E: Element,
    D: VisionDevice<E>,
    Y: HasResponses,
{
    fn name(&self) -> String {
        "binary_cross_entropy".into()
    }

    fn needs_responses(&self) -> bool {
        false
    }

    fn over(&self) -> Over {
        Over::Responses
    }

    fn count(&self, target: &Y) -> f64 {
        target.unit_responses().count_of(&[Place::Readout])
    }

    fn loss<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<M, B, E, D>,
        target: &Y,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        mean(self, &[Place::Readout], output, target.unit_responses(), graph)
    }
}
