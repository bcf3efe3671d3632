//! Losses of real values: how each unit responds, compared with how it is to respond.

use super::responses::Values;
use super::{Place, Responses, number, zero};
use crate::autograd::Graph;
use crate::error::{Error, Result};
pub(super) use crate::kernels::UnitResponses;
use crate::kernels::{Element, VisionDevice};
use crate::loss::Output;
use crate::model::DynModel;
use crate::ops::{reshaped, whole};
use crate::unroll::{Response, Stacked, Timed, VisitAreas};
use dfdx::prelude::*;

/// What a loss makes of each response and what it is to be.
pub(super) trait Pointwise<E: Element, D: VisionDevice<E>> {
    /// The sum over all responses, each by its weight where there are any.
    fn sum<T: Tape<E, D>>(
        &self,
        responses: UnitResponses<E, D>,
        expected: UnitResponses<E, D>,
        weights: Option<UnitResponses<E, D>>,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>>;
}

/// The mean over all values that count in the places `of`, or in all that there are responses for: their weighted sum by the
/// sum of the weights; a constant 0 if there are none.
pub(super) fn mean<M, B, E, D, T>(
    loss: &impl Pointwise<E, D>,
    of: &[Place],
    output: &Output<M, B, E, D>,
    target: &Responses,
    graph: &mut Graph<E, D, T>,
) -> Result<Tensor<Rank0, E, D>>
where
    M: DynModel<E, D>,
    B: Dim,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    let is_meant = |place: &Place| of.is_empty() || of.contains(place);
    for place in of.iter().chain(target.places().filter(|place| is_meant(place))) {
        check::<M, E, D>(place, target)?;
    }
    let device = output.logits.device().clone();
    let mut sum = Sum { loss, is_meant: &is_meant, target, graph, sum: None, count: 0.0 };
    if is_meant(&Place::Readout) && target.at(&Place::Readout).is_some() {
        let [batch, time, classes] = output.logits.shape().concrete();
        let logits = whole(&output.logits, sum.graph)?;
        sum.add(&Place::Readout, reshaped(logits, &(batch, time, classes))?)?;
    }
    if target.places().any(|place| is_meant(place) && *place != Place::Readout) {
        M::visit_areas(output.responses()?, &mut sum)?;
    }
    match (sum.sum, sum.count) {
        (Some(total), count) if count > 0.0 => {
            let factor = E::one() / number(count)?;
            graph.run(total, |total| total.try_mul(factor))
        }
        _ => zero(&device),
    }
}

fn check<M: DynModel<E, D>, E: Element, D: VisionDevice<E>>(place: &Place, target: &Responses) -> Result<()> {
    if target.at(place).is_none() {
        let there: Vec<String> = target.places().map(ToString::to_string).collect();
        return Err(Error::Setting(format!(
            "the loss compares the responses of `{place}`, for which the data set gives none; it gives those of {}",
            there.join(", ")
        )));
    }
    match place {
        Place::Area(name) if M::WIRING.areas.iter().all(|area| area.name != name) => {
            let areas: Vec<&str> = M::WIRING.areas.iter().map(|area| area.name).collect();
            Err(Error::Setting(format!(
                "the data set gives responses of area `{name}`, which the model does not have; its areas are {}",
                areas.join(", ")
            )))
        }
        _ => Ok(()),
    }
}

struct Sum<'a, L, F, E: Element, D: VisionDevice<E>, T> {
    loss: &'a L,
    is_meant: &'a F,
    target: &'a Responses,
    graph: &'a mut Graph<E, D, T>,
    sum: Option<Tensor<Rank0, E, D>>,
    count: f64,
}

impl<L, F, E, D, T> Sum<'_, L, F, E, D, T>
where
    L: Pointwise<E, D>,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    fn add(&mut self, place: &Place, responses: UnitResponses<E, D>) -> Result<()> {
        let Some(expected @ Values { units, weights, .. }) = self.target.at(place) else { return Ok(()) };
        let here = [self.target.batch(), self.target.steps(), *units];
        if here != responses.shape().concrete() {
            return Err(Error::Setting(format!(
                "the responses that the data set gives for `{place}` are {here:?} (samples, steps, units), and the model's {:?}; \
                 steps include residual ones",
                responses.shape().concrete()
            )));
        }
        let tensor = |values: &[f64]| constant(&responses, values);
        let is_weighted = weights.iter().any(|&weight| weight != 1.0);
        let weighting = is_weighted.then(|| tensor(weights)).transpose()?;
        let expected = tensor(&expected.values)?;
        let term = self.loss.sum(responses, expected, weighting, self.graph)?;
        self.count += weights.iter().sum::<f64>();
        self.sum = Some(match self.sum.take() {
            None => term,
            Some(sum) => self.graph.run(sum, |sum| sum.try_add(term))?,
        });
        Ok(())
    }
}

/// A tensor of these numbers in the shape of `like`.
fn constant<E: Element, D: VisionDevice<E>>(like: &UnitResponses<E, D>, values: &[f64]) -> Result<UnitResponses<E, D>> {
    let values: Vec<E> = values.iter().map(|&value| number(value)).collect::<Result<_>>()?;
    like.device().try_tensor_from_vec(values, *like.shape()).map_err(Error::device)
}

impl<L, F, E, D, T> VisitAreas<Stacked, E, D> for Sum<'_, L, F, E, D, T>
where
    L: Pointwise<E, D>,
    F: Fn(&Place) -> bool,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    fn area<S: Timed>(&mut self, name: &'static str, response: &Response<S, E, D>) -> Result<()> {
        let place = Place::area(name);
        if !(self.is_meant)(&place) || self.target.at(&place).is_none() {
            return Ok(());
        }
        let [batch, time, c, h, w] = response.values.shape().concrete();
        let values = whole(&response.values, self.graph)?;
        self.add(&place, reshaped(values, &(batch, time, c * h * w))?)
    }
}
