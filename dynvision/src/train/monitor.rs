//! What progress is measured by, and which epochs are the best by it.

use super::{TrainError, TrainingLog};
use crate::optim::MonitorMode;
use serde::{Deserialize, Serialize};

/// What progress is measured by: for early stopping, for the best checkpoints, and for a plateau.
///
/// The metrics are the columns of [`TrainingLog::to_csv`] that begin with `train_` or `valid_`: `loss`, `accuracy`,
/// `last_accuracy`, `confidence`, the terms of the loss by their names, and the others of [`Metrics::named`](super::Metrics::named). Those of the training are means over the epoch. An
/// epoch that has no such metric, since it was not evaluated, says nothing about progress: nothing takes its place.
///
/// ```
/// use dynvision::optim::MonitorMode;
/// use dynvision::train::{Monitor, TrainConfig};
/// let config = TrainConfig::from_toml("monitor = { metric = 'valid_accuracy', mode = 'max' }")?;
/// assert_eq!(config.monitor, Monitor::of("valid_accuracy", MonitorMode::Max));
/// # Ok::<(), dynvision::train::TrainError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Monitor {
    /// The metric; if none is named, `valid_loss` of a training with held-out images and else `train_loss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Whether smaller is better or greater.
    pub mode: MonitorMode,
}

impl Monitor {
    /// A metric by its name.
    pub fn of(metric: impl Into<String>, mode: MonitorMode) -> Self {
        Monitor { metric: Some(metric.into()), mode }
    }

    /// The epochs that say something about progress, by their numbers, and what.
    pub fn values(&self, log: &TrainingLog) -> impl Iterator<Item = (usize, f64)> {
        let held_out = log.epochs.iter().any(|epoch| epoch.valid.is_some());
        let name = self.metric.as_deref().unwrap_or(loss_of(held_out));
        log.epochs.iter().filter_map(move |epoch| Some((epoch.epoch, epoch.metric(name)?)))
    }

    /// The best epochs, at most so many, in their order: those that a training has kept that always gives up the worst, and of
    /// equally bad ones the oldest, for one that is strictly better. What is no number is the worst.
    pub fn best(&self, log: &TrainingLog, count: usize) -> Vec<usize> {
        let mut kept: Vec<(usize, f64)> = Vec::new();
        for (epoch, value) in self.values(log) {
            if kept.len() < count {
                kept.push((epoch, value));
                continue;
            }
            let worst = (0..kept.len()).reduce(
                |worst, at| {
                    if self.mode.is_better(kept[worst].1, kept[at].1) { at } else { worst }
                },
            );
            if let Some(worst) = worst.filter(|&worst| self.mode.is_better(value, kept[worst].1)) {
                kept.remove(worst);
                kept.push((epoch, value));
            }
        }
        kept.into_iter().map(|(epoch, _)| epoch).collect()
    }

    /// Returns the monitor with the metric that is meant if none is named.
    pub(super) fn resolved(&self, held_out: bool) -> Result<Self, TrainError> {
        let metric = self.metric.clone().unwrap_or_else(|| loss_of(held_out).to_string());
        if metric.starts_with("valid_") && !held_out {
            let expected = "a metric of the training, such as `train_loss`, since there are no held-out images";
            return Err(TrainError::setting("monitor.metric", metric, expected));
        }
        Ok(Monitor { metric: Some(metric), mode: self.mode })
    }

    pub(super) fn check(&self) -> Result<(), TrainError> {
        match &self.metric {
            Some(metric) if !(metric.starts_with("train_") || metric.starts_with("valid_")) => {
                let expected = "a column of the log that begins with `train_` or `valid_`, such as `valid_loss`";
                Err(TrainError::setting("monitor.metric", metric, expected))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a name that an epoch shows to be none.
    pub(super) fn check_known(&self, log: &TrainingLog) -> Result<(), TrainError> {
        let (Some(epoch), Some(name)) = (log.last(), &self.metric) else { return Ok(()) };
        let judged = epoch.valid.is_some() || name.starts_with("train_");
        if judged && epoch.metric(name).is_none() {
            let expected =
                "a column of the log, such as `valid_loss`, `valid_accuracy` or `train_` and a term of the loss";
            return Err(TrainError::setting("monitor.metric", name, expected));
        }
        Ok(())
    }
}

/// What is meant if no metric is named.
const fn loss_of(held_out: bool) -> &'static str {
    if held_out { "valid_loss" } else { "train_loss" }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::train::{Epoch, Metrics};

    fn log(losses: &[Option<f64>]) -> TrainingLog {
        let metrics = |loss: f64| Metrics { loss, terms: [("a".to_string(), -loss)].into(), ..Default::default() };
        let epoch = |(i, loss): (usize, &Option<f64>)| Epoch {
            epoch: i + 1,
            train: metrics(9.0),
            valid: loss.map(metrics),
            ..Default::default()
        };
        TrainingLog { epochs: losses.iter().enumerate().map(epoch).collect() }
    }

    #[test]
    fn the_best_are_kept_as_they_come() {
        let nan = f64::NAN;
        let log = log(&[Some(3.0), None, Some(nan), Some(3.0), Some(3.0), Some(1.0), Some(2.0), Some(2.0)]);
        let loss = Monitor::of("valid_loss", MonitorMode::Min);
        assert_eq!(loss.best(&log, 1), [6]);
        assert_eq!(loss.best(&log, 2), [6, 7]);
        // of 3, 3 and 1 the older 3 goes
        assert_eq!(loss.best(&log, 3), [6, 7, 8]);
        assert_eq!(loss.best(&TrainingLog { epochs: log.epochs[..6].to_vec() }, 2), [4, 6]);
        assert_eq!(loss.best(&log, 0), [0; 0]);
        assert_eq!(Monitor::of("valid_a", MonitorMode::Max).best(&log, 2), [6, 7]);
        assert_eq!(Monitor::of("valid_a", MonitorMode::Min).best(&log, 2), [1, 4]);
        assert_eq!(Monitor::of("train_loss", MonitorMode::Min).best(&log, 2), [1, 2]);
        assert_eq!(Monitor::of("train_b", MonitorMode::Min).best(&log, 2), [0; 0]);
    }

    #[test]
    fn nothing_takes_the_place_of_what_is_asked_for() {
        let without = Monitor::default().resolved(false).unwrap();
        assert_eq!(without, Monitor::of("train_loss", MonitorMode::Min));
        assert_eq!(Monitor::default().resolved(true).unwrap(), Monitor::of("valid_loss", MonitorMode::Min));
        assert_eq!(Monitor::default().best(&log(&[None, None]), 1), [1]);
        assert_eq!(Monitor::default().best(&log(&[None, Some(99.0)]), 1), [2]);
        let says = Monitor::of("valid_a", MonitorMode::Max).resolved(false).unwrap_err().to_string();
        assert!(says.contains("valid_a") && says.contains("held-out"), "{says}");
        assert!(Monitor::of("loss", MonitorMode::Min).check().is_err());
        let log = log(&[Some(1.0)]);
        Monitor::of("valid_a", MonitorMode::Min).check_known(&log).unwrap();
        let says = Monitor::of("valid_b", MonitorMode::Min).check_known(&log).unwrap_err().to_string();
        assert!(says.contains("valid_b"), "{says}");
    }
}
