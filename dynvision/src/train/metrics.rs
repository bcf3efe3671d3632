//! How well a model does.

use super::TrainError;
use crate::loss::Labels;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How well a model did on some images. Every number is a mean over what it counts: where nothing counts, there are no
/// metrics but an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Number of images.
    pub images: usize,
    /// The loss: each of its terms averaged over what it is a mean over, labels that count or images.
    pub loss: f64,
    /// The part of right answers at the steps whose labels count.
    pub accuracy: f64,
    /// The part of right answers at each image's last step whose label counts.
    pub last_accuracy: f64,
    /// The probability that the readout gave to the right class, at the steps whose labels count.
    pub confidence: f64,
    /// The part of images answered by their first label, at every step of the run, also where labels do not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_time: Vec<f64>,
    /// The terms of the loss without their weights, by name.
    pub terms: BTreeMap<String, f64>,
}

impl Metrics {
    /// Its numbers by the names that the columns of a table have behind `train_` and `valid_`.
    pub(super) fn named(&self) -> Vec<(&str, f64)> {
        let own = [
            ("loss", self.loss),
            ("accuracy", self.accuracy),
            ("last_accuracy", self.last_accuracy),
            ("confidence", self.confidence),
        ];
        own.into_iter().chain(self.terms.iter().map(|(term, &value)| (term.as_str(), value))).collect()
    }
}

/// Gathers [`Metrics`] over batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Meter {
    images: usize,
    terms: Vec<TermMean>,
    valid: Share,
    last: Share,
    confidence: Share,
    in_time: Vec<Share>,
}

/// A term of the loss over batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct TermMean {
    name: String,
    weight: f64,
    mean: Share,
}

/// A term of the loss in one batch: a mean, and over how many.
#[derive(Clone, Debug)]
pub(super) struct TermOfBatch {
    pub(super) name: String,
    pub(super) weight: f64,
    pub(super) value: f64,
    pub(super) count: usize,
}

/// A sum and what it is a share of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Share {
    sum: f64,
    of: f64,
}

impl Share {
    fn add(&mut self, value: impl Into<f64>) {
        self.sum += value.into();
        self.of += 1.0;
    }

    /// Missing, if nothing was counted.
    fn value(self) -> Option<f64> {
        (self.of > 0.0).then(|| self.sum / self.of)
    }
}

impl Meter {
    /// Counts a batch: the terms of its loss, and logits `(batch, time, classes)`.
    pub(super) fn add(&mut self, terms: &[TermOfBatch], logits: &[f64], labels: &Labels) {
        self.images += labels.batch();
        for (at, TermOfBatch { name, weight, value, count }) in terms.iter().enumerate() {
            if self.terms.len() == at {
                self.terms.push(TermMean { name: name.clone(), weight: *weight, mean: Share::default() });
            }
            let mean = &mut self.terms[at].mean;
            mean.sum += value * *count as f64;
            mean.of += *count as f64;
        }
        self.in_time.resize(self.in_time.len().max(labels.time()), Share::default());
        let Some(classes) = logits.len().checked_div(labels.as_slice().len()).filter(|&classes| classes > 0) else {
            return;
        };
        for (image, steps) in logits.chunks(labels.time() * classes).enumerate() {
            let steps: Vec<&[f64]> = steps.chunks(classes).collect();
            self.add_image(&steps, labels.of(image));
        }
    }

    fn add_image(&mut self, steps: &[&[f64]], labels: &[Option<usize>]) {
        let first = labels.iter().flatten().next();
        let mut last = None;
        for ((logits, label), in_time) in steps.iter().zip(labels).zip(&mut self.in_time) {
            let answer = greatest(logits);
            if let Some(&first) = first {
                in_time.add(answer == first);
            }
            if let Some(label) = *label {
                self.valid.add(answer == label);
                self.confidence.add(probability(logits, label));
                last = Some(answer == label);
            }
        }
        if let Some(right) = last {
            self.last.add(right);
        }
    }

