//! When a training ends before its last epoch.

use super::TrainError;
use crate::optim::MonitorMode;
use serde::{Deserialize, Serialize};

/// Ends a training whose metric (see [`Monitor`](super::Monitor)) no longer gets better.
///
/// ```
/// use dynvision::optim::MonitorMode;
/// use dynvision::train::EarlyStopping;
/// let stop = EarlyStopping { patience: 2, min_delta: 0.1, ..Default::default() };
/// assert!(!stop.judge(MonitorMode::Min, [1.0, 0.95]).stop);
/// assert!(stop.judge(MonitorMode::Min, [1.0, 0.95, 0.91]).stop);
/// assert!(!stop.judge(MonitorMode::Min, [1.0, 0.95, 0.85]).stop);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// After how many values in a row without progress the training ends; 0 is as 1.
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub patience: usize,
    /// By how much a value must be better than the best so far to be progress.
    #[serde(default)]
    pub min_delta: f64,
    /// Until a value is at least as good as this, the training goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// How far a training is from its early end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Whether it ends.
    pub stop: bool,
    /// How many values in a row were no progress.
    pub waited: usize,
    /// The best value, if there is one.
    pub best: Option<f64>,
}

impl EarlyStopping {
    /// Judges a training by the values of its metric so far. One that is not finite ends it at once, whatever the patience.
    pub fn judge(&self, mode: MonitorMode, values: impl IntoIterator<Item = f64>) -> Verdict {
        let mut verdict = Verdict { stop: false, waited: 0, best: None };
        let mut met = self.threshold.is_none();
        for value in values {
            if !value.is_finite() {
                return Verdict { stop: true, ..verdict };
            }
            met |= self.threshold.is_some_and(|threshold| value == threshold || mode.is_better(value, threshold));
            let bound = verdict.best.map(|best| match mode {
                MonitorMode::Min => best - self.min_delta,
                MonitorMode::Max => best + self.min_delta,
            });
            if bound.is_none_or(|bound| mode.is_better(value, bound)) {
                (verdict.best, verdict.waited) = (Some(value), 0);
            } else {
                verdict.waited += 1;
            }
            verdict.stop = met && verdict.waited >= self.patience.max(1);
        }
        verdict
    }

    pub(super) fn check(&self) -> Result<(), TrainError> {
        if !(self.min_delta.is_finite() && self.min_delta >= 0.0) {
            let expected = "a finite number, not negative";
            return Err(TrainError::setting("early_stopping.min_delta", self.min_delta, expected));
        }
        match self.threshold {
            Some(threshold) if !threshold.is_finite() => {
                Err(TrainError::setting("early_stopping.threshold", threshold, "a finite number"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greater_is_better_where_it_is_said() {
        let stop = EarlyStopping { patience: 1, min_delta: 0.1, threshold: None };
        assert_eq!(stop.judge(MonitorMode::Max, [0.1, 0.3]), Verdict { stop: false, waited: 0, best: Some(0.3) });
        assert_eq!(stop.judge(MonitorMode::Max, [0.1, 0.3, 0.35]), Verdict { stop: true, waited: 1, best: Some(0.3) });
        assert_eq!(stop.judge(MonitorMode::Max, []), Verdict { stop: false, waited: 0, best: None });
        assert!(stop.judge(MonitorMode::Max, [f64::INFINITY]).stop);
    }

    #[test]
    fn a_threshold_is_met_first() {
        let stop = EarlyStopping { patience: 2, min_delta: 0.0, threshold: Some(0.5) };
        assert!(!stop.judge(MonitorMode::Max, [0.2, 0.1, 0.1, 0.1]).stop);
        assert!(stop.judge(MonitorMode::Max, [0.5, 0.1, 0.1]).stop);
        assert!(!stop.judge(MonitorMode::Max, [0.5, 0.1]).stop);
        assert!(stop.judge(MonitorMode::Min, [0.5, 0.6, 0.7]).stop);
        assert!(!stop.judge(MonitorMode::Min, [0.6, 0.7, 0.7]).stop);
    }

    #[test]
    fn a_patience_of_0_waits_for_one_failure() {
        let stop = EarlyStopping::default();
        assert!(!stop.judge(MonitorMode::Min, []).stop && !stop.judge(MonitorMode::Min, [1.0, 0.9]).stop);
        assert!(stop.judge(MonitorMode::Min, [1.0, 1.0]).stop);
    }
}
