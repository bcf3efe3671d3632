//! What a training learns from: batches of images or films, and what the model is to answer to them.

use super::{OtherInput, Recording, TrainError};
use crate::data::{DataError, Dataset, Images, Loader, Order, Seed};
use crate::geometry::Map;
use crate::kernels::Upload;
use crate::loss::{Labels, Place, Responses, Target};
use dfdx::prelude::{ConstDim, Dtype, Tensor};
use std::collections::BTreeMap;

/// What a training learns from: [`Images`] in memory, a [`Loader`] of any [`Dataset`](crate::data::Dataset), or one of these with
/// more to answer or to see: [`Recorded`], [`LabelledInTime`], [`LabelledByReadout`](super::LabelledByReadout),
/// [`WithInputs`](super::WithInputs).
///
/// Which samples a batch has is said by the settings of the training: batch size, order and seed of a [`Loader`] give way to
/// them; its transforms, its threads and whether the last batch is left out hold.
pub trait Source {
    /// What the model is to answer.
    type Target: Target;

    /// Number of samples.
    fn samples(&self) -> usize;

    /// Number of classes that labels have; 0 of a set without labels.
    fn classes(&self) -> usize;

    /// The readouts beside the first that there are labels for, and the number of their classes. None unless said otherwise.
    fn readouts(&self) -> Vec<(String, usize)> {
        Vec::new()
    }

    /// What is shown beside the frames of a batch, for a model with several inputs. Nothing unless said otherwise; see
    /// [`WithInputs`](super::WithInputs).
    ///
    /// # Errors
    /// What is wrong with a sample.
    fn beside(&self, batch: &Drawn) -> Result<Vec<OtherInput>, DataError> {
        let _ = batch;
        Ok(Vec::new())
    }

    /// The shape of a frame, where it is known before one is read.
    fn shape(&self) -> Option<Map>;

    /// The time step that it was made for, in ms, where it has one: that of the model, or training is refused.
    fn dt(&self) -> Option<f64> {
        None
    }

    /// The set in a line, by which a checkpoint knows that a resumed training learns from the same.
    fn describe(&self) -> String;

    /// The batches of one pass over the set.
    ///
    /// # Shapes
    /// Frames `(batch, C, H, W)`, those of the model.
    ///
    /// # Errors
    /// A set without samples; one of another shape, where that is known. What is wrong with a sample comes with its batch.
    fn batches<'a, C, H, W, E, D>(&'a self, device: &D, pass: &Pass) -> Result<Batches<'a, C, H, W, E, D>, DataError>
    where
        C: ConstDim,
        H: ConstDim,
        W: ConstDim,
        E: Dtype,
        D: Upload<E> + 'a;

    /// What the model is to answer to a batch. `counted` says for each step of the run whether the presentation lets its labels
    /// count.
    ///
    /// # Errors
    /// A target that does not fit the run.
    fn target(&self, batch: &Drawn, counted: &[bool]) -> Result<Self::Target, TrainError>;
}

/// One pass over a set.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// In which order the samples come.
    pub order: Order,
    /// What chance is drawn from.
    pub seed: Seed,
    /// The number of the pass, from 0.
    pub epoch: u64,
    /// Samples in a batch.
    pub batch_size: usize,
    /// The first batches, which are left out.
    pub first: usize,
    /// Whether every sample is seen, also where the set leaves out a last batch that is not full.
    pub all: bool,
}

/// Which samples a batch has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// The index of each in the set.
    pub indices: Vec<usize>,
    /// The class of each.
    pub labels: Vec<usize>,
}

/// A batch: the frames of its samples, one for still images, and which samples they are.
pub type Batch<C, H, W, E, D> = (Vec<Tensor<(usize, C, H, W), E, D>>, Drawn);

/// The batches of one pass.
pub struct Batches<'a, C: ConstDim, H: ConstDim, W: ConstDim, E: Dtype, D: Upload<E>> {
    /// How many the whole pass has, those that were left out included.
    pub count: usize,
    /// The batches.
    pub batches: Box<dyn Iterator<Item = Result<Batch<C, H, W, E, D>, DataError>> + 'a>,
}

