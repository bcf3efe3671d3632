//! A training under a protocol.

use super::TrainError;
use super::source::{Batches, Drawn, Pass, Source, described};
use crate::data::{DataError, Dataset, Draw, Images, Normalisation, Purpose, Transforms};
use crate::geometry::Map;
use crate::kernels::Upload;
use crate::loss::Labels;
use crate::protocol::{self, Masks, Protocol, ProtocolError, Showing, Timeline};
use dfdx::prelude::{ConstDim, Dtype, Tensor};
use rand::RngCore;
use std::borrow::Cow;

/// Samples that are shown as a [`Protocol`] says: blanks, noise, masks, occlusion, streams of images; its rule says which label
/// counts at a step. It takes the place of [`TrainConfig::presentation`](super::TrainConfig::presentation) and of its steps.
///
/// What is drawn is a function of the training's seed, the epoch, the sample and the step, so that each epoch has noise of its
/// own and a resumed training has the same.
///
/// ```
/// use dynvision::data::digits;
/// use dynvision::protocol::{Duration, Noise, NoiseKind, Protocol, Ssnr};
/// use dynvision::train::{Presented, Source};
///
/// let noise = Noise::new(NoiseKind::Gaussian, Ssnr::new(0.5)?);
/// let noisy = Protocol::noise(Duration::Ms(40.0), Duration::Steps(2), Duration::Ms(30.0), noise)?;
/// let set = Presented::of(digits::train()?, noisy, 2.0)?; // dt = 2 ms: 20 steps
/// assert_eq!(set.samples(), digits::train()?.len());
/// // net.fit(&set, ..) by a Trainer
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Presented<S> {
    set: S,
    shape: Map,
    transforms: Transforms,
    normalisation: Normalisation,
    protocol: Protocol,
    timeline: Timeline,
    masks: Masks,
    blank: f32,
}

impl Presented<Images> {
    /// Images in memory, with their own normalisation, under a protocol; `dt` is that of the model, in ms.
    ///
    /// # Errors
    /// As [`Presented::new`].
    pub fn of(images: Images, protocol: Protocol, dt: f64) -> Result<Self, TrainError> {
        let normalisation = images.normalisation().clone();
        Presented::new(images, Transforms::none(), normalisation, protocol, dt)
    }
}

impl<S: Dataset> Presented<S> {
    /// The still images of a set under a protocol, each as `transforms` leave it, with a normalisation for each channel; `dt` is
    /// that of the model, in ms.
    ///
    /// # Errors
    /// A set without samples, or whose first cannot be read; a normalisation of other channels; a protocol of fewer than two steps.
    pub fn new(
        set: S,
        transforms: Transforms,
        normalisation: Normalisation,
        protocol: Protocol,
        dt: f64,
    ) -> Result<Self, TrainError> {
        let timeline = protocol.timeline(dt).map_err(shown)?;
        if timeline.steps() < 2 {
            return Err(TrainError::setting("the number of steps of a protocol", timeline.steps(), "at least 2"));
        }
        if set.is_empty() {
            return Err(TrainError::EmptyBatch);
        }
        let masks = Masks::default();
        let mut presented = Presented {
            set,
            shape: Map::new(0, 0, 0),
            transforms,
            normalisation,
            protocol,
            timeline,
            masks,
            blank: 0.0,
        };
        let first = presented.sample(0, Draw::new(crate::data::Seed(0), 0, 0))?;
        presented.shape = first.shape();
        let channels = (presented.normalisation.mean.len(), presented.normalisation.std.len());
        if channels != (presented.shape.c, presented.shape.c) {
            return Err(TrainError::setting("the channels of the normalisation", channels.0, "those of the images"));
        }
        Ok(presented)
    }

    /// The value of a blank, in normalised units; 0 unless it is said.
    #[must_use]
    pub fn blank(self, blank: f32) -> Self {
        Presented { blank, ..self }
    }

    /// Knows these masks, besides those that protocols have.
    ///
    /// # Errors
    /// A mask of the protocol that is not among them.
    pub fn masks(self, masks: Masks) -> Result<Self, TrainError> {
        masks.check(&self.protocol).map_err(shown)?;
        Ok(Presented { masks, ..self })
    }

    fn sample(&self, index: usize, draw: Draw) -> Result<crate::data::Sample, DataError> {
        self.set.sample(index).and_then(|sample| self.transforms.apply(sample, draw))
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.set.labels().get(index).map(|&label| label.into())
    }

