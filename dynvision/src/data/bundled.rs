//! Digits that come with the crate, as IDX files in its binary.

use super::idx::{self, Idx};
use super::{DataError, Images, Split};

/// A file's name and bytes.
type File = (&'static str, &'static [u8]);

/// The images and the labels of both parts of a set of digits.
pub(super) struct Bundled {
    pub(super) train: [File; 2],
    pub(super) test: [File; 2],
}

impl Bundled {
    /// Returns one part. The normalisation of both parts is measured on the training images.
    pub(super) fn load(&self, split: Split) -> Result<Images, DataError> {
        let train = decode(self.train)?;
        let normalisation = train.measure();
        match split {
            Split::Train => train.normalised(normalisation),
            Split::Test => decode(self.test)?.normalised(normalisation),
        }
    }
}

fn decode([images, labels]: [File; 2]) -> Result<Images, DataError> {
    idx::assemble(
        (images.0, Idx::decode(images.0, images.1)?),
        (labels.0, Idx::decode(labels.0, labels.1)?),
        (0..10).map(|digit| digit.to_string()).collect(),
    )
}

/// The files of a folder of `data/`.
macro_rules! bundled {
    ($folder:literal) => {{
        macro_rules! file {
            ($name:literal) => {
                ($name, include_bytes!(concat!("../../data/", $folder, "/", $name)))
            };
        }
        $crate::data::bundled::Bundled {
            train: [file!("train-images-idx3-ubyte.gz"), file!("train-labels-idx1-ubyte.gz")],
            test: [file!("t10k-images-idx3-ubyte.gz"), file!("t10k-labels-idx1-ubyte.gz")],
        }
    }};
}
pub(super) use bundled;
