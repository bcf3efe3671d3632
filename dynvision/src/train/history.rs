//! What happened in a training.

use super::Metrics;
use crate::interop::atomic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
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
    /// The mean norm of its gradients, before clipping.
    pub gradient_norm: f64,
    /// How long it took, evaluation included.
    pub seconds: f64,
    /// On the images of the training, while the weights changed.
    pub train: Metrics,
    /// On the images held out, after it, if it was evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<Metrics>,
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
        match name {
            "loss" => Some(metrics.loss),
            "accuracy" => Some(metrics.accuracy),
            "last_accuracy" => Some(metrics.last_accuracy),
            "confidence" => Some(metrics.confidence),
            term => metrics.terms.get(term).copied(),
        }
    }

    /// Its metrics, to be changed: of the training, then of the evaluation if there is one.
    pub(super) fn metrics_mut(&mut self) -> impl Iterator<Item = &mut Metrics> {
        std::iter::once(&mut self.train).chain(&mut self.valid)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Epoch { epoch, train, seconds, .. } = self;
        write!(f, "epoch {epoch:>3}: loss {:.4}, accuracy {:.4}", train.loss, train.accuracy)?;
        if let Some(valid) = &self.valid {
            write!(f, "; held out: loss {:.4}, accuracy {:.4}", valid.loss, valid.accuracy)?;
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
        let terms: BTreeSet<&str> =
            self.epochs.iter().flat_map(|epoch| epoch.train.terms.keys()).map(String::as_str).collect();
        let mut text = String::from("epoch,updates,lr,gradient_norm,seconds");
        for part in ["train", "valid"] {
            let _ = write!(text, ",{part}_loss,{part}_accuracy,{part}_last_accuracy,{part}_confidence");
            terms.iter().for_each(|term| text.extend([",", &quoted(&format!("{part}_{term}"))]));
        }
        for epoch in &self.epochs {
            let Epoch { epoch: number, updates, lr, gradient_norm, seconds, train, valid } = epoch;
            let _ = write!(text, "\n{number},{updates},{lr},{gradient_norm},{seconds}");
            for metrics in [Some(train), valid.as_ref()] {
                text.extend(numbers(metrics, &terms).map(|number| format!(",{number}")));
            }
        }
        text.push('\n');
        text
    }

    /// Writes [`to_csv`](TrainingLog::to_csv) to a file.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_csv(&self, path: impl AsRef<Path>) -> io::Result<()> {
        atomic::write(path, |file| file.write_all(self.to_csv().as_bytes()))
    }
}

/// The columns of some metrics, empty if there are none.
fn numbers<'a>(metrics: Option<&'a Metrics>, terms: &'a BTreeSet<&str>) -> impl Iterator<Item = String> + 'a {
    let text = |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
    let own = [
        metrics.map(|m| m.loss),
        metrics.map(|m| m.accuracy),
        metrics.map(|m| m.last_accuracy),
        metrics.map(|m| m.confidence),
    ];
    own.into_iter()
        .map(text)
        .chain(terms.iter().map(move |&term| text(metrics.and_then(|m| m.terms.get(term).copied()))))
}

/// A field that may hold anything.
pub(super) fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_string()
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
        assert!(lines[0].ends_with("valid_confidence,\"valid_a,b\""), "{csv}");
        let fields: Vec<usize> = lines.iter().map(|line| line.replace("_a,b", "").split(',').count()).collect();
        assert_eq!(fields, [15, 15, 15]);
        assert_eq!(lines[2], "2,0,0,0,0,1.5,0,0,0,0.25,,,,,");
    }

    #[test]
    fn histories_are_written_exactly() {
        let history = history(&[(1.0 / 3.0, Some(0.1 + 0.2)), (f64::MIN_POSITIVE, None)]);
        let text = toml::to_string(&history).unwrap();
        assert_eq!(toml::from_str::<TrainingLog>(&text).unwrap(), history);
    }
}
