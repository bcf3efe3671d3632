//! Labels for each of several readouts.

use super::{HasLabels, Labels, Target};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// The labels of a model with several readouts: those of the first, and those of others by their names. A
/// [`CrossEntropy`](super::CrossEntropy) compares with the first, an [`At`](super::At) with those of its readout.
///
/// ```
/// use dynvision::loss::{Labels, LabelsByReadout, Target};
/// let what = Labels::constant(&[7, 2], 3);
/// let labels = LabelsByReadout::new(what).with("whereabouts", Labels::constant(&[0, 1], 3))?;
/// assert_eq!(labels.labels_at("whereabouts").and_then(|labels| labels.get(1, 0)), Some(1));
/// assert!(labels.with("size", Labels::constant(&[0, 1], 4)).is_err()); // of another number of steps
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelsByReadout {
    first: Labels,
    others: BTreeMap<String, Labels>,
}

impl LabelsByReadout {
    /// Labels of the first readout.
    pub fn new(first: Labels) -> Self {
        LabelsByReadout { first, others: BTreeMap::new() }
    }

    /// Adds the labels of another readout.
    ///
    /// # Errors
    /// [`Error::Shape`] unless they are of as many images and steps.
    pub fn with(mut self, readout: impl Into<String>, labels: Labels) -> Result<Self> {
        let (expected, found) = ([self.first.batch(), self.first.time()], [labels.batch(), labels.time()]);
        if expected != found {
            return Err(Error::shape("labels of a readout (images and steps of the first's)", &expected, &found));
        }
        self.others.insert(readout.into(), labels);
        Ok(self)
    }
}

impl Target for LabelsByReadout {
    fn batch(&self) -> usize {
        self.first.batch()
    }

    fn steps(&self) -> usize {
        self.first.time()
    }

    fn labels(&self) -> Option<&Labels> {
        Some(&self.first)
    }

    fn labels_at(&self, readout: &str) -> Option<&Labels> {
        self.others.get(readout)
    }

    fn readouts(&self) -> Vec<&str> {
        self.others.keys().map(String::as_str).collect()
    }
}

impl HasLabels for LabelsByReadout {
    fn class_labels(&self) -> &Labels {
        &self.first
    }
}
