//! Real handwritten digits that come with the crate: 8x8 pixels, 1437 to train on, 360 held out.
//!
//! From E. Alpaydin and C. Kaynak, [Optical Recognition of Handwritten Digits](https://doi.org/10.24432/C50P49), UCI
//! Machine Learning Repository, 1998, under CC BY 4.0; see `data/digits/ATTRIBUTION.md` for the changes.

use super::bundled::{Bundled, bundled};
use super::{DataError, Images, Split};

const DIGITS: Bundled = bundled!("digits");

/// The 1437 digits to train on.
///
/// ```
/// use dynvision::data::digits;
/// assert_eq!((digits::train()?.len(), digits::test()?.len()), (1437, 360));
/// # Ok::<(), dynvision::data::DataError>(())
/// ```
///
/// # Errors
/// None that a sound build could give.
pub fn train() -> Result<Images, DataError> {
    load(Split::Train)
}

/// The 360 digits held out.
///
/// # Errors
/// None that a sound build could give.
pub fn test() -> Result<Images, DataError> {
    load(Split::Test)
}

/// One part of the digits. The normalisation of both parts is measured on the training images.
///
/// # Errors
/// None that a sound build could give.
pub fn load(split: Split) -> Result<Images, DataError> {
    DIGITS.load(split)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::geometry::Map;

    /// Counts and first digits as an independent reader of the files gives them.
    #[test]
    fn the_digits_are_those_of_the_files() {
        let (train, test) = (train().unwrap(), test().unwrap());
        assert_eq!((train.shape(), test.shape()), (Map::new(1, 8, 8), Map::new(1, 8, 8)));
        let count = |images: &Images| {
            let mut counts = [0; 10];
            images.labels().iter().for_each(|&label| counts[usize::from(label)] += 1);
            counts
        };
        assert_eq!(count(&train), [142, 146, 141, 147, 145, 146, 145, 143, 138, 144]);
        assert_eq!(count(&test), [36; 10]);
        assert_eq!(train.image(0).unwrap()[..8], [0, 0, 80, 207, 143, 16, 0, 0]);
        assert_eq!((train.labels()[0], test.labels()[0], test.labels()[1]), (0, 5, 9));
    }

    #[test]
    fn both_parts_share_the_normalisation_of_the_training_images() {
        let (train, test) = (train().unwrap(), test().unwrap());
        assert_eq!(train.normalisation(), test.normalisation());
        assert_eq!(train.normalisation(), &train.measure());
        assert_ne!(test.normalisation(), &test.measure());
    }
}
