//! How well a model does.

use crate::loss::Labels;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How well a model did on some images.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Number of images.
    pub images: usize,
    /// The loss, averaged over images.
    pub loss: f64,
    /// The part of right answers at the steps whose labels count.
    pub accuracy: f64,
    /// The part of right answers at each image's last step whose label counts.
    pub last_accuracy: f64,
    /// The probability that the readout gave to the right class, at the steps whose labels count.
    pub confidence: f64,
    /// The part of images answered by their first label, at every step of the run, also where labels do not count.
    pub in_time: Vec<f64>,
    /// The terms of the loss without their weights, by name.
    pub terms: BTreeMap<String, f64>,
}

/// Gathers [`Metrics`] over batches.
#[derive(Debug, Default)]
pub(super) struct Meter {
    images: usize,
    loss: f64,
    terms: BTreeMap<String, f64>,
    valid: Share,
    last: Share,
    confidence: Share,
    in_time: Vec<Share>,
}

/// A sum and what it is a share of.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    sum: f64,
    of: f64,
}

impl Share {
    fn add(&mut self, value: impl Into<f64>) {
        self.sum += value.into();
        self.of += 1.0;
    }

    fn value(self) -> f64 {
        if self.of > 0.0 { self.sum / self.of } else { 0.0 }
    }
}

impl Meter {
    /// Counts a batch: its loss, its terms, and logits `(batch, time, classes)`.
    pub(super) fn add(&mut self, loss: f64, terms: &[(String, f64)], logits: &[f64], labels: &Labels) {
        let images = labels.batch() as f64;
        self.images += labels.batch();
        self.loss += loss * images;
        for (name, value) in terms {
            *self.terms.entry(name.clone()).or_default() += value * images;
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

    /// The loss so far.
    pub(super) fn loss(&self) -> f64 {
        Share { sum: self.loss, of: self.images as f64 }.value()
    }

    /// What was gathered.
    pub(super) fn metrics(self) -> Metrics {
        let mean = |sum: f64| Share { sum, of: self.images as f64 }.value();
        Metrics {
            images: self.images,
            loss: self.loss(),
            accuracy: self.valid.value(),
            last_accuracy: self.last.value(),
            confidence: self.confidence.value(),
            in_time: self.in_time.iter().map(|share| share.value()).collect(),
            terms: self.terms.iter().map(|(name, &sum)| (name.clone(), mean(sum))).collect(),
        }
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
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_where_labels_count() {
        // one image answers 0, 1, 1 and is a 1; the other 2, 2, 0 and is a 2; the first step does not count
        let one = |class: usize| (0..3).map(move |c| if c == class { 5.0 } else { 0.0 });
        let logits: Vec<f64> = [0, 1, 1, 2, 2, 0].into_iter().flat_map(one).collect();
        let labels = Labels::counted(&[1, 2], &[false, true, true]);
        let mut meter = Meter::default();
        meter.add(0.5, &[("a".into(), 2.0)], &logits, &labels);
        meter.add(2.0, &[("a".into(), 5.0)], &[0.0, 9.0, 0.0], &Labels::constant(&[1], 1));
        let metrics = meter.metrics();
        assert_eq!((metrics.images, metrics.loss, metrics.terms["a"]), (3, 1.0, 3.0));
        assert_eq!((metrics.accuracy, metrics.last_accuracy), (4.0 / 5.0, 2.0 / 3.0));
        assert_eq!(metrics.in_time, [2.0 / 3.0, 1.0, 0.5]);
        let (e5, e9) = (5f64.exp(), 9f64.exp());
        let (right, wrong, last) = (e5 / (e5 + 2.0), 1.0 / (e5 + 2.0), e9 / (e9 + 2.0));
        assert!((metrics.confidence - (3.0 * right + wrong + last) / 5.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_counted_is_nothing_right() {
        let mut meter = Meter::default();
        meter.add(0.0, &[], &[1.0, 2.0], &Labels::counted(&[0], &[false]));
        let metrics = meter.metrics();
        assert_eq!((metrics.accuracy, metrics.last_accuracy, metrics.in_time), (0.0, 0.0, vec![0.0]));
    }
}
