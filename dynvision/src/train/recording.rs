//! Recorded responses: what areas or the readout are to answer with, for all samples of a data set.

use crate::data::DataError;
use crate::file::{StateDict, StateError};

/// The most units that a place may be said to have: no area of a model that can be run has more, and memory is taken for them.
const MOST_UNITS: usize = 1 << 24;

/// The responses of some units to the samples of a data set, over time: `(samples, steps, units)`, such as recordings from
/// neurons. NaN stands where nothing was recorded.
///
/// Its steps are those of the model's run, from [`starting_at`](Recording::starting_at) on: what the units answer at the
/// run's step `t` is compared with what an area answers at that step, delays included. What the run has beyond them does not
/// count.
///
/// ```
/// use dynvision::train::Recording;
/// // two samples, three steps, one unit
/// let recording = Recording::new([2, 3, 1], vec![0.0, 0.5, 1.0, 0.0, f32::NAN, 2.0])?;
/// assert_eq!((recording.samples(), recording.steps(), recording.units()), (2, 3, 1));
/// // the unit is the third of the five of an area; nothing is known of the others
/// assert_eq!(recording.placed(&[2], 5)?.units(), 5);
/// # Ok::<(), dynvision::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    samples: usize,
    steps: usize,
    units: usize,
    first: usize,
    values: Vec<f32>,
    weights: Option<Vec<f32>>,
    /// Where each unit is among those of the place, and how many those are; as they come unless said otherwise.
    placed: Option<(Vec<usize>, usize)>,
}

impl Recording {
    /// Responses by sample, then by step, then by unit.
    ///
    /// # Errors
    /// Another number of values than the product of the sizes, or an infinite one.
    pub fn new([samples, steps, units]: [usize; 3], values: Vec<f32>) -> Result<Self, DataError> {
        let count = samples.checked_mul(steps).and_then(|n| n.checked_mul(units));
        if count != Some(values.len()) || values.is_empty() {
            let expected = format!("{samples} samples times {steps} steps times {units} units, and at least one value");
            return Err(setting("recording", expected, format!("{} values", values.len())));
        }
        if let Some(at) = values.iter().position(|value| value.is_infinite()) {
            let found = format!("{} of unit {} in sample {}", values[at], at % units, at / units / steps);
            return Err(setting("recording", "finite values, NaN where nothing was recorded".into(), found));
        }
        Ok(Recording { samples, steps, units, first: 0, values, weights: None, placed: None })
    }

    /// The tensor of that name, `(samples, steps, units)`, of a state that was read from a safetensors file or an `.npz`.
    ///
    /// # Errors
    /// No tensor of that name, one of other dimensions, or as [`new`](Recording::new).
    pub fn from_state(state: &StateDict, name: &str) -> Result<Self, DataError> {
        let wrong =
            |error: StateError| setting("recording", "a tensor (samples, steps, units)".into(), error.to_string());
        let (shape, values) = state.numbers(name).map_err(wrong)?;
        let values = values.into_iter().map(|value| value as f32).collect();
        match shape[..] {
            [samples, steps, units] => Recording::new([samples, steps, units], values),
            _ => {
                let expected = "a tensor (samples, steps, units)".to_string();
                Err(setting("recording", expected, format!("`{name}` of shape {shape:?}")))
            }
        }
    }

    /// Gives each value a weight, such as the number of trials that it is the mean of.
    ///
    /// # Errors
    /// Another number of weights, or one that is no finite number from 0 on.
    pub fn weighted(self, weights: Vec<f32>) -> Result<Self, DataError> {
        if weights.len() != self.values.len() {
            let expected = format!("one for each of {} values", self.values.len());
            return Err(setting("weights of a recording", expected, format!("{} weights", weights.len())));
        }
        match weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
            Some(weight) => {
                Err(setting("weights of a recording", "finite numbers from 0 on".into(), weight.to_string()))
            }
            None => Ok(Recording { weights: Some(weights), ..self }),
        }
    }

    /// Lets the recording begin at that step of the run.
    #[must_use]
    pub fn starting_at(self, step: usize) -> Self {
        Recording { first: step, ..self }
    }

    /// Says that each unit is one of the `of` units of the place that answers: nothing is known of the others.
    ///
    /// # Errors
    /// Not one place for each unit, a place twice, or one beyond `of`; more than 16777216 units.
    pub fn placed(self, units: &[usize], of: usize) -> Result<Self, DataError> {
        let mut seen = std::collections::BTreeSet::new();
        if of > MOST_UNITS {
            return Err(setting("units of the place", format!("at most {MOST_UNITS}"), of.to_string()));
        }
        let sound = units.len() == self.units && units.iter().all(|&unit| unit < of && seen.insert(unit));
        if !sound {
            let expected = format!("{} different numbers below {of}, one for each unit", self.units);
            return Err(setting("places of units", expected, format!("{units:?}")));
        }
        Ok(Recording { placed: Some((units.to_vec(), of)), ..self })
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Number of units of the place that answers.
    pub fn units(&self) -> usize {
        self.placed.as_ref().map_or(self.units, |(_, of)| *of)
    }

    /// The values, by sample, then by step, then by unit.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Values and weights of some samples in a run of so many steps, by sample, then by step, then by unit.
    pub(super) fn of(&self, samples: &[usize], run: usize) -> Result<(Vec<f64>, Vec<f64>), DataError> {
        let end = self.first.saturating_add(self.steps);
        if end > run {
            return Err(setting("steps of a recording", format!("at most the {run} of the run"), format!("{end}")));
        }
        let units = self.units();
        let (mut values, mut weights) = (zeros([samples.len(), run, units])?, zeros([samples.len(), run, units])?);
        for (row, &sample) in samples.iter().enumerate() {
            if sample >= self.samples {
                return Err(DataError::Index { index: sample, len: self.samples });
            }
            for (step, unit) in (0..self.steps).flat_map(|step| (0..self.units).map(move |unit| (step, unit))) {
                let from = (sample * self.steps + step) * self.units + unit;
                let unit = self.placed.as_ref().map_or(unit, |(units, _)| units[unit]);
                let to = (row * run + self.first + step) * units + unit;
                if !self.values[from].is_nan() {
                    values[to] = f64::from(self.values[from]);
                    weights[to] = self.weights.as_ref().map_or(1.0, |weights| f64::from(weights[from]));
                }
            }
        }
        Ok((values, weights))
    }

    /// A checksum (CRC-32) of all there is.
    pub(super) fn checksum(&self) -> u32 {
        let mut sum = crc32fast::Hasher::new();
        let sizes = [self.samples, self.steps, self.units, self.first, self.units()];
        sizes.iter().for_each(|&size| sum.update(&(size as u64).to_le_bytes()));
        let placed = self.placed.iter().flat_map(|(units, _)| units);
        placed.for_each(|&unit| sum.update(&(unit as u64).to_le_bytes()));
        self.values.iter().chain(self.weights.iter().flatten()).for_each(|value| sum.update(&value.to_le_bytes()));
        sum.finalize()
    }
}

