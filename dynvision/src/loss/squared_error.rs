//! The squared error of real-valued responses.

use super::pointwise::{Pointwise, UnitResponses, mean};
use super::{HasResponses, Loss, Output, Over, Place};
use crate::autograd::Graph;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::model::DynModel;
use dfdx::prelude::*;
use serde::{Deserialize, Serialize};

/// The mean over samples, steps and units of `w (a - r)^2`: responses `a` of the readout or of areas, those `r` that the
/// data set gives, and their weights `w`, by whose sum it is divided. A constant 0 if no response counts.
///
/// An area without a signal responds with 0.
///
/// # Shapes
/// Responses of both `(batch, steps, units)`; the units of an area are its channels, rows and columns in this order.
///
/// ```
/// use dynvision::loss::{Place, SquaredError};
/// let loss = SquaredError::of([Place::area("it")]);
/// assert_eq!(toml::from_str::<SquaredError>("places = [{ area = 'it' }]").unwrap(), loss);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SquaredError {
    /// The places that count; all that the data set gives responses for if none are named.
    pub places: Vec<Place>,
}

impl SquaredError {
    /// Of these places.
    pub fn of(places: impl IntoIterator<Item = Place>) -> Self {
        SquaredError { places: places.into_iter().collect() }
    }
}

impl<E: Element, D: VisionDevice<E>> Pointwise<E, D> for SquaredError {
    fn sum<T: Tape<E, D>>(
        &self,
        responses: UnitResponses<E, D>,
        expected: UnitResponses<E, D>,
        weights: Option<UnitResponses<E, D>>,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        let device = responses.device().clone();
        graph.run(responses, |x| device.squared_error(x, expected, weights))
    }
}

impl<M, E, D, Y> Loss<M, E, D, Y> for SquaredError
where
    M: DynModel<E, D>,
    E: Element,
    D: VisionDevice<E>,
    Y: HasResponses,
{
    fn name(&self) -> String {
        "squared_error".into()
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }

    fn needs_responses(&self) -> bool {
        self.places.is_empty() || self.places.iter().any(|place| *place != Place::Readout)
    }

    fn over(&self) -> Over {
        Over::Responses
    }

    fn count(&self, target: &Y) -> f64 {
        target.unit_responses().count_of(&self.places)
    }

    fn loss<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<M, B, E, D>,
        target: &Y,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        mean(self, &self.places, output, target.unit_responses(), graph)
    }
}
