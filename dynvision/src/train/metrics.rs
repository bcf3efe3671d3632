//! How well a model does.

use super::agreement::Agreement;
use super::{TrainError, number};
use crate::loss::{Labels, Over, Target};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How well a model did on some images. Every number is a mean over what it counts: where nothing counts, there are no
/// metrics but an error. Accuracies are missing where there are no labels, and agreements where there are no real-valued
/// responses; those are of an evaluation alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Number of images.
    pub images: usize,
    /// The loss: each of its terms averaged over what it is a mean over, labels that count, responses or images; a sum is one
    /// over all images.
    #[serde(with = "number")]
    pub loss: f64,
    /// The part of right answers at the steps whose labels count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// The part of right answers at each image's last step whose label counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_accuracy: Option<f64>,
    /// The part of steps whose labels count at which the label is one of the five greatest logits; of a model with more classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top5_accuracy: Option<f64>,
    /// The probability that the readout gave to the right class, at the steps whose labels count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// The part of images answered by their first label, at every step of the run, also where labels do not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_time: Vec<f64>,
    /// The terms of the loss without their weights, by name.
    pub terms: BTreeMap<String, f64>,
    /// How well the other readouts do, by their names, where there are labels for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub readouts: BTreeMap<String, ReadoutMetrics>,
    /// How well real-valued responses agree with those recorded, by the names of areas; those of the readout by `readout`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub agreement: BTreeMap<String, Agreement>,
}

/// How well a readout beside the first does, as [`Metrics`] says of the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadoutMetrics {
    /// The part of right answers at the steps whose labels count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// The part of right answers at each image's last step whose label counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_accuracy: Option<f64>,
    /// The part of steps whose labels count at which the label is one of the five greatest logits; with more classes than five.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top5_accuracy: Option<f64>,
    /// The probability that the readout gave to the right class, at the steps whose labels count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

impl Metrics {
    /// Its numbers by the names that the columns of a table have behind `train_` and `valid_`: those that there are of `loss`,
    /// `accuracy`, `last_accuracy`, `top5_accuracy`, `confidence`, the terms of the loss, those of another readout with its name,
    /// such as `accuracy_whereabouts`, and `correlation_v1` and `explained_variance_v1` of each area and `readout`.
    pub fn named(&self) -> Vec<(String, f64)> {
        let own = [
            ("loss", Some(self.loss)),
            ("accuracy", self.accuracy),
            ("last_accuracy", self.last_accuracy),
            ("top5_accuracy", self.top5_accuracy),
            ("confidence", self.confidence),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?)));
        let terms = self.terms.iter().map(|(term, &value)| (term.clone(), value));
        let readouts = self.readouts.iter().flat_map(|(readout, of)| {
            let numbers = [
                ("accuracy", of.accuracy),
                ("last_accuracy", of.last_accuracy),
                ("top5_accuracy", of.top5_accuracy),
                ("confidence", of.confidence),
            ];
            numbers.into_iter().filter_map(move |(name, value)| Some((format!("{name}_{readout}"), value?)))
        });
        let agreement = self.agreement.iter().flat_map(|(place, of)| {
            let numbers = [("correlation", of.correlation), ("explained_variance", of.explained_variance)];
            numbers.into_iter().filter_map(move |(name, value)| Some((format!("{name}_{place}"), value?)))
        });
        own.chain(terms).chain(readouts).chain(agreement).collect()
    }
}

/// Gathers [`Metrics`] over batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Meter {
    images: usize,
    terms: Vec<TermMean>,
    /// Whether there were labels.
    #[serde(default = "yes")]
    labelled: bool,
    valid: Share,
    last: Share,
    #[serde(default)]
    top5: Share,
    confidence: Share,
    in_time: Vec<Share>,
    /// Of the other readouts, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    readouts: BTreeMap<String, Meter>,
}

