//! Samples of several inputs.

use super::source::{described, of_set};
use super::{Batches, Drawn, Pass, Source, TrainError};
use crate::data::{DataError, Dataset, Normalisation};
use crate::error::Error;
use crate::geometry::Map;
use crate::kernels::{Element, Maps, Upload, VisionDevice};
use crate::unroll::Stimulus;
use dfdx::prelude::{ConstDim, Dtype, NoneTape};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Samples for a model with several inputs: those of the set are the frames, others are given by the input's name, a sample for each
/// sample of the set.
///
/// A still image of another input is shown when the frame is, and blank when the frame is blank; beside a film it is shown all the
/// time. A film of another input has as many frames as the one beside it. Bytes become numbers from 0 to 1.
///
/// ```
/// use dynvision::data::{Arrays, Values, digits};
/// use dynvision::geometry::Map;
/// use dynvision::train::{Source, WithInputs};
/// let images = digits::test()?;
/// let (count, classes) = (images.len(), images.classes().to_vec());
/// let cues = Values::Floats(vec![1.0; count * 2]);
/// let cues = Arrays::new("cues", cues, 1, Map::new(2, 1, 1), images.labels().to_vec(), classes)?;
/// let set = WithInputs::new(images).with("cue", cues)?;
/// assert_eq!(set.samples(), count);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct WithInputs<S> {
    set: S,
    inputs: BTreeMap<String, Arc<dyn Dataset>>,
}

impl<S: Source> WithInputs<S> {
    /// A set whose samples are the frames.
    pub fn new(set: S) -> Self {
        WithInputs { set, inputs: BTreeMap::new() }
    }

    /// Adds what another input is shown. The labels of `samples` are not used.
    ///
    /// # Errors
    /// [`TrainError::Data`] of another number of samples than the set has.
    pub fn with(mut self, input: impl Into<String>, samples: impl Dataset + 'static) -> Result<Self, TrainError> {
        if samples.len() != self.set.samples() {
            let (expected, found) = (format!("{}, as many as the set has", self.set.samples()), samples.len());
            return Err(
                DataError::Setting { setting: "samples of an input", expected, found: found.to_string() }.into()
            );
        }
        self.inputs.insert(input.into(), Arc::new(samples));
        Ok(self)
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for WithInputs<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WithInputs").field("set", &self.set).field("inputs", &self.inputs.keys()).finish()
    }
}

impl<S: Source> Source for WithInputs<S> {
    type Target = S::Target;

    of_set!(but beside);

    fn classes(&self) -> usize {
        self.set.classes()
    }

    fn readouts(&self) -> Vec<(String, usize)> {
        self.set.readouts()
    }

    fn beside(&self, batch: &Drawn) -> Result<Vec<OtherInput>, DataError> {
        let mut all = self.set.beside(batch)?;
        for (name, samples) in &self.inputs {
            all.push(OtherInput::of(name, samples, &batch.indices)?);
        }
        Ok(all)
    }

    fn describe(&self) -> String {
        let each: Vec<String> =
            self.inputs.iter().map(|(name, samples)| format!("{name}: {}", described(samples))).collect();
        format!("{}, beside {}", self.set.describe(), each.join(", "))
    }

    fn target(&self, batch: &Drawn, counted: &[bool]) -> Result<S::Target, TrainError> {
        self.set.target(batch, counted)
    }
}

/// What one input of a model with several is shown in a batch, beside the frames.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherInput {
    /// The input.
    pub name: String,
    /// The shape of one frame of one sample.
    pub shape: Map,
    /// The frames over time, one for a still image.
    ///
    /// # Shapes
    /// `(batch, C, H, W)` each, the last dimension fastest.
    pub frames: Vec<Vec<f32>>,
}

impl OtherInput {
    fn of(name: &str, samples: &dyn Dataset, indices: &[usize]) -> Result<Self, DataError> {
        let mut all: Option<OtherInput> = None;
        for &index in indices {
            let sample = samples.sample(index)?;
            let (shape, count) = (sample.shape(), sample.frames());
            let into =
                all.get_or_insert_with(|| OtherInput { name: name.into(), shape, frames: vec![Vec::new(); count] });
            if into.shape != shape {
                let (file, expected) = (samples.source(index), into.shape);
                return Err(DataError::MixedShapes { file, index, found: shape, expected });
            }
            if into.frames.len() != count {
                let expected = format!("{}, as many as the samples before in its batch", into.frames.len());
                let found = format!("{count} ({})", samples.source(index));
                return Err(DataError::Setting { setting: "frames of a sample", expected, found });
            }
            let values = sample.normalised(&Normalisation::unit(shape.c));
            let units = values.len() / count.max(1);
            into.frames.iter_mut().zip(values.chunks(units.max(1))).for_each(|(frame, part)| frame.extend(part));
        }
        all.ok_or_else(|| DataError::Empty { file: samples.name().to_string() })
    }

    /// What is shown while a still image of the set is on, and `blank` while it is off.
    pub(super) fn presented<E: Element, D: VisionDevice<E>>(
        &self,
        device: &D,
        on: &[bool],
        blank: f64,
    ) -> Result<Beside<E, D>, TrainError> {
        match &self.frames[..] {
            [frame] => Ok(Stimulus::presented(self.tensor(frame, device)?, on, blank)?),
            film => Err(self.frames_expected("1, as the images beside it".into(), film.len())),
        }
    }

    /// What is shown beside a film of so many frames.
    pub(super) fn throughout<E: Element, D: VisionDevice<E>>(
        &self,
        device: &D,
        frames: usize,
    ) -> Result<Beside<E, D>, TrainError> {
        match &self.frames[..] {
            [frame] => Ok(Stimulus::constant(self.tensor(frame, device)?, frames)),
            film if film.len() == frames => {
                let film = film.iter().map(|frame| self.tensor(frame, device)).collect::<Result<_, _>>()?;
                Ok(Stimulus::frames(film, NoneTape))
            }
            film => Err(self.frames_expected(format!("1 or {frames}, as the films beside it"), film.len())),
        }
    }

    fn frames_expected(&self, expected: String, found: usize) -> TrainError {
        let found = format!("{found} of `{}`", self.name);
        DataError::Setting { setting: "frames of an input", expected, found }.into()
    }

    fn tensor<E: Element, D: VisionDevice<E>>(&self, values: &[f32], device: &D) -> Result<Maps<E, D>, TrainError> {
        let Map { c, h, w } = self.shape;
        let batch = values.len() / (c * h * w).max(1);
        let values: Vec<E> = values.iter().map(|&x| E::from_f64(x.into()).unwrap_or_default()).collect();
        Ok(device.try_tensor_from_vec(values, (batch, c, h, w)).map_err(Error::device)?)
    }
}

/// The stimulus of another input.
pub(super) type Beside<E, D> = Stimulus<(usize, usize, usize, usize), E, D>;