impl<C: ConstDim, H: ConstDim, W: ConstDim, E: Dtype, D: Upload<E>> std::fmt::Debug for Batches<'_, C, H, W, E, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Source for Images {
    type Target = Labels;

    fn samples(&self) -> usize {
        self.len()
    }

    fn classes(&self) -> usize {
        self.classes().len()
    }

    fn shape(&self) -> Option<Map> {
        Some(self.shape())
    }

    fn describe(&self) -> String {
        self.describe()
    }

    fn batches<'a, C, H, W, E, D>(&'a self, device: &D, pass: &Pass) -> Result<Batches<'a, C, H, W, E, D>, DataError>
    where
        C: ConstDim,
        H: ConstDim,
        W: ConstDim,
        E: Dtype,
        D: Upload<E> + 'a,
    {
        let order = pass.order.indices(self.labels(), pass.seed, pass.epoch);
        // what is wrong with the size or the shape is said before the first batch
        self.batches_of::<C, H, W, E, D>(device, &[], pass.batch_size)?;
        let (device, size) = (device.clone(), pass.batch_size);
        let starts = (0..order.len()).step_by(size).skip(pass.first);
        let batch = move |start: usize| {
            let indices = order.get(start..order.len().min(start + size)).unwrap_or_default();
            let mut batches = self.batches_of::<C, H, W, E, D>(&device, indices, size)?;
            let batch = batches.next().unwrap_or_else(|| Err(DataError::Empty { file: "batch".to_string() }))?;
            Ok((vec![batch.images], Drawn { indices: batch.indices, labels: batch.labels }))
        };
        Ok(Batches { count: self.len().div_ceil(size), batches: Box::new(starts.map(batch)) })
    }

    fn target(&self, batch: &Drawn, counted: &[bool]) -> Result<Labels, TrainError> {
        Ok(Labels::counted(&batch.labels, counted))
    }
}

/// A set in a line, without reading its samples.
pub(super) fn described(set: &dyn Dataset) -> String {
    let mut sum = crc32fast::Hasher::new();
    set.labels().iter().for_each(|label| sum.update(&label.to_le_bytes()));
    set.classes().iter().for_each(|class| sum.update(class.as_bytes()));
    format!("{} samples in {} classes, checksum of labels {:08x}", set.len(), set.classes().len(), sum.finalize())
}

impl Source for Loader {
    type Target = Labels;

    fn samples(&self) -> usize {
        self.set().len()
    }

    fn classes(&self) -> usize {
        self.set().classes().len()
    }

    /// What transforms make of the samples is known once one is read.
    fn shape(&self) -> Option<Map> {
        None
    }

    /// The samples are not read for it: their number, their labels and the names of the classes stand for them.
    fn describe(&self) -> String {
        described(self.set())
    }

    fn batches<'a, C, H, W, E, D>(&'a self, device: &D, pass: &Pass) -> Result<Batches<'a, C, H, W, E, D>, DataError>
    where
        C: ConstDim,
        H: ConstDim,
        W: ConstDim,
        E: Dtype,
        D: Upload<E> + 'a,
    {
        let Pass { order, seed, epoch, batch_size, first, all } = *pass;
        let mut loader = self.clone().order(order).seed(seed).batch_size(batch_size);
        if all {
            loader = loader.drop_last(false);
        }
        let batches = loader.epoch_from::<C, H, W, E, D>(device, epoch, first)?;
        let batch = |batch: Result<crate::data::LoadedBatch<C, H, W, E, D>, DataError>| {
            let batch = batch?;
            Ok((batch.frames, Drawn { indices: batch.indices, labels: batch.labels }))
        };
        Ok(Batches { count: loader.len(), batches: Box::new(batches.map(batch)) })
    }

    fn target(&self, batch: &Drawn, counted: &[bool]) -> Result<Labels, TrainError> {
        Ok(Labels::counted(&batch.labels, counted))
    }
}

/// All of a source's methods that its target has no part in, from the set inside; `but beside` of a set that shows more.
macro_rules! of_set {
    () => {
        crate::train::source::of_set!(but beside);

        fn beside(
            &self,
            batch: &crate::train::Drawn,
        ) -> Result<Vec<crate::train::OtherInput>, crate::data::DataError> {
            self.set.beside(batch)
        }
    };
    (but beside) => {
        fn samples(&self) -> usize {
            self.set.samples()
        }

        fn shape(&self) -> Option<Map> {
            self.set.shape()
        }

        fn dt(&self) -> Option<f64> {
            self.set.dt()
        }

        fn batches<'a, C, H, W, E, D>(
            &'a self,
            device: &D,
            pass: &Pass,
        ) -> Result<Batches<'a, C, H, W, E, D>, DataError>
        where
            C: ConstDim,
            H: ConstDim,
            W: ConstDim,
            E: Dtype,
            D: Upload<E> + 'a,
        {
            self.set.batches(device, pass)
        }
    };
}

pub(super) use of_set;

/// Samples whose responses were recorded: the model learns to answer as the recorded units do, by
/// [`SquaredError`](crate::loss::SquaredError) or a loss of one's own.
///
/// ```
/// use dynvision::data::digits;
/// use dynvision::loss::Place;
/// use dynvision::train::{Recorded, Recording};
/// let images = digits::test()?;
/// let neurons = Recording::new([images.len(), 4, 2], vec![0.5; images.len() * 8])?;
/// let set = Recorded::new(images, [(Place::area("v1"), neurons.placed(&[7, 100], 256)?)])?;
/// assert_eq!(set.places().collect::<Vec<_>>(), [&Place::area("v1")]);
/// # Ok::<(), dynvision::train::TrainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recorded<S> {
    set: S,
    recordings: BTreeMap<Place, Recording>,
}

