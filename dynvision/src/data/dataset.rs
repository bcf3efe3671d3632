//! What a data set is: samples that can be had in any order, with their labels.

use super::{DataError, Images, Sample, Values};
use crate::geometry::Map;
use std::sync::Arc;

/// A data set: samples by index, each with the number of its class.
///
/// Labels are known without decoding a sample, so that an order, a subset or a split costs nothing. Samples are decoded when they
/// are asked for, by any number of threads at once.
pub trait Dataset: Send + Sync {
    /// Where the samples come from, for errors.
    fn name(&self) -> &str;

    /// The class of each sample.
    fn labels(&self) -> &[u16];

    /// The names of the classes, by label.
    fn classes(&self) -> &[String];

    /// The shape of a frame if all samples have the same, and it is known without decoding them.
    fn shape(&self) -> Option<Map>;

    /// One sample.
    ///
    /// # Errors
    /// An index beyond the end; a sample that cannot be read or decoded, with its name.
    fn sample(&self, index: usize) -> Result<Sample, DataError>;

    /// Where one sample comes from, for errors: its file where it has one, else the set.
    fn source(&self, index: usize) -> String {
        let _ = index;
        self.name().to_string()
    }

    /// Number of samples.
    fn len(&self) -> usize {
        self.labels().len()
    }

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: Dataset + ?Sized> Dataset for $pointer {
            fn name(&self) -> &str {
                (**self).name()
            }
            fn labels(&self) -> &[u16] {
                (**self).labels()
            }
            fn classes(&self) -> &[String] {
                (**self).classes()
            }
            fn shape(&self) -> Option<Map> {
                (**self).shape()
            }
            fn sample(&self, index: usize) -> Result<Sample, DataError> {
                (**self).sample(index)
            }
            fn source(&self, index: usize) -> String {
                (**self).source(index)
            }
            fn len(&self) -> usize {
                (**self).len()
            }
        }
    )*};
}

forward!(&S, Box<S>, Arc<S>);

impl Dataset for Images {
    fn name(&self) -> &str {
        "images in memory"
    }

    fn labels(&self) -> &[u16] {
        self.labels()
    }

    fn classes(&self) -> &[String] {
        self.classes()
    }

    fn shape(&self) -> Option<Map> {
        Some(self.shape())
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let pixels = self.image(index).ok_or(DataError::Index { index, len: self.len() })?;
        Sample::new("images in memory", Values::Bytes(pixels.to_vec()), 1, self.shape())
    }
}

impl Images {
    /// Decodes a whole data set of still images into memory, each sample as `transforms` for tests leave it.
    ///
    /// # Errors
    /// A sample that cannot be decoded, a film, values that are no bytes, or samples of several sizes, with the first that differs.
    pub fn collect(set: &dyn Dataset, transforms: &super::Transforms) -> Result<Images, DataError> {
        let (mut pixels, mut shape) = (Vec::new(), None);
        for index in 0..set.len() {
            let sample = transforms.apply(set.sample(index)?, super::Draw::none())?;
            let expected = *shape.get_or_insert(sample.shape());
            if sample.shape() != expected {
                return Err(DataError::MixedShapes { file: set.source(index), index, found: sample.shape(), expected });
            }
            match (sample.frames(), sample.into_values()) {
                (1, Values::Bytes(values)) => pixels.extend(values),
                _ => return Err(DataError::NotBytes { file: set.source(index), index }),
            }
        }
        let shape = shape.ok_or_else(|| DataError::Empty { file: set.name().to_string() })?;
        Images::new(set.name(), pixels, shape, set.labels().to_vec(), set.classes().to_vec())
    }
}