    /// Forgets the accuracies in time.
    pub(super) fn forget_time(&mut self) {
        self.in_time.clear();
    }

    /// The loss so far, if anything counted.
    pub(super) fn loss(&self) -> Option<f64> {
        self.terms.iter().map(|term| Some(term.weight * term.mean.value()?)).sum()
    }

    /// What was gathered.
    ///
    /// # Errors
    /// [`TrainError::NothingCounts`] if no label counted.
    pub(super) fn metrics(self) -> Result<Metrics, TrainError> {
        let nothing = || TrainError::NothingCounts { images: self.images };
        let mut terms = BTreeMap::new();
        for term in &self.terms {
            *terms.entry(term.name.clone()).or_insert(0.0) += term.mean.value().ok_or_else(nothing)?;
        }
        Ok(Metrics {
            images: self.images,
            loss: self.loss().ok_or_else(nothing)?,
            accuracy: self.valid.value().ok_or_else(nothing)?,
            last_accuracy: self.last.value().ok_or_else(nothing)?,
            confidence: self.confidence.value().ok_or_else(nothing)?,
            in_time: self.in_time.iter().map(|share| share.value().ok_or_else(nothing)).collect::<Result<_, _>>()?,
            terms,
        })
    }
}

/// The class of the greatest logit, the first of several.
fn greatest(logits: &[f64]) -> usize {
    let better = |best: usize, class: usize| if logits[class] > logits[best] { class } else { best };
    (0..logits.len()).fold(0, better)
}

fn probability(logits: &[f64], class: usize) -> f64 {
    let top = logits.iter().fold(f64::NEG_INFINITY, |m, &x| m.max(x));
    let sum: f64 = logits.iter().map(|x| (x - top).exp()).sum();
    logits.get(class).map_or(0.0, |x| (x - top).exp() / sum)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn term(value: f64, count: usize) -> [TermOfBatch; 1] {
        [TermOfBatch { name: "a".into(), weight: 0.5, value, count }]
    }

    #[test]
    fn answers_are_counted_where_labels_count() {
        // one image answers 0, 1, 1 and is a 1; the other 2, 2, 0 and is a 2; the first step does not count
        let one = |class: usize| (0..3).map(move |c| if c == class { 5.0 } else { 0.0 });
        let logits: Vec<f64> = [0, 1, 1, 2, 2, 0].into_iter().flat_map(one).collect();
        let labels = Labels::counted(&[1, 2], &[false, true, true]);
        let mut meter = Meter::default();
        meter.add(&term(2.0, 4), &logits, &labels);
        meter.add(&term(5.0, 1), &[0.0, 9.0, 0.0], &Labels::constant(&[1], 1));
        let metrics = meter.metrics().unwrap();
        // batches are weighed by the 4 labels and the 1 that count
        assert_eq!((metrics.images, metrics.loss, metrics.terms["a"]), (3, 1.3, 2.6));
        assert_eq!((metrics.accuracy, metrics.last_accuracy), (4.0 / 5.0, 2.0 / 3.0));
        assert_eq!(metrics.in_time, [2.0 / 3.0, 1.0, 0.5]);
        let (e5, e9) = (5f64.exp(), 9f64.exp());
        let (right, wrong, last) = (e5 / (e5 + 2.0), 1.0 / (e5 + 2.0), e9 / (e9 + 2.0));
        assert!((metrics.confidence - (3.0 * right + wrong + last) / 5.0).abs() < 1e-12);
    }

    #[test]
    fn the_mean_over_nothing_is_no_number() {
        let mut meter = Meter::default();
        meter.add(&term(0.0, 0), &[1.0, 2.0], &Labels::counted(&[0], &[false]));
        assert_eq!(meter.loss(), None);
        assert!(matches!(meter.metrics(), Err(TrainError::NothingCounts { images: 1 })));
        assert!(Meter::default().metrics().is_err());
    }
}