impl<S: Source> Recorded<S> {
    /// A set with what was recorded for each place.
    ///
    /// # Errors
    /// No recording, or one of another number of samples than the set has.
    pub fn new(set: S, recordings: impl IntoIterator<Item = (Place, Recording)>) -> Result<Self, TrainError> {
        let recordings: BTreeMap<Place, Recording> = recordings.into_iter().collect();
        if recordings.is_empty() {
            return Err(TrainError::setting("the number of recordings", 0, "at least 1"));
        }
        for recording in recordings.values() {
            if recording.samples() != set.samples() {
                let (expected, found) = (format!("{}, as many as the set has", set.samples()), recording.samples());
                let setting = "samples of a recording";
                return Err(DataError::Setting { setting, expected, found: found.to_string() }.into());
            }
        }
        Ok(Recorded { set, recordings })
    }

    /// Adds the labels of the set: for a loss with a term of each, such as
    /// `(CrossEntropy::default(), SquaredError::default())`.
    pub fn with_labels(self) -> RecordedAndLabelled<S> {
        RecordedAndLabelled { set: self }
    }

    /// The places that there are recordings for.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.recordings.keys()
    }

    fn responses(&self, batch: &Drawn, steps: usize) -> Result<Responses, TrainError> {
        let mut responses = Responses::new(batch.indices.len(), steps);
        for (place, recording) in &self.recordings {
            let (values, weights) = recording.of(&batch.indices, steps)?;
            responses = responses.with_weights(place.clone(), recording.units(), values, weights)?;
        }
        Ok(responses)
    }

    fn described(&self) -> String {
        let each = self.recordings.iter().map(|(place, recording)| format!("{place} {:08x}", recording.checksum()));
        format!("{}, recordings of {}", self.set.describe(), each.collect::<Vec<_>>().join(", "))
    }
}

impl<S: Source> Source for Recorded<S> {
    type Target = Responses;

    of_set!();

    fn classes(&self) -> usize {
        0
    }

    fn describe(&self) -> String {
        self.described()
    }

    fn target(&self, batch: &Drawn, counted: &[bool]) -> Result<Responses, TrainError> {
        self.responses(batch, counted.len())
    }
}

/// Samples with labels and recordings: see [`Recorded::with_labels`].
#[derive(Clone, Debug)]
pub struct RecordedAndLabelled<S> {
    set: Recorded<S>,
}

impl<S: Source<Target = Labels>> Source for RecordedAndLabelled<S> {
    type Target = (Labels, Responses);

    of_set!();

    fn classes(&self) -> usize {
        self.set.set.classes()
    }

    fn describe(&self) -> String {
        self.set.described()
    }

    fn target(&self, batch: &Drawn, counted: &[bool]) -> Result<(Labels, Responses), TrainError> {
        Ok((self.set.set.target(batch, counted)?, self.set.responses(batch, counted.len())?))
    }
}

/// Samples whose labels change in time: one for each step of the presentation, as late in the run as the readout answers.
#[derive(Clone, Debug)]
pub struct LabelledInTime<S> {
    set: S,
    in_time: Labels,
}

impl<S: Source<Target = Labels>> LabelledInTime<S> {
    /// A set with the labels of each of its samples.
    ///
    /// # Errors
    /// Labels of another number of samples than the set has.
    pub fn new(set: S, labels: Labels) -> Result<Self, TrainError> {
        if labels.batch() != set.samples() {
            let (expected, found) = (format!("{}, as many as the set has", set.samples()), labels.batch().to_string());
            return Err(DataError::Setting { setting: "samples of the labels in time", expected, found }.into());
        }
        Ok(LabelledInTime { set, in_time: labels })
    }
}

impl<S: Source<Target = Labels>> Source for LabelledInTime<S> {
    type Target = Labels;

    of_set!();

    fn classes(&self) -> usize {
        let greatest = self.in_time.as_slice().iter().flatten().max();
        self.set.classes().max(greatest.map_or(0, |class| class + 1))
    }

    fn describe(&self) -> String {
        let mut sum = crc32fast::Hasher::new();
        let numbers = self.in_time.as_slice().iter().map(|class| class.map_or(u64::MAX, |class| class as u64));
        numbers.for_each(|number| sum.update(&number.to_le_bytes()));
        format!("{}, labels in time {:08x}", self.set.describe(), sum.finalize())
    }

    fn target(&self, batch: &Drawn, counted: &[bool]) -> Result<Labels, TrainError> {
        let (run, own) = (counted.len(), self.in_time.time());
        // the last steps of the run are those of the presentation, later by what the readout lags behind
        let Some(lag) = run.checked_sub(own) else {
            let (expected, found) = (format!("at most the {run} of the run"), own.to_string());
            return Err(DataError::Setting { setting: "steps of the labels in time", expected, found }.into());
        };
        let label = |&index: &usize| {
            (0..run)
                .map(move |step| (counted[step] && step >= lag).then(|| self.in_time.get(index, step - lag)).flatten())
        };
        Ok(Labels::new(batch.indices.len(), run, batch.indices.iter().flat_map(label).collect())?)
    }
}
