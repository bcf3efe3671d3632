//! Floating-point samples in memory: images, films, and what other programs computed.

use super::{DataError, Dataset, Sample, Values, file};
use crate::geometry::Map;
use crate::interop::StateDict;
use std::path::Path;

/// A data set of floating-point images or films in memory, each with the number of its class. Values are used as they are.
#[derive(Clone, Debug)]
pub struct Floats {
    name: String,
    values: Vec<f32>,
    frames: usize,
    shape: Map,
    labels: Vec<u16>,
    classes: Vec<String>,
}

impl Floats {
    /// Samples with their labels; `name` names their source in errors.
    ///
    /// # Shapes
    /// `(samples, frames, C, H, W)`, the last dimension fastest; one frame for still images.
    ///
    /// # Errors
    /// Values that are no whole number of samples or not one for each label; a label that names no class.
    pub fn new(
        name: &str,
        values: Vec<f32>,
        frames: usize,
        shape: Map,
        labels: Vec<u16>,
        classes: Vec<String>,
    ) -> Result<Self, DataError> {
        let file = || name.to_string();
        let units = shape.units().saturating_mul(frames);
        if units == 0 || !values.len().is_multiple_of(units) {
            return Err(DataError::PixelCount { file: file(), pixels: values.len(), shape });
        }
        let images = values.len() / units;
        if images != labels.len() {
            return Err(DataError::LabelCount { file: file(), images, labels: labels.len() });
        }
        if let Some(index) = labels.iter().position(|&label| usize::from(label) >= classes.len()) {
            let label = usize::from(labels[index]);
            return Err(DataError::LabelRange { file: file(), index, label, classes: classes.len() });
        }
        Ok(Floats { name: file(), values, frames, shape, labels, classes })
    }

    /// The tensors `images` and `labels` of a safetensors file of numbers of any type.
    ///
    /// # Shapes
    /// `images`: `(samples, H, W)`, `(samples, C, H, W)` or `(samples, time, C, H, W)`; `labels`: `(samples)`.
    ///
    /// # Errors
    /// A file that cannot be read or is of another kind, tensors of other dimensions, labels that are no numbers of classes.
    pub fn read_safetensors(path: impl AsRef<Path>, classes: Vec<String>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let foreign = |found: String| DataError::Foreign {
            file: name.clone(),
            expected: "safetensors file of samples",
            found,
            mend: "store `images` as (samples, [time,] channels, rows, columns) and `labels` as (samples)",
        };
        let state =
            StateDict::from_safetensors(&file::read(path)?).map_err(|error| foreign(format!("is refused: {error}")))?;
        let numbers = |tensor: &str| state.numbers(tensor).map_err(|error| foreign(error.to_string()));
        let ((dims, values), (_, labels)) = (numbers("images")?, numbers("labels")?);
        let (frames, shape) = match dims[..] {
            [_, h, w] => (1, Map::new(1, h, w)),
            [_, c, h, w] => (1, Map::new(c, h, w)),
            [_, time, c, h, w] => (time, Map::new(c, h, w)),
            _ => return Err(foreign(format!("has images of dimensions {dims:?}"))),
        };
        let label = |(index, label): (usize, &f64)| {
            let whole = label.fract() == 0.0 && (0.0..f64::from(u16::MAX)).contains(label);
            if whole { Ok(*label as u16) } else { Err(foreign(format!("has label {label} of sample {index}"))) }
        };
        let labels = labels.iter().enumerate().map(label).collect::<Result<_, _>>()?;
        Floats::new(&name, values.into_iter().map(|value| value as f32).collect(), frames, shape, labels, classes)
    }
}

impl Dataset for Floats {
    fn name(&self) -> &str {
        &self.name
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn shape(&self) -> Option<Map> {
        Some(self.shape)
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let units = self.shape.units() * self.frames;
        let values = self.values.chunks_exact(units).nth(index);
        let values = values.ok_or(DataError::Index { index, len: self.labels.len() })?;
        Sample::new(&self.name, Values::Floats(values.to_vec()), self.frames, self.shape)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn films_are_read_from_safetensors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("films.safetensors");
        let mut state = StateDict::default();
        let values: Vec<f32> = (0..2 * 3 * 4).map(|i| i as f32).collect();
        state.insert("images", &[2, 3, 1, 2, 2], &values);
        state.insert("labels", &[2], &[1f32, 0.0]);
        std::fs::write(&path, state.to_safetensors().unwrap()).unwrap();
        let classes = || vec!["a".to_string(), "b".to_string()];
        let films = Floats::read_safetensors(&path, classes()).unwrap();
        let film = films.sample(1).unwrap();
        assert_eq!((film.frames(), film.values()), (3, &Values::Floats(values[12..].to_vec())));
        assert_eq!(films.labels(), [1, 0]);
        assert!(films.sample(2).is_err());
        state.insert("labels", &[2], &[0.5f32, 0.0]);
        std::fs::write(&path, state.to_safetensors().unwrap()).unwrap();
        assert!(Floats::read_safetensors(&path, classes()).unwrap_err().to_string().contains("0.5"));
        std::fs::write(&path, b"no tensors").unwrap();
        assert!(Floats::read_safetensors(&path, classes()).is_err());
    }
}
