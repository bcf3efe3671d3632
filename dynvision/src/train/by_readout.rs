//! Samples with labels for several readouts.

use super::source::of_set;
use super::{Batches, Drawn, Pass, Source, TrainError};
use crate::data::DataError;
use crate::geometry::Map;
use crate::kernels::Upload;
use crate::loss::{Labels, LabelsByReadout};
use dfdx::prelude::{ConstDim, Dtype};
use std::collections::BTreeMap;

/// Samples with labels for each readout of a model with several: those of the set are of the first, others are given by the
/// readout's name. A loss with a term for each is
/// `(CrossEntropy::default(), Weighted::new(0.5, At::new("whereabouts", CrossEntropy::default())))`.
///
/// ```
/// use dynvision::data::digits;
/// use dynvision::train::{LabelledByReadout, Source};
/// let images = digits::test()?;
/// let even = images.labels().iter().map(|digit| usize::from(digit % 2)).collect();
/// let set = LabelledByReadout::new(images).with("parity", even)?;
/// assert_eq!((set.classes(), set.readouts()), (10, vec![("parity".to_string(), 2)]));
/// assert!(set.with("size", vec![0, 1]).is_err()); // a label for each sample
/// # Ok::<(), dynvision::train::TrainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LabelledByReadout<S> {
    set: S,
    labels: BTreeMap<String, Vec<usize>>,
}

impl<S: Source<Target = Labels>> LabelledByReadout<S> {
    /// A set whose labels are those of the first readout.
    pub fn new(set: S) -> Self {
        LabelledByReadout { set, labels: BTreeMap::new() }
    }

    /// Adds the class of each sample for another readout.
    ///
    /// # Errors
    /// [`TrainError::Data`] of another number of labels than the set has samples.
    pub fn with(mut self, readout: impl Into<String>, labels: Vec<usize>) -> Result<Self, TrainError> {
        if labels.len() != self.set.samples() {
            let (expected, found) =
                (format!("{}, as many as the set has samples", self.set.samples()), labels.len().to_string());
            return Err(DataError::Setting { setting: "labels of a readout", expected, found }.into());
        }
        self.labels.insert(readout.into(), labels);
        Ok(self)
    }
}

impl<S: Source<Target = Labels>> Source for LabelledByReadout<S> {
    type Target = LabelsByReadout;

    of_set!();

    fn classes(&self) -> usize {
        self.set.classes()
    }

    fn readouts(&self) -> Vec<(String, usize)> {
        let classes = |labels: &[usize]| labels.iter().max().map_or(0, |greatest| greatest.saturating_add(1));
        self.labels.iter().map(|(readout, labels)| (readout.clone(), classes(labels))).collect()
    }

    fn describe(&self) -> String {
        let each = self.labels.iter().map(|(readout, labels)| {
            let mut sum = crc32fast::Hasher::new();
            labels.iter().for_each(|&label| sum.update(&(label as u64).to_le_bytes()));
            format!("{readout} {:08x}", sum.finalize())
        });
        format!("{}, labels of {}", self.set.describe(), each.collect::<Vec<_>>().join(", "))
    }

    fn target(&self, batch: &Drawn, counted: &[bool]) -> Result<LabelsByReadout, TrainError> {
        let mut target = LabelsByReadout::new(self.set.target(batch, counted)?);
        for (readout, labels) in &self.labels {
            let of_batch: Vec<usize> = batch.indices.iter().filter_map(|&at| labels.get(at).copied()).collect();
            target = target.with(readout, Labels::counted(&of_batch, counted))?;
        }
        Ok(target)
    }
}