/// Meters of earlier versions are of labels.
const fn yes() -> bool {
    true
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
    pub(super) over: Over,
    pub(super) count: f64,
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
    /// Counts a batch: the terms of its loss, and logits `(batch, time, classes)` where there are labels.
    pub(super) fn add<Y: Target>(&mut self, terms: &[TermOfBatch], logits: &[f64], target: &Y) {
        self.images += target.batch();
        for (at, TermOfBatch { name, weight, value, over, count }) in terms.iter().enumerate() {
            if self.terms.len() == at {
                self.terms.push(TermMean { name: name.clone(), weight: *weight, mean: Share::default() });
            }
            let mean = &mut self.terms[at].mean;
            mean.sum += value * count;
            // a sum is over all that there is, in however many batches
            mean.of = if *over == Over::Sum { 1.0 } else { mean.of + count };
        }
        if let Some(labels) = target.labels() {
            self.add_labels(logits, labels);
        }
    }

    /// Counts what another readout answered to a batch, logits `(batch, time, classes)`.
    pub(super) fn add_readout(&mut self, name: &str, logits: &[f64], labels: &Labels) {
        self.readouts.entry(name.to_string()).or_default().add_labels(logits, labels);
    }

    fn add_labels(&mut self, logits: &[f64], labels: &Labels) {
        self.labelled = true;
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
                in_time.add(answer == Some(first));
            }
            if let Some(label) = *label {
                self.valid.add(answer == Some(label));
                self.confidence.add(probability(logits, label));
                if logits.len() > 5 {
                    self.top5.add(rank(logits, label) < 5);
                }
                last = Some(answer == Some(label));
            }
        }
        if let Some(right) = last {
            self.last.add(right);
        }
    }

    /// Forgets the accuracies in time.
    pub(super) fn forget_time(&mut self) {
        self.in_time.clear();
        self.readouts.values_mut().for_each(Meter::forget_time);
    }

    /// The loss so far, if anything counted.
    pub(super) fn loss(&self) -> Option<f64> {
        if self.terms.is_empty() {
            return None;
        }
        self.terms.iter().map(|term| Some(term.weight * term.mean.value()?)).sum()
    }

    /// What was gathered of a readout beside the first.
    fn of_readout(&self) -> ReadoutMetrics {
        ReadoutMetrics {
            accuracy: self.valid.value(),
            last_accuracy: self.last.value(),
            top5_accuracy: self.top5.value(),
            confidence: self.confidence.value(),
        }
    }

    /// What was gathered.
    ///
    /// # Errors
    /// [`TrainError::NothingCounts`] if no label or response counted.
    pub(super) fn metrics(self) -> Result<Metrics, TrainError> {
        let nothing = || TrainError::NothingCounts { images: self.images };
        let mut terms = BTreeMap::new();
        for term in &self.terms {
            *terms.entry(term.name.clone()).or_insert(0.0) += term.mean.value().ok_or_else(nothing)?;
        }
        if self.labelled && self.valid.value().is_none() {
            return Err(nothing());
        }
        Ok(Metrics {
            images: self.images,
            loss: self.loss().ok_or_else(nothing)?,
            accuracy: self.valid.value(),
            last_accuracy: self.last.value(),
            top5_accuracy: self.top5.value(),
            confidence: self.confidence.value(),
            readouts: self.readouts.iter().map(|(name, of)| (name.clone(), of.of_readout())).collect(),
            agreement: BTreeMap::new(),
            in_time: self.in_time.iter().map(|share| share.value().ok_or_else(nothing)).collect::<Result<_, _>>()?,
            terms,
        })
    }
}

/// The class of the greatest logit, the first of several; none where one is no number, which is neither greater nor less.
fn greatest(logits: &[f64]) -> Option<usize> {
    let better = |best: usize, class: usize| if logits[class] > logits[best] { class } else { best };
    (!logits.iter().any(|logit| logit.is_nan())).then(|| (0..logits.len()).fold(0, better))
}

