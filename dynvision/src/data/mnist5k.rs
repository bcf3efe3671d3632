//! 5000 images of MNIST that come with the crate: 28x28 pixels, 4000 to train on, 1000 held out, every digit alike.
//!
//! By Y. LeCun, C. Cortes and C. J. C. Burges ([MNIST](http://yann.lecun.com/exdb/mnist/)), under CC BY-SA 3.0; see
//! `data/mnist5k/ATTRIBUTION.md` for the selection.

use super::idx::{self, Idx};
use super::{DataError, Images, Split};

macro_rules! embedded {
    ($name:literal) => {
        ($name, &include_bytes!(concat!("../../data/mnist5k/", $name))[..])
    };
}

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
    let train = decode(Split::Train)?;
    let normalisation = train.measure();
    match split {
        Split::Train => train.normalised(normalisation),
        Split::Test => decode(Split::Test)?.normalised(normalisation),
    }
}

fn decode(split: Split) -> Result<Images, DataError> {
    let (images, labels) = match split {
        Split::Train => (embedded!("train-images-idx3-ubyte.gz"), embedded!("train-labels-idx1-ubyte.gz")),
        Split::Test => (embedded!("t10k-images-idx3-ubyte.gz"), embedded!("t10k-labels-idx1-ubyte.gz")),
    };
    idx::assemble(
        (images.0, Idx::decode(images.0, images.1)?),
        (labels.0, Idx::decode(labels.0, labels.1)?),
        (0..10).map(|digit| digit.to_string()).collect(),
    )
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
