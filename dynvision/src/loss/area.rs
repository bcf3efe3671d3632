//! A number for each area, and their mean.

use super::{number, zero};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::model::DynModel;
use crate::ops::{reshaped, whole};
use crate::time::Area;
use crate::unroll::{Response, Stacked, Timed, VisitAreas};
use dfdx::prelude::*;

/// What a loss makes of one area.
pub(super) trait OfArea<E: Element, D: VisionDevice<E>> {
    /// A number made of responses `(batch, time, units)`; `present` says at which steps the area had a signal.
    fn of_area<T: Tape<E, D>>(
        &self,
        values: Tensor<(usize, usize, usize), E, D>,
        present: &[bool],
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>>;
}

/// The mean of `of` over the areas of these names, or over all if there are none.
pub(super) fn mean_of_areas<M, B, E, D, T>(
    of: &impl OfArea<E, D>,
    names: &[String],
    responses: &M::Areas<Stacked, B>,
    device: &D,
    graph: &mut Graph<E, D, T>,
) -> Result<Tensor<Rank0, E, D>>
where
    M: DynModel<E, D>,
    B: Dim,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    let areas = M::WIRING.areas;
    if let Some(name) = names.iter().find(|name| areas.iter().all(|area| area.name != **name)) {
        let areas: Vec<&str> = areas.iter().map(|area| area.name).collect();
        return Err(Error::Setting(format!(
            "the loss names area `{name}`, which the model does not have; its areas are {}",
            areas.join(", ")
        )));
    }
    let mut sum = Sum { of, areas, names, graph, sum: None };
    M::visit_areas(responses, &mut sum)?;
    let Some(sum) = sum.sum else { return zero(device) };
    let count = if names.is_empty() { areas.len() } else { areas.iter().filter(|a| named(names, a.name)).count() };
    let factor = E::one() / number(count as f64)?;
    graph.run(sum, |sum| sum.try_mul(factor))
}

fn named(names: &[String], name: &str) -> bool {
    names.iter().any(|wanted| wanted == name)
}

struct Sum<'a, F, E: Element, D: VisionDevice<E>, T> {
    of: &'a F,
    areas: &'static [Area],
    names: &'a [String],
    graph: &'a mut Graph<E, D, T>,
    sum: Option<Tensor<Rank0, E, D>>,
}

impl<F, E, D, T> VisitAreas<Stacked, E, D> for Sum<'_, F, E, D, T>
where
    F: OfArea<E, D>,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    fn area<S: Timed>(&mut self, name: &'static str, response: &Response<S, E, D>) -> Result<()> {
        // what an adapting input remembers is no area's answer
        let is_area = self.areas.iter().any(|area| area.name == name);
        if !is_area || !(self.names.is_empty() || named(self.names, name)) {
            return Ok(());
        }
        let [batch, time, c, h, w] = response.values.shape().concrete();
        let values = whole(&response.values, self.graph)?;
        let values = reshaped(values, &(batch, time, c * h * w))?;
        let term = self.of.of_area(values, &response.present, self.graph)?;
        self.sum = Some(match self.sum.take() {
            Some(sum) => self.graph.run(sum, |sum| sum.try_add(term))?,
            None => term,
        });
        Ok(())
    }
}
