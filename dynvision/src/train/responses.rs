//! How a model responded where something was recorded.

use super::agreement::{Moments, UnitAgreement};
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::loss::{Output, Place, Responses};
use crate::model::DynModel;
use crate::unroll::{Response, Stacked, Timed, VisitAreas};
use dfdx::prelude::Dim;
use std::collections::BTreeMap;

/// The moments of all units that something was recorded of, by their places.
#[derive(Debug, Default)]
pub(super) struct RecordedUnits(BTreeMap<Place, Vec<Moments>>);

impl RecordedUnits {
    /// Counts a batch.
    pub(super) fn add<M, B, E, D>(&mut self, output: &Output<M, B, E, D>, recorded: &Responses) -> Result<()>
    where
        M: DynModel<E, D>,
        B: Dim,
        E: Element,
        D: VisionDevice<E>,
    {
        let mut add = Add { units: self, recorded };
        add.place(&Place::Readout, || output.logits.as_vec());
        match &output.responses {
            Some(responses) => M::visit_areas(responses, &mut add),
            None => Ok(()),
        }
    }

    /// How well each unit agrees.
    pub(super) fn agreements(&self) -> BTreeMap<Place, Vec<UnitAgreement>> {
        let of = |moments: &Vec<Moments>| moments.iter().map(Moments::agreement).collect();
        self.0.iter().map(|(place, moments)| (place.clone(), of(moments))).collect()
    }
}

struct Add<'a> {
    units: &'a mut RecordedUnits,
    recorded: &'a Responses,
}

impl Add<'_> {
    fn place<E: Element>(&mut self, place: &Place, responses: impl FnOnce() -> Vec<E>) {
        let Some(recorded) = self.recorded.at(place).filter(|recorded| recorded.units > 0) else { return };
        let moments = self.units.0.entry(place.clone()).or_insert_with(|| vec![Moments::default(); recorded.units]);
        let rows = responses().into_iter().zip(&recorded.values).zip(&recorded.weights);
        for (at, ((response, &wanted), &weight)) in rows.enumerate() {
            if let Some(unit) = moments.get_mut(at % recorded.units) {
                unit.add(response.to_f64().unwrap_or(f64::NAN), wanted, weight);
            }
        }
    }
}

impl<E: Element, D: VisionDevice<E>> VisitAreas<Stacked, E, D> for Add<'_> {
    fn area<S: Timed>(&mut self, name: &'static str, response: &Response<S, E, D>) -> Result<()> {
        self.place(&Place::area(name), || response.values.as_vec());
        Ok(())
    }
}
