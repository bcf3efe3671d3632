//! A number for each area, and their mean.

use super::{number, zero};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::model::DynModel;
use crate::ops::reshaped;
use crate::record::{EachArea, Response, Run, Timed};
use crate::time::Area;
use dfdx::prelude::*;

/// What a loss makes of one area.
pub(super) trait OfArea<E: Element, D: VisionDevice<E>> {
    /// A number made of responses `(batch, time, units)`; `present` says at which steps the area had a signal.
    fn of_area<T: Tape<E, D>>(
        &self,
        values: Tensor<(usize, usize, usize), E, D>,
        present: &[bool],
        cx: &mut Cx<T>,
    ) -> Result<Tensor<Rank0, E, D>>;
}

/// The mean of `of` over the areas of these names, or over all if there are none.
pub(super) fn mean_of_areas<M, B, E, D, T>(
    of: &impl OfArea<E, D>,
    names: &[String],
    responses: &M::Areas<Run, B>,
    device: &D,
    cx: &mut Cx<T>,
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
    let mut sum = Sum { of, areas, names, cx, sum: None };
    M::each(responses, &mut sum)?;
    let Some(sum) = sum.sum else { return zero(device) };
    let count = if names.is_empty() { areas.len() } else { areas.iter().filter(|a| named(names, a.name)).count() };
    let factor = E::one() / number(count as f64)?;
    cx.run(sum, |sum| sum.try_mul(factor))
}

fn named(names: &[String], name: &str) -> bool {
    names.iter().any(|wanted| wanted == name)
}

struct Sum<'a, F, E: Element, D: VisionDevice<E>, T> {
    of: &'a F,
    areas: &'static [Area],
    names: &'a [String],
    cx: &'a mut Cx<T>,
    sum: Option<Tensor<Rank0, E, D>>,
}

impl<F, E, D, T> EachArea<Run, E, D> for Sum<'_, F, E, D, T>
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
        let values = self.cx.run(response.values.clone(), |x| x.try_contiguous())?;
        let values = reshaped(values, &(batch, time, c * h * w))?;
        let term = self.of.of_area(values, &response.present, self.cx)?;
        self.sum = Some(match self.sum.take() {
            Some(sum) => self.cx.run(sum, |sum| sum.try_add(term))?,
            None => term,
        });
        Ok(())
    }
}
