//! Real values that a readout or areas are to answer with.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;

/// Where a model answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The readout: its logits, a unit for each class.
    Readout,
    /// An area, by its name: what its `record` sees, units in the order channels, rows, columns.
    Area(String),
}

impl Place {
    /// The area of that name.
    pub fn area(name: impl Into<String>) -> Self {
        Place::Area(name.into())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Readout => f.write_str("readout"),
            Place::Area(name) => f.write_str(name),
        }
    }
}

/// Real values that a readout or areas are to answer with, at each step of the run for each unit, such as the responses of
/// neurons; or, with values 0 and 1 for the readout, several labels for one sample.
///
/// Each value has a weight; one of weight 0 does not count. Where a value is NaN, none was recorded: its weight is 0.
///
/// ```
/// use dynvision::loss::{Place, Responses};
/// // two samples over one step, three units, of which one was not recorded for the second sample
/// let values = vec![0.5, 1.0, -1.0, 0.25, f64::NAN, 2.0];
/// let responses = Responses::new(2, 1).with(Place::area("it"), 3, values)?;
/// assert_eq!(responses.count(), 5.0);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Responses {
    batch: usize,
    steps: usize,
    places: BTreeMap<Place, Values>,
}

/// The values of one place, by sample, then by step, then by unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Values {
    pub(crate) units: usize,
    pub(crate) values: Vec<f64>,
    pub(crate) weights: Vec<f64>,
}

impl Responses {
    /// Responses of `batch` samples over `steps` steps, of no place yet.
    pub fn new(batch: usize, steps: usize) -> Self {
        Responses { batch, steps, places: BTreeMap::new() }
    }

    /// Adds the values of a place, by sample, then by step, then by unit; each of weight 1.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are `batch * steps * units` values; [`Error::Setting`] of an infinite one.
    pub fn with(self, place: Place, units: usize, values: Vec<f64>) -> Result<Self> {
        let weights = vec![1.0; values.len()];
        self.with_weights(place, units, values, weights)
    }

    /// Adds the values of a place, each with a weight.
    ///
    /// # Errors
    /// As [`with`](Responses::with); another number of weights, or one that is not a finite number from 0 on.
    pub fn with_weights(
        mut self,
        place: Place,
        units: usize,
        mut values: Vec<f64>,
        mut weights: Vec<f64>,
    ) -> Result<Self> {
        let count = self.batch.checked_mul(self.steps).and_then(|n| n.checked_mul(units));
        for found in [values.len(), weights.len()] {
            if count != Some(found) {
                return Err(Error::shape(
                    "responses (samples, steps, units)",
                    &[self.batch, self.steps, units],
                    &[found],
                ));
            }
        }
        for (at, (value, weight)) in values.iter_mut().zip(&mut weights).enumerate() {
            if value.is_nan() {
                (*value, *weight) = (0.0, 0.0);
            }
            if value.is_infinite() || !(weight.is_finite() && *weight >= 0.0) {
                let unit = at % units.max(1);
                return Err(Error::Setting(format!(
                    "the response of unit {unit} of `{place}` is {value} of weight {weight}: give finite numbers, NaN where \
                     nothing was recorded, and weights from 0 on"
                )));
            }
        }
        self.places.insert(place, Values { units, values, weights });
        Ok(self)
    }

    /// Number of samples.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The places that there are responses for.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.keys()
    }

    /// The sum of all weights: how many values count, if each has weight 1.
    pub fn count(&self) -> f64 {
        self.places.values().flat_map(|values| &values.weights).sum()
    }

    /// The count of these places alone; of all if none are named.
    pub(super) fn count_of(&self, places: &[Place]) -> f64 {
        let meant = self.places.iter().filter(|(place, _)| places.is_empty() || places.contains(place));
        meant.flat_map(|(_, values)| &values.weights).sum()
    }

    pub(crate) fn at(&self, place: &Place) -> Option<&Values> {
        self.places.get(place)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_recorded_has_no_weight_and_what_is_no_number_is_refused() {
        let empty = || Responses::new(1, 2);
        let some = empty().with(Place::Readout, 1, vec![f64::NAN, 2.0]).unwrap();
        let values = some.at(&Place::Readout).unwrap();
        assert_eq!((&values.values[..], &values.weights[..]), (&[0.0, 2.0][..], &[0.0, 1.0][..]));
        assert!(empty().with(Place::Readout, 1, vec![1.0]).is_err());
        assert!(Responses::new(usize::MAX, 2).with(Place::Readout, 2, vec![]).is_err());
        let says = empty().with(Place::area("it"), 1, vec![f64::INFINITY, 0.0]).unwrap_err().to_string();
        assert!(says.contains("`it`") && says.contains("inf"), "{says}");
        assert!(empty().with_weights(Place::Readout, 1, vec![0.0; 2], vec![1.0, -1.0]).is_err());
        assert!(empty().with_weights(Place::Readout, 1, vec![0.0; 2], vec![1.0]).is_err());
    }
}
