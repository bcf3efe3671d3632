//! 5000 images of MNIST that come with the crate: 28x28 pixels, 4000 to train on, 1000 held out, every digit alike.
//!
//! By Y. LeCun, C. Cortes and C. J. C. Burges ([MNIST](http://yann.lecun.com/exdb/mnist/)), under CC BY-SA 3.0; see
//! `data/mnist5k/ATTRIBUTION.md` for the selection.

use super::bundled::{Bundled, bundled};
use super::{DataError, Images, Split};

const DIGITS: Bundled = bundled!("mnist5k");

/// The 4000 digits to train on.
///
/// ```
/// use dynvision::data::mnist5k;
/// assert_eq!((mnist5k::train()?.len(), mnist5k::test()?.len()), (4000, 1000));
/// # Ok::<(), dynvision::data::DataError>(())
/// ```
///
/// # Errors
/// None that a sound build could give.
pub fn train() -> Result<Images, DataError> {
    load(Split::Train)
}

/// The 1000 digits held out.
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

    #[test]
    fn every_digit_is_there_alike_and_normalised_as_mnist_nearly_is() {
        for (images, each) in [(train().unwrap(), 400), (test().unwrap(), 100)] {
            assert_eq!(images.shape(), Map::new(1, 28, 28));
            for digit in 0..10 {
                assert_eq!(images.labels().iter().filter(|&&label| label == digit).count(), each);
            }
            let (ours, whole) = (images.normalisation(), crate::data::Normalisation::MNIST);
            assert!((ours.mean[0] - whole.mean[0]).abs() < 0.005 && (ours.std[0] - whole.std[0]).abs() < 0.005);
        }
    }
}
