//! Where the images that a protocol shows come from.

use super::ProtocolError;
use std::borrow::Cow;

/// Images of one shape, by number. They are asked for as they are needed: a set that decodes them from files takes the memory
/// of a batch.
pub trait ImageSource {
    /// Channels, rows and columns of each image.
    fn shape(&self) -> [usize; 3];

    /// Number of images.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An image, contiguous, normalised as the model was trained on.
    ///
    /// # Errors
    /// [`ProtocolError::Image`] for a number that the set does not have; [`ProtocolError::Source`].
    fn image(&self, index: usize) -> Result<Cow<'_, [f32]>, ProtocolError>;
}

impl<S: ImageSource + ?Sized> ImageSource for &S {
    fn shape(&self) -> [usize; 3] {
        (**self).shape()
    }

    fn len(&self) -> usize {
        (**self).len()
    }

    fn image(&self, index: usize) -> Result<Cow<'_, [f32]>, ProtocolError> {
        (**self).image(index)
    }
}

/// Images of one set in memory, `[channels, rows, columns]` each, contiguous.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    values: &'a [f32],
    shape: [usize; 3],
}

impl<'a> Set<'a> {
    /// Returns the set.
    ///
    /// # Errors
    /// [`ProtocolError::Size`] if the values are not a whole number of images.
    pub fn new(values: &'a [f32], shape: [usize; 3]) -> Result<Self, ProtocolError> {
        let [channels, height, width] = shape;
        match shape.iter().try_fold(1_usize, |a, &b| a.checked_mul(b)) {
            Some(size) if size > 0 && values.len().is_multiple_of(size) => Ok(Set { values, shape }),
            _ => Err(ProtocolError::Size { found: values.len(), count: 1, channels, height, width }),
        }
    }

    fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

impl ImageSource for Set<'_> {
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn len(&self) -> usize {
        self.values.len() / self.size()
    }

    fn image(&self, index: usize) -> Result<Cow<'_, [f32]>, ProtocolError> {
        if index >= self.len() {
            return Err(ProtocolError::Image { index, count: self.len() });
        }
        Ok(Cow::Borrowed(&self.values[index * self.size()..(index + 1) * self.size()]))
    }
}

/// The image that lies so far along the set, around its end, from the one with this number.
pub(super) fn image(set: &dyn ImageSource, index: usize, ahead: usize) -> Result<Cow<'_, [f32]>, ProtocolError> {
    let count = set.len();
    if index >= count {
        return Err(ProtocolError::Image { index, count });
    }
    let image = set.image((index + ahead % count) % count)?;
    let [channels, height, width] = set.shape();
    if image.len() != channels * height * width {
        return Err(ProtocolError::Size { found: image.len(), count: 1, channels, height, width });
    }
    Ok(image)
}