/// How many logits are greater than that of a class, of equal ones those before it; all where one is no number.
fn rank(logits: &[f64], class: usize) -> usize {
    let Some(&own) = logits.get(class).filter(|_| !logits.iter().any(|logit| logit.is_nan())) else {
        return logits.len();
    };
    logits.iter().enumerate().filter(|&(at, &logit)| logit > own || (logit == own && at < class)).count()
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

    fn term(value: f64, count: f64) -> [TermOfBatch; 1] {
        [TermOfBatch { name: "a".into(), weight: 0.5, value, over: Over::Labels, count }]
    }

    #[test]
    fn answers_are_counted_where_labels_count() {
        // one image answers 0, 1, 1 and is a 1; the other 2, 2, 0 and is a 2; the first step does not count
        let one = |class: usize| (0..3).map(move |c| if c == class { 5.0 } else { 0.0 });
        let logits: Vec<f64> = [0, 1, 1, 2, 2, 0].into_iter().flat_map(one).collect();
        let labels = Labels::counted(&[1, 2], &[false, true, true]);
        let mut meter = Meter::default();
        meter.add(&term(2.0, 4.0), &logits, &labels);
        meter.add(&term(5.0, 1.0), &[0.0, 9.0, 0.0], &Labels::constant(&[1], 1));
        let metrics = meter.metrics().unwrap();
        // batches are weighed by the 4 labels and the 1 that count
        assert_eq!((metrics.images, metrics.loss, metrics.terms["a"]), (3, 1.3, 2.6));
        assert_eq!((metrics.accuracy, metrics.last_accuracy), (Some(4.0 / 5.0), Some(2.0 / 3.0)));
        assert_eq!(metrics.in_time, [2.0 / 3.0, 1.0, 0.5]);
        let (e5, e9) = (5f64.exp(), 9f64.exp());
        let (right, wrong, last) = (e5 / (e5 + 2.0), 1.0 / (e5 + 2.0), e9 / (e9 + 2.0));
        assert!((metrics.confidence.unwrap() - (3.0 * right + wrong + last) / 5.0).abs() < 1e-12);
    }

    #[test]
    fn each_readout_is_counted_by_its_own_labels() {
        let mut meter = Meter::default();
        meter.add(&term(1.0, 1.0), &[0.0, 9.0], &Labels::constant(&[1], 1));
        meter.add_readout("where", &[9.0, 0.0, 0.0, 0.0, 9.0, 0.0], &Labels::constant(&[0], 2));
        let metrics = meter.metrics().unwrap();
        assert_eq!((metrics.accuracy, metrics.readouts["where"].accuracy), (Some(1.0), Some(0.5)));
        assert_eq!(metrics.readouts["where"].last_accuracy, Some(0.0));
        let named: std::collections::BTreeMap<String, f64> = metrics.named().into_iter().collect();
        assert_eq!((named["accuracy"], named["accuracy_where"]), (1.0, 0.5));
    }

    #[test]
    fn the_label_is_among_the_greatest() {
        let logits = [3.0, 1.0, 2.0, 2.0, 0.0, -1.0, -2.0];
        assert_eq!((0..7).map(|class| rank(&logits, class)).collect::<Vec<_>>(), [0, 3, 1, 2, 4, 5, 6]);
        let mut meter = Meter::default();
        for label in [4, 5] {
            meter.add(&term(1.0, 1.0), &logits, &Labels::constant(&[label], 1));
        }
        assert_eq!(meter.clone().metrics().unwrap().top5_accuracy, Some(0.5));
        let mut few = Meter::default();
        few.add(&term(1.0, 1.0), &logits[..5], &Labels::constant(&[4], 1));
        assert_eq!(few.metrics().unwrap().top5_accuracy, None);
    }

    /// Answers that are no number are no answers, also at steps of which the loss sees nothing.
    #[test]
    fn what_is_no_number_answers_nothing() {
        let nan = f64::NAN;
        assert_eq!([&[nan, 1.0][..], &[1.0, nan], &[1.0, 1.0]].map(greatest), [None, None, Some(0)]);
        assert_eq!((rank(&[nan; 6], 0), rank(&[0.0, 1.0, nan, 0.0, 0.0, 0.0], 1)), (6, 6));
        let mut meter = Meter::default();
        meter.add(&term(1.0, 1.0), &[nan, nan, 5.0, 0.0], &Labels::counted(&[0], &[false, true]));
        assert_eq!(meter.metrics().unwrap().in_time, [0.0, 1.0]);
    }

    #[test]
    fn the_mean_over_nothing_is_no_number() {
        let mut meter = Meter::default();
        meter.add(&term(0.0, 0.0), &[1.0, 2.0], &Labels::counted(&[0], &[false]));
        assert_eq!(meter.loss(), None);
        assert!(matches!(meter.metrics(), Err(TrainError::NothingCounts { images: 1 })));
        assert!(Meter::default().metrics().is_err());
    }
}