/// As many zeros as the product of sizes; an error where there is no memory for them.
fn zeros(sizes: [usize; 3]) -> Result<Vec<f64>, DataError> {
    let [samples, run, units] = sizes;
    let count = samples.checked_mul(run).and_then(|n| n.checked_mul(units));
    let mut zeros = Vec::new();
    if count.is_none_or(|count| zeros.try_reserve_exact(count).is_err()) {
        let found = format!("{samples} samples, {run} steps and {units} units");
        return Err(setting("responses of a batch", "as many as memory holds".into(), found));
    }
    zeros.resize(count.unwrap_or_default(), 0.0);
    Ok(zeros)
}

fn setting(setting: &'static str, expected: String, found: String) -> DataError {
    DataError::Setting { setting, expected, found }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn values_come_at_their_steps_and_units() {
        let values: Vec<f32> = (0..12).map(|i| if i == 7 { f32::NAN } else { i as f32 }).collect();
        let recording = Recording::new([3, 2, 2], values).unwrap();
        let recording = recording.weighted((0..12).map(|i| i as f32 / 2.0).collect()).unwrap();
        let recording = recording.starting_at(1).placed(&[2, 0], 3).unwrap();
        let (values, weights) = recording.of(&[2, 1], 4).unwrap();
        // sample 2 has 8, 9 and 10, 11; its first unit is the third of three
        let rows: Vec<&[f64]> = values.chunks(3).collect();
        assert_eq!(rows[..4], [[0.0; 3], [9.0, 0.0, 8.0], [11.0, 0.0, 10.0], [0.0; 3]]);
        assert_eq!(rows[4..], [[0.0; 3], [5.0, 0.0, 4.0], [0.0, 0.0, 6.0], [0.0; 3]]);
        let rows: Vec<&[f64]> = weights.chunks(3).collect();
        assert_eq!(rows[1..3], [[4.5, 0.0, 4.0], [5.5, 0.0, 5.0]]);
        assert_eq!(rows[6], [0.0, 0.0, 3.0]);
    }

    #[test]
    fn mistakes_are_named() {
        let says = |wrong: Result<Recording, DataError>| wrong.unwrap_err().to_string();
        assert!(says(Recording::new([2, 2, 2], vec![0.0; 7])).contains("7 values"));
        assert!(says(Recording::new([usize::MAX, 2, 2], vec![0.0; 7])).contains("7 values"));
        assert!(says(Recording::new([0, 2, 2], vec![])).contains("at least one value"));
        assert!(says(Recording::new([2, 1, 2], vec![0.0, 0.0, 0.0, f32::INFINITY])).contains("unit 1 in sample 1"));
        let two = || Recording::new([1, 2, 2], vec![0.0; 4]).unwrap();
        assert!(says(two().weighted(vec![1.0; 3])).contains("3 weights"));
        assert!(says(two().weighted(vec![1.0, 1.0, 1.0, -1.0])).contains("-1"));
        for places in [&[0][..], &[1, 1], &[0, 3]] {
            assert!(says(two().placed(places, 3)).contains("below 3"));
        }
        assert!(says(two().placed(&[0, 1], usize::MAX)).contains("units of the place"));
        let wide = two().placed(&[0, 1], MOST_UNITS).unwrap();
        assert!(wide.of(&[0], 1 << 40).unwrap_err().to_string().contains("as many as memory holds"));
        assert!(two().starting_at(3).of(&[0], 4).unwrap_err().to_string().contains("steps of a recording"));
        assert!(two().starting_at(usize::MAX).of(&[0], 4).is_err());
        assert!(matches!(two().of(&[1], 2), Err(DataError::Index { index: 1, len: 1 })));
        let mut state = StateDict::default();
        state.insert("it", &[1, 2, 2], &[0.0f64; 4]);
        state.insert("flat", &[4], &[0.0f32; 4]);
        assert_eq!(Recording::from_state(&state, "it").unwrap(), two());
        assert!(says(Recording::from_state(&state, "flat")).contains("`flat` of shape [4]"));
        assert!(says(Recording::from_state(&state, "v9")).contains("`v9`"));
        assert_ne!(two().checksum(), two().starting_at(1).checksum());
        assert_ne!(two().checksum(), two().placed(&[0, 2], 3).unwrap().checksum());
    }
}
