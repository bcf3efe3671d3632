//! How much areas change from step to step.

use super::area::{OfArea, mean_of_areas};
use super::{Loss, Output, Over, Target, number, zero};
use crate::autograd::Graph;
use crate::error::Result;
use crate::kernels::{Element, LossKernel, VisionDevice};
use crate::model::DynModel;
use dfdx::prelude::*;
use serde::{Deserialize, Serialize};

/// The mean over units, images and steps of `(a(t + 1) - a(t))^2`, then over areas: what the guide's `SpatioTemporalLoss`
/// adds to cross-entropy.
///
/// Only pairs of steps at which the area had a signal count: its onset is no change. 0 without such a pair.
///
/// ```
/// use dynvision::loss::{CrossEntropy, TemporalSmoothness, Weighted};
/// let spatio_temporal = (CrossEntropy::default(), Weighted::new(0.1, TemporalSmoothness::of(["v1"])));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemporalSmoothness {
    /// The areas that count; all if none are named.
    pub areas: Vec<String>,
}

impl TemporalSmoothness {
    /// Of the areas of these names.
    pub fn of<N: Into<String>>(areas: impl IntoIterator<Item = N>) -> Self {
        TemporalSmoothness { areas: areas.into_iter().map(Into::into).collect() }
    }
}

impl<E: Element, D: VisionDevice<E>> OfArea<E, D> for TemporalSmoothness {
    fn of_area<T: Tape<E, D>>(
        &self,
        values: Tensor<(usize, usize, usize), E, D>,
        present: &[bool],
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        let device = values.device().clone();
        let (batch, _, units) = *values.shape();
        let pairs: Vec<bool> = present.windows(2).map(|pair| pair[0] && pair[1]).collect();
        let count = batch * units * pairs.iter().filter(|&&counts| counts).count();
        if count == 0 {
            return zero(&device);
        }
        let factor = E::one() / number(count as f64)?;
        let sums = graph.run(values, |x| LossKernel::change(&device, x, pairs))?;
        graph.run(sums, |sums| LossKernel::total(&device, sums, factor))
    }
}

impl<M: DynModel<E, D>, E: Element, D: VisionDevice<E>, Y: Target> Loss<M, E, D, Y> for TemporalSmoothness {
    fn name(&self) -> String {
        "temporal_smoothness".into()
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }

    fn over(&self) -> Over {
        Over::Presentations
    }

    fn loss<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<M, B, E, D>,
        _: &Y,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        mean_of_areas::<M, B, E, D, T>(self, &self.areas, output.responses()?, output.logits.device(), graph)
    }
}
