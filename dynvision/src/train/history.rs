//! What happened in a training.

use super::csv::Columns;
use super::{Metrics, number};
use crate::interop::atomic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;

/// All epochs of a training so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingLog {
    /// The epochs, in their order.
    pub epochs: Vec<Epoch>,
}

/// One epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// Updates of the weights so far.
    pub updates: u64,
    /// The learning rate of its last update.
    pub lr: f64,
    /// That of each group that has its own, by the group's pattern; 0 where it is frozen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub group_lr: BTreeMap<String, f64>,
    /// The mean norm of its gradients, before clipping.
    #[serde(with = "number")]
    pub gradient_norm: f64,
    /// The share of its updates whose gradients were clipped.
    #[serde(default)]
    pub clipped: f64,
    /// How long it took, evaluation included.
    pub seconds: f64,
    /// Images trained on in a second, evaluation not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images_per_second: Option<f64>,
    /// The memory of the process at its end, in bytes, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// On the images of the training, while the weights changed.
    pub train: Metrics,
    /// On the images held out, after it, if it was evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<Metrics>,
}

/// Some updates that follow each other, as many as [`Logs::every`](super::Logs::every) says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// The number of the last of them, from 1.
    pub update: u64,
    /// The epoch, from 1.
    pub epoch: usize,
    /// The learning rate of the last.
    pub lr: f64,
    /// That of each group that has its own, by the group's pattern; 0 where it is frozen.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub group_lr: BTreeMap<String, f64>,
    /// The mean norm of their gradients, before clipping.
    #[serde(with = "number")]
    pub gradient_norm: f64,
    /// The share of them whose gradients were clipped.
    pub clipped: f64,
    /// Images trained on in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images_per_second: Option<f64>,
    /// The memory of the process, in bytes, where the system tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// On their images, while the weights changed; accuracies in time are left to the epochs. Missing if no label counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<Metrics>,
}

impl Epoch {
    /// What progress is measured by: the loss on the images held out, or on those of the training.
    pub fn loss(&self) -> f64 {
        self.valid.as_ref().unwrap_or(&self.train).loss
    }

    /// A metric by the name of its column in [`TrainingLog::to_csv`], such as `valid_accuracy`, if there is one.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let (metrics, name) = match name.strip_prefix("train_") {
            Some(name) => (&self.train, name),
            None => (self.valid.as_ref()?, name.strip_prefix("valid_")?),
        };
        metrics.named().into_iter().find_map(|(own, value)| (own == name).then_some(value))
    }

    /// Its metrics, to be changed: of the training, then of the evaluation if there is one.
    pub(super) fn metrics_mut(&mut self) -> impl Iterator<Item = &mut Metrics> {
        std::iter::once(&mut self.train).chain(&mut self.valid)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Epoch { epoch, train, seconds, .. } = self;
        write!(f, "epoch {epoch:>3}: loss {:.4}", train.loss)?;
        train.accuracy.map_or(Ok(()), |accuracy| write!(f, ", accuracy {accuracy:.4}"))?;
        if let Some(valid) = &self.valid {
            write!(f, "; held out: loss {:.4}", valid.loss)?;
            valid.accuracy.map_or(Ok(()), |accuracy| write!(f, ", accuracy {accuracy:.4}"))?;
        }
        write!(f, " ({seconds:.1} s)")
    }
}

impl TrainingLog {
    /// The last epoch.
    pub fn last(&self) -> Option<&Epoch> {
        self.epochs.last()
    }

    /// The epoch of the lowest loss, the first of several.
    pub fn best(&self) -> Option<&Epoch> {
        self.judged().reduce(|best, epoch| if epoch.loss() < best.loss() { epoch } else { best })
    }

    /// The epochs that were evaluated, or all if none was.
    fn judged(&self) -> impl Iterator<Item = &Epoch> {
        let evaluated = self.epochs.iter().any(|epoch| epoch.valid.is_some());
        self.epochs.iter().filter(move |epoch| epoch.valid.is_some() || !evaluated)
    }

    /// A table with a line for each epoch and a column for each number, as text.
    pub fn to_csv(&self) -> String {
        let columns = Columns::of(&self.epochs);
        let rows = self.epochs.iter().map(|epoch| columns.row(epoch));
        std::iter::once(columns.header()).chain(rows).collect()
    }

    /// Writes [`to_csv`](TrainingLog::to_csv) to a file.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_csv(&self, path: impl AsRef<Path>) -> io::Result<()> {
        atomic::write(path, |file| file.write_all(self.to_csv().as_bytes()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn epoch(epoch: usize, train: f64, valid: Option<f64>) -> Epoch {
        let metrics = |loss| Metrics { loss, terms: [("a,b".to_string(), 0.25)].into(), ..Default::default() };
        Epoch { epoch, train: metrics(train), valid: valid.map(metrics), ..Default::default() }
    }

    fn history(losses: &[(f64, Option<f64>)]) -> TrainingLog {
        TrainingLog {
            epochs: losses.iter().enumerate().map(|(i, &(train, valid))| epoch(i + 1, train, valid)).collect(),
        }
    }

    #[test]
    fn progress_is_measured_where_it_was_evaluated() {
        let history = history(&[(9.0, Some(3.0)), (1.0, None), (8.0, Some(2.0)), (7.0, Some(1.95)), (6.0, Some(2.5))]);
        assert_eq!(history.best().unwrap().epoch, 4);
        assert_eq!(super::tests::history(&[(2.0, None), (3.0, None)]).best().unwrap().epoch, 1);
        assert!(TrainingLog::default().best().is_none());
    }

    #[test]
    fn every_line_has_the_columns_of_the_first() {
        let csv = history(&[(9.0, Some(3.0)), (1.5, None)]).to_csv();
        let lines: Vec<&str> = csv.lines().collect();
        assert!(lines[0].ends_with("valid_loss,\"valid_a,b\""), "{csv}");
        let fields: Vec<usize> = lines.iter().map(|line| line.replace("_a,b", "").split(',').count()).collect();
        assert_eq!(fields, [12, 12, 12]);
        assert_eq!(lines[2], "2,0,0,0,0,0,,,1.5,0.25,,");
    }

    #[test]
    fn histories_are_written_exactly() {
        let history = history(&[(1.0 / 3.0, Some(0.1 + 0.2)), (f64::MIN_POSITIVE, None)]);
        let text = toml::to_string(&history).unwrap();
        assert_eq!(toml::from_str::<TrainingLog>(&text).unwrap(), history);
    }
}