    /// The frames of these samples in an epoch, those of each step.
    fn film<C, H, W, E, D>(
        &self,
        device: &D,
        indices: &[usize],
        pass: &Pass,
    ) -> Result<Vec<Tensor<(usize, C, H, W), E, D>>, DataError>
    where
        C: ConstDim,
        H: ConstDim,
        W: ConstDim,
        E: Dtype,
        D: Upload<E>,
    {
        let model = Map::new(C::SIZE, H::SIZE, W::SIZE);
        if self.shape != model {
            return Err(DataError::Shape { data: self.shape, model });
        }
        let seed = pass.seed.rng(Purpose::Noise, pass.epoch).next_u64();
        let showing = Showing { blank: self.blank, seed, masks: Some(&self.masks), draws: None };
        let epoch = Epoch { of: self, pass };
        let made = self.protocol.show(&self.timeline, &epoch, indices, &showing).map_err(shown)?;
        let refused = |error: D::Err| DataError::Device { images: indices.len(), message: format!("{error:?}") };
        let mut frames = Vec::with_capacity(made.frames.len());
        for frame in &made.frames {
            let shape = (indices.len(), C::default(), H::default(), W::default());
            let values: Vec<E> = frame.iter().map(|&x| E::from_f64(x.into()).unwrap_or_default()).collect();
            frames.push(device.upload(shape, &values).map_err(refused)?);
        }
        // frames that several steps show are shared
        Ok(made.shown.iter().filter_map(|&frame| frames.get(frame).cloned()).collect())
    }
}

fn shown(error: ProtocolError) -> DataError {
    DataError::Shown { reason: error.to_string() }
}

/// The samples as they are in one epoch, normalised.
struct Epoch<'a, S> {
    of: &'a Presented<S>,
    pass: &'a Pass,
}

impl<S: Dataset> protocol::ImageSource for Epoch<'_, S> {
    fn shape(&self) -> [usize; 3] {
        let Map { c, h, w } = self.of.shape;
        [c, h, w]
    }

    fn len(&self) -> usize {
        self.of.set.len()
    }

    fn image(&self, index: usize) -> Result<Cow<'_, [f32]>, ProtocolError> {
        let Presented { set, shape, normalisation, .. } = self.of;
        let failed = |reason: String| ProtocolError::Source { index, reason };
        let draw = Draw::new(self.pass.seed, self.pass.epoch, index);
        let sample = self.of.sample(index, draw).map_err(|error| failed(error.to_string()))?;
        if (sample.frames(), sample.shape()) != (1, *shape) {
            let (found, frames) = (sample.shape(), sample.frames());
            return Err(failed(format!(
                "`{}` has {frames} frames of {found}, and the first image of the set is one of {shape}; a protocol shows still \
                 images of one shape",
                set.source(index)
            )));
        }
        Ok(Cow::Owned(sample.normalised(normalisation)))
    }
}

impl<S: Dataset> Source for Presented<S> {
    type Target = Labels;

    fn samples(&self) -> usize {
        self.set.len()
    }

    fn classes(&self) -> usize {
        self.set.classes().len()
    }

    fn shape(&self) -> Option<Map> {
        Some(self.shape)
    }

    fn dt(&self) -> Option<f64> {
        Some(self.timeline.dt())
    }

    fn describe(&self) -> String {
        let shown = format!("{:?} {:?} {:?} {}", self.protocol, self.transforms, self.normalisation, self.blank);
        let (steps, sum) = (self.timeline.steps(), crc32fast::hash(shown.as_bytes()));
        format!("{}, under a protocol of {steps} steps, {sum:08x}", described(&self.set))
    }

    fn batches<'a, C, H, W, E, D>(&'a self, device: &D, pass: &Pass) -> Result<Batches<'a, C, H, W, E, D>, DataError>
    where
        C: ConstDim,
        H: ConstDim,
        W: ConstDim,
        E: Dtype,
        D: Upload<E> + 'a,
    {
        let (device, pass) = (device.clone(), *pass);
        let size = pass.batch_size.max(1);
        let order = pass.order.indices(self.set.labels(), pass.seed, pass.epoch);
        let count = order.len().div_ceil(size);
        let starts = (0..order.len()).step_by(size).skip(pass.first);
        let batch = move |start: usize| {
            let indices = order.get(start..order.len().min(start + size)).unwrap_or_default().to_vec();
            let frames = self.film(&device, &indices, &pass)?;
            let labels = indices.iter().filter_map(|&index| self.label(index)).collect();
            Ok((frames, Drawn { indices, labels }))
        };
        Ok(Batches { count, batches: Box::new(starts.map(batch)) })
    }

    fn target(&self, batch: &Drawn, counted: &[bool]) -> Result<Labels, TrainError> {
        let (run, count) = (counted.len(), self.samples().max(1));
        // the last steps of the run are those of the protocol, later by what the readout lags behind
        let lag = run.saturating_sub(self.timeline.steps());
        let labels = |&index: &usize| {
            let label = |ahead: usize| self.label((index + ahead % count) % count).map_or(-1, |label| label as i64);
            let own = self.timeline.labels(-1, label).into_iter().map(|label| usize::try_from(label).ok());
            let late = std::iter::repeat_n(None, lag).chain(own).take(run);
            late.zip(counted).map(|(label, &counts)| label.filter(|_| counts)).collect::<Vec<_>>()
        };
        Ok(Labels::new(batch.indices.len(), run, batch.indices.iter().flat_map(labels).collect())?)
    }
}
