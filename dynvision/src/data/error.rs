//! What can be wrong with data, and how to mend it.

use crate::geometry::Map;

/// A mistake in a data file, a data set or the use of one. Each message names the place, what was expected, what was
/// found, and the mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file could not be read.
    #[error("cannot read `{file}`: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of another kind.
    #[error("`{file}` is no {expected}: it {found}; {mend}")]
    Foreign {
        /// The file.
        file: String,
        /// The kind that was asked for.
        expected: &'static str,
        /// What was found instead, as the end of a sentence.
        found: String,
        /// What to do.
        mend: &'static str,
    },
    /// A file that is shorter or longer than it says or than its format allows.
    #[error(
        "`{file}` should hold {expected} bytes {of} and holds {found}; it is damaged or incomplete: fetch it again"
    )]
    Size {
        /// The file.
        file: String,
        /// How many bytes there should be, in words where it is no single number.
        expected: String,
        /// Bytes of what.
        of: &'static str,
        /// How many there are.
        found: String,
    },
    /// A damaged gzip stream.
    #[error("`{file}` is a damaged gzip file ({source}): fetch it again")]
    Gzip {
        /// The file.
        file: String,
        /// What the decoder said.
        source: std::io::Error,
    },
    /// The number of labels is not the number of images.
    #[error(
        "`{file}` has {images} images and {labels} labels: give each image one label, from the same part of the data set"
    )]
    LabelCount {
        /// Where the images come from.
        file: String,
        /// Number of images.
        images: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A label that names no class.
    #[error("`{file}`: label {label} of image {index} is out of range: there are {classes} classes, numbered from 0")]
    LabelRange {
        /// Where the labels come from.
        file: String,
        /// The image.
        index: usize,
        /// Its label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// The number of pixels does not follow from the number of images and their shape.
    #[error("`{file}`: {pixels} pixels are no whole number of {shape} images: correct the shape or the pixels")]
    PixelCount {
        /// Where the images come from.
        file: String,
        /// Number of pixels.
        pixels: usize,
        /// Shape of one image.
        shape: Map,
    },
    /// The images have not the shape that the model reads.
    #[error(
        "the images are {data} and the model reads {model} (channels x rows x columns): declare `input = [{}, {}, {}]` \
         or resize the images",
        data.c, data.h, data.w
    )]
    Shape {
        /// Shape of the images.
        data: Map,
        /// Shape that the model reads.
        model: Map,
    },
    /// An index beyond the end of the data set.
    #[error("there is no image {index}: the data set has {len}, numbered from 0")]
    Index {
        /// The index.
        index: usize,
        /// Number of images.
        len: usize,
    },
    /// A setting out of its range.
    #[error("{setting} is {found}, expected {expected}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The device could not hold a batch.
    #[error("the device cannot hold a batch of {images} images: {message}; take smaller batches")]
    Device {
        /// Size of the batch.
        images: usize,
        /// What the device said.
        message: String,
    },
}
