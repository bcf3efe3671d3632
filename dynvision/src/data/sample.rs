//! One sample of a data set: the values of a still image or of a film.

use super::{DataError, Normalisation};
use crate::geometry::Map;

/// The numbers of a sample, frames before channels before rows before columns.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Grey levels from 0 to 255, which become numbers from 0 to 1.
    Bytes(Vec<u8>),
    /// Numbers that are used as they are.
    Floats(Vec<f32>),
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Values::Bytes(values) => values.len(),
            Values::Floats(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A still image (one frame) or a film (several), every frame of the same shape.
///
/// # Shapes
/// `(frames, C, H, W)`, the last dimension fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    values: Values,
    frames: usize,
    shape: Map,
}

impl Sample {
    /// Values with their shape; `file` names their source in errors.
    ///
    /// ```
    /// use dynvision::{data::{Sample, Values}, geometry::Map};
    /// let still = Sample::new("stripes", Values::Bytes(vec![0, 255]), 1, Map::new(1, 1, 2))?;
    /// assert_eq!((still.frames(), still.shape()), (1, Map::new(1, 1, 2)));
    /// assert!(Sample::new("stripes", Values::Bytes(vec![0; 3]), 1, Map::new(1, 1, 2)).is_err());
    /// # Ok::<(), dynvision::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// Another number of values than the frames and their shape have, no frame, or a shape without values.
    pub fn new(file: &str, values: Values, frames: usize, shape: Map) -> Result<Self, DataError> {
        let count = shape.c.checked_mul(shape.h).and_then(|n| n.checked_mul(shape.w)?.checked_mul(frames));
        if values.is_empty() || count != Some(values.len()) {
            return Err(DataError::PixelCount { file: file.to_string(), pixels: values.len(), shape });
        }
        Ok(Sample { values, frames, shape })
    }

    /// The values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Number of frames; 1 for a still image.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Shape of one frame.
    pub fn shape(&self) -> Map {
        self.shape
    }

    /// The values as a model sees them: floats as they are, each byte normalised by its channel.
    ///
    /// # Shapes
    /// `(frames, C, H, W)`, the last dimension fastest.
    ///
    /// ```
    /// use dynvision::{data::{Normalisation, Sample, Values}, geometry::Map};
    /// let still = Sample::new("stripes", Values::Bytes(vec![0, 255]), 1, Map::new(1, 1, 2))?;
    /// assert_eq!(still.normalised(&Normalisation::unit(1)), [0.0, 1.0]);
    /// # Ok::<(), dynvision::data::DataError>(())
    /// ```
    pub fn normalised(self, normalisation: &Normalisation) -> Vec<f32> {
        let Map { c, h, w } = self.shape;
        match self.values {
            Values::Floats(values) => values,
            Values::Bytes(bytes) => {
                let of = |(at, &byte): (usize, &u8)| normalisation.apply(at / (h * w) % c, byte) as f32;
                bytes.iter().enumerate().map(of).collect()
            }
        }
    }

    /// The values, to be changed or kept.
    pub fn into_values(self) -> Values {
        self.values
    }
}
