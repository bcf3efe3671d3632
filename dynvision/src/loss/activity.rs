//! How active the areas are.

use super::area::{OfArea, mean_of_areas};
use super::{Loss, Measure, Output, Over, Target, number, zero};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{Element, LossKernel, VisionDevice};
use crate::model::DynModel;
use crate::ops::reshaped;
use dfdx::prelude::*;
use serde::{Deserialize, Serialize};

/// The mean activity of areas, a metabolic cost (the original's `ActivityLoss`): of each area, image and step the norm by
/// the number of the area's units, `||a||_p / n^(1/p)`, or `|mean a|`; then the mean over images, steps and areas.
///
/// It reads what the areas' `record` sees, at all steps of the stimulus, those without a label and blank ones included;
/// an area without a signal is silent. A silent area has no gradient.
///
/// ```
/// use dynvision::loss::{Activity, Measure};
/// let loss = Activity { measure: Measure::Absolute(2.0), areas: vec!["v1".into()] };
/// assert_eq!(toml::from_str::<Activity>("areas = ['v1']\nmeasure = { absolute = 2.0 }").unwrap(), loss);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Activity {
    /// How activity is measured.
    pub measure: Measure,
    /// The areas that count; all if none are named.
    pub areas: Vec<String>,
}

impl Default for Activity {
    /// The mean magnitude of all areas.
    fn default() -> Self {
        Activity { measure: Measure::Absolute(1.0), areas: Vec::new() }
    }
}

impl<E: Element, D: VisionDevice<E>> OfArea<E, D> for Activity {
    fn of_area<T: Tape<E, D>>(
        &self,
        values: Tensor<(usize, usize, usize), E, D>,
        _: &[bool],
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        let device = values.device().clone();
        let (batch, time, units) = *values.shape();
        let rows = batch * time;
        if rows == 0 {
            return zero(&device);
        }
        let factor = E::one() / number(rows as f64)?;
        let values = reshaped(values, &(rows, units))?;
        let rows = graph.run(values, |x| LossKernel::activity(&device, x, self.measure))?;
        graph.run(rows, |rows| LossKernel::total(&device, rows, factor))
    }
}

impl<M: DynModel<E, D>, E: Element, D: VisionDevice<E>, Y: Target> Loss<M, E, D, Y> for Activity {
    fn name(&self) -> String {
        "activity".into()
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
        if let Measure::Absolute(p) = self.measure
            && !(p.is_finite() && p >= 1.0)
        {
            return Err(Error::Setting(format!("the order {p} of an activity must be a finite number from 1 on")));
        }
        mean_of_areas::<M, B, E, D, T>(self, &self.areas, output.responses()?, output.logits.device(), graph)
    }
}
