//! What a training shows: still images as its settings present them, or under a protocol.

use dfdx::prelude::{ConstDim, Dtype};
use dynvision::data::{DataError, Images, Transforms};
use dynvision::geometry::Map;
use dynvision::kernels::Upload;
use dynvision::loss::Labels;
use dynvision::protocol::Protocol;
use dynvision::train::{Batches, Drawn, Pass, Presented, Source, TrainError};

/// One type for both, so that each model's training is compiled once.
pub(super) enum Shown<'a> {
    Still(&'a Images),
    Under(Box<Presented<&'a Images>>),
}

impl<'a> Shown<'a> {
    /// These images; under the protocol, where there is one, with blanks of this value. `dt` is that of the model, in ms.
    pub(super) fn new(
        images: &'a Images,
        protocol: Option<&Protocol>,
        blank: f64,
        dt: f64,
    ) -> Result<Self, TrainError> {
        let Some(protocol) = protocol else { return Ok(Shown::Still(images)) };
        let normalisation = images.normalisation().clone();
        // the images are looked at where they are
        let presented =
            Presented::new(images, Transforms::none(), normalisation, protocol.clone(), dt)?.blank(blank as f32);
        Ok(Shown::Under(Box::new(presented)))
    }
}

impl Source for Shown<'_> {
    type Target = Labels;

    fn samples(&self) -> usize {
        match self {
            Shown::Still(images) => Source::samples(*images),
            Shown::Under(presented) => presented.samples(),
        }
    }

    fn classes(&self) -> usize {
        match self {
            Shown::Still(images) => Source::classes(*images),
            Shown::Under(presented) => presented.classes(),
        }
    }

    fn readouts(&self) -> Vec<(String, usize)> {
        match self {
            Shown::Still(images) => Source::readouts(*images),
            Shown::Under(presented) => presented.readouts(),
        }
    }

    fn shape(&self) -> Option<Map> {
        match self {
            Shown::Still(images) => Source::shape(*images),
            Shown::Under(presented) => presented.shape(),
        }
    }

    fn dt(&self) -> Option<f64> {
        match self {
            Shown::Still(images) => Source::dt(*images),
            Shown::Under(presented) => presented.dt(),
        }
    }

    fn describe(&self) -> String {
        match self {
            Shown::Still(images) => Source::describe(*images),
            Shown::Under(presented) => presented.describe(),
        }
    }

    fn batches<'b, C, H, W, E, D>(&'b self, device: &D, pass: &Pass) -> Result<Batches<'b, C, H, W, E, D>, DataError>
    where
        C: ConstDim,
        H: ConstDim,
        W: ConstDim,
        E: Dtype,
        D: Upload<E> + 'b,
    {
        match self {
            Shown::Still(images) => Source::batches(*images, device, pass),
            Shown::Under(presented) => presented.batches(device, pass),
        }
    }

    fn target(&self, batch: &Drawn, counted: &[bool]) -> Result<Labels, TrainError> {
        match self {
            Shown::Still(images) => Source::target(*images, batch, counted),
            Shown::Under(presented) => presented.target(batch, counted),
        }
    }
}
