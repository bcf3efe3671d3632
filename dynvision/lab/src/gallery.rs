//! The images that an experiment shows.

use crate::run_error::RunError;
use dynvision::data::{Dataset, Draw, Images, Normalisation, Transforms};
use dynvision::protocol::{ImageSource, ProtocolError};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Images with labels, normalised as a model was trained on. They are decoded when they are shown, so that a gallery of any
/// length takes no memory.
///
/// ```
/// use dynvision::data::digits;
/// use dynvision::protocol::ImageSource;
/// use dynvision_lab::Gallery;
///
/// let digits = digits::test()?;
/// let gallery = Gallery::of(&digits)?;
/// assert_eq!((gallery.shape(), gallery.label(0)), ([1, 8, 8], digits.labels()[0].into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Gallery<'a> {
    set: &'a dyn Dataset,
    transforms: Transforms,
    normalisation: Normalisation,
    shape: [usize; 3],
}

impl<'a> Gallery<'a> {
    /// The images as they are in memory, with their own normalisation.
    ///
    /// # Errors
    ///
    /// A set without images.
    pub fn of(images: &'a Images) -> Result<Self, RunError> {
        Gallery::new(images, Transforms::none(), images.normalisation().clone())
    }

    /// The still images of a set, each as `transforms` leave it, which must draw nothing, with a normalisation for each
    /// channel.
    ///
    /// # Errors
    ///
    /// A set without images, or whose first cannot be decoded; transforms that draw; a normalisation of other channels.
    pub fn new(set: &'a dyn Dataset, transforms: Transforms, normalisation: Normalisation) -> Result<Self, RunError> {
        if transforms.is_random() {
            return Err(RunError::Setting(format!(
                "the images of `{}` are transformed at random, and an experiment must show the same again; use the transforms \
                 for tests",
                set.name()
            )));
        }
        if set.is_empty() {
            return Err(RunError::Setting(format!("`{}` has no images to show", set.name())));
        }
        let first = transforms.apply(set.sample(0)?, Draw::none())?;
        let shape = [first.shape().c, first.shape().h, first.shape().w];
        if normalisation.mean.len() != shape[0] || normalisation.std.len() != shape[0] {
            return Err(RunError::Setting(format!(
                "the normalisation has {} channels, but the images of `{}` have {}",
                normalisation.mean.len(),
                set.name(),
                shape[0]
            )));
        }
        Ok(Gallery { set, transforms, normalisation, shape })
    }

    /// Where the images come from.
    pub fn name(&self) -> &str {
        self.set.name()
    }

    /// The label of an image; −1 where there is no such image.
    pub fn label(&self, index: usize) -> i64 {
        self.set.labels().get(index).map_or(-1, |&label| label.into())
    }

    /// The names of the classes, by label.
    pub fn classes(&self) -> &[String] {
        self.set.classes()
    }

    /// The checksum of some of the images, as they are shown, and of their labels.
    ///
    /// # Errors
    ///
    /// An image that cannot be decoded.
    pub fn checksum(&self, images: &[usize]) -> Result<String, RunError> {
        let mut hash = Sha256::new();
        self.shape.iter().for_each(|&size| hash.update((size as u64).to_le_bytes()));
        for &index in images {
            hash.update(self.label(index).to_le_bytes());
            self.image(index)?.iter().for_each(|x| hash.update(x.to_le_bytes()));
        }
        Ok(crate::experiment::hex(&hash.finalize()))
    }
}

impl ImageSource for Gallery<'_> {
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn len(&self) -> usize {
        self.set.len()
    }

    fn image(&self, index: usize) -> Result<Cow<'_, [f32]>, ProtocolError> {
        let count = self.len();
        if index >= count {
            return Err(ProtocolError::Image { index, count });
        }
        let failed = |reason: String| ProtocolError::Source { index, reason };
        let sample = self.set.sample(index).and_then(|sample| self.transforms.apply(sample, Draw::none()));
        let sample = sample.map_err(|error| failed(error.to_string()))?;
        let shape = [sample.shape().c, sample.shape().h, sample.shape().w];
        if sample.frames() != 1 || shape != self.shape {
            return Err(failed(format!(
                "it has {} frames of {shape:?}, but the first image of `{}` is one of {:?}",
                sample.frames(),
                self.name(),
                self.shape
            )));
        }
        Ok(Cow::Owned(sample.normalised(&self.normalisation)))
    }
}

impl std::fmt::Debug for Gallery<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gallery").field("name", &self.name()).field("shape", &self.shape).finish_non_exhaustive()
    }
}
