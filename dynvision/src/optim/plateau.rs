//! A learning rate that falls when a metric no longer gets better.

use super::OptimError;

/// Whether a metric is better when it is smaller or when it is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonitorMode {
    /// Smaller, such as a loss.
    #[default]
    Min,
    /// Greater, such as an accuracy.
    Max,
}

impl MonitorMode {
    /// Whether a value is better than another; one that is no number is not, and any number is better than it.
    ///
    /// ```
    /// use dynvision::optim::MonitorMode;
    /// assert!(MonitorMode::Min.is_better(0.1, 0.2) && !MonitorMode::Max.is_better(0.1, 0.2));
    /// assert!(MonitorMode::Max.is_better(-1.0, f64::NAN) && !MonitorMode::Max.is_better(f64::NAN, 0.0));
    /// ```
    pub fn is_better(self, value: f64, than: f64) -> bool {
        match self {
            _ if than.is_nan() => !value.is_nan(),
            MonitorMode::Min => value < than,
            MonitorMode::Max => value > than,
        }
    }

    /// What every number but itself is better than.
    pub(crate) fn worst(self) -> f64 {
        match self {
            MonitorMode::Min => f64::INFINITY,
            MonitorMode::Max => f64::NEG_INFINITY,
        }
    }
}

/// Multiplies the learning rate by `factor` when a metric was not better more than `patience` times in a row. As PyTorch's
/// `ReduceLROnPlateau`, whose rate is found again from all values so far, so that there is no state to be saved.
///
/// A value is better if it is below `best (1 - threshold)`, or above `best (1 + threshold)` where greater is better. After the
/// rate has fallen, the next `cooldown` values are not counted.
///
/// ```
/// use dynvision::optim::{MonitorMode, Plateau};
/// let plateau = Plateau { factor: 0.5, patience: 1, ..Default::default() };
/// assert_eq!(plateau.factor(MonitorMode::Min, [1.0, 0.5, 0.6]), 1.0);
/// assert_eq!(plateau.factor(MonitorMode::Min, [1.0, 0.5, 0.6, 0.5]), 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plateau {
    /// By what the rate is multiplied, from 0 to below 1.
    pub factor: f64,
    /// How many values in a row may be no better.
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub patience: u64,
    /// By what part of the best a value must be better.
    pub threshold: f64,
    /// How many values after a fall are not counted.
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub cooldown: u64,
    /// The lowest rate, as a part of the full one.
    pub floor: f64,
}

impl Default for Plateau {
    /// PyTorch's.
    fn default() -> Self {
        Plateau { factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, floor: 0.0 }
    }
}

impl Plateau {
    /// By what the learning rate is multiplied after these values of the metric, in their order.
    pub fn factor(&self, mode: MonitorMode, values: impl IntoIterator<Item = f64>) -> f64 {
        let (mut best, mut bad, mut cooling, mut factor) = (mode.worst(), 0, 0, 1.0f64);
        for value in values {
            let bound = match mode {
                MonitorMode::Min => best * (1.0 - self.threshold),
                MonitorMode::Max => best * (1.0 + self.threshold),
            };
            if mode.is_better(value, bound) {
                (best, bad) = (value, 0);
            } else {
                bad += 1;
            }
            if cooling > 0 {
                cooling -= 1;
                bad = 0;
            }
            if bad > self.patience {
                factor = (factor * self.factor).max(self.floor);
                (cooling, bad) = (self.cooldown, 0);
            }
        }
        factor
    }

    pub(super) fn check(&self) -> Result<(), OptimError> {
        if !(0.0..1.0).contains(&self.factor) {
            return Err(OptimError::setting("factor", self.factor, "a number from 0 to below 1"));
        }
        if !(0.0..1.0).contains(&self.threshold) {
            return Err(OptimError::setting("threshold", self.threshold, "a number from 0 to below 1"));
        }
        if !(0.0..=1.0).contains(&self.floor) {
            return Err(OptimError::setting("floor", self.floor, "a part of the full learning rate, from 0 to 1"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate after each value.
    fn factors(plateau: Plateau, mode: MonitorMode, values: &[f64]) -> Vec<f64> {
        (1..=values.len()).map(|count| plateau.factor(mode, values[..count].iter().copied())).collect()
    }

    /// The rates of PyTorch 2.15 by full rates, a value that is no number among them.
    #[test]
    fn rates_are_those_that_pytorch_gives() {
        let values = [1.0, 0.9, 0.9, 0.8995, 0.91, 0.7, f64::NAN, 0.71, 0.69999, 0.6, 0.6, 0.6, 0.6, 0.6];
        let plateau = Plateau { factor: 0.5, patience: 1, ..Default::default() };
        let expected = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125];
        assert_eq!(factors(plateau, MonitorMode::Min, &values), expected);
        let cooling = Plateau { patience: 0, threshold: 0.01, cooldown: 2, ..plateau };
        let expected = [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.0625];
        assert_eq!(factors(cooling, MonitorMode::Min, &values), expected);
        let rising = Plateau { threshold: 0.01, ..plateau };
        let expected =
            [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625, 0.03125, 0.03125, 0.015625, 0.015625];
        assert_eq!(factors(rising, MonitorMode::Max, &values), expected);
    }

    #[test]
    fn the_rate_falls_after_more_than_the_patience() {
        let plateau = Plateau { factor: 0.5, patience: 2, threshold: 0.0, ..Default::default() };
        let values = [1.0, 1.0, 1.0, 1.0, 0.9, 2.0, f64::NAN, 0.9, 0.9];
        assert_eq!(factors(plateau, MonitorMode::Min, &values), [1., 1., 1., 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]);
        let negative = values.map(|value| -value);
        assert_eq!(factors(plateau, MonitorMode::Max, &negative), factors(plateau, MonitorMode::Min, &values));
    }

    #[test]
    fn progress_must_pass_the_threshold_and_values_in_the_cooldown_do_not_count() {
        let plateau = Plateau { factor: 0.5, patience: 0, threshold: 0.1, cooldown: 2, ..Default::default() };
        // 0.95 is not 10 % below 1; the next two do not count; 0.89 is progress
        let values = [1.0, 0.95, 0.95, 0.95, 0.95, 0.89, 0.5, 0.5];
        assert_eq!(factors(plateau, MonitorMode::Min, &values), [1., 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]);
        assert_eq!(factors(plateau, MonitorMode::Max, &[1.0, 1.05, 1.2]), [1., 0.5, 0.5]);
    }

    #[test]
    fn the_floor_is_not_passed() {
        let plateau = Plateau { factor: 0.1, patience: 0, floor: 0.05, ..Default::default() };
        assert_eq!(plateau.factor(MonitorMode::Min, [1.0; 9]), 0.05);
    }
}
