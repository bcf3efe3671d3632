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
    /// What a protocol shows could not be made.
    #[error("what the protocol shows cannot be made: {reason}")]
    Shown {
        /// Why.
        reason: String,
    },
    /// The device could not hold a batch.
    #[error("the device cannot hold a batch of {images} images: {message}; take smaller batches")]
    Device {
        /// Size of the batch.
        images: usize,
        /// What the device said.
        message: String,
    },
    /// There is nothing to take.
    #[error("`{file}` has no samples: name a folder or file that holds some")]
    Empty {
        /// Where they should be.
        file: String,
    },
    /// Samples of several sizes where one is needed.
    #[error(
        "`{file}`: sample {index} is {found} and those before it are {expected} (channels x rows x columns): resize and crop \
         them to one size by transforms"
    )]
    MixedShapes {
        /// The data set.
        file: String,
        /// The first sample that differs.
        index: usize,
        /// Its shape.
        found: Map,
        /// The shape of those before.
        expected: Map,
    },
    /// A film, or floating-point values, where still images of bytes are needed.
    #[error(
        "`{file}`: sample {index} is no still image of bytes; read the set through a `Loader`, which takes films and floats"
    )]
    NotBytes {
        /// The data set.
        file: String,
        /// The sample.
        index: usize,
    },
    /// A sample that has not the shape that the model reads, after all transforms.
    #[error(
        "`{file}`: sample {index} is {found} and the model reads {model} (channels x rows x columns): add a resize, a crop or \
         a change of colours to the transforms, or declare the model with this input"
    )]
    SampleShape {
        /// The data set.
        file: String,
        /// The sample.
        index: usize,
        /// Its shape.
        found: Map,
        /// Shape that the model reads.
        model: Map,
    },
    /// Films of several lengths in one batch.
    #[error(
        "`{file}`: sample {index} has {found} frames and others of its batch {expected}: cut the films to one length"
    )]
    MixedFrames {
        /// The data set.
        file: String,
        /// The sample.
        index: usize,
        /// Its frames.
        found: usize,
        /// The frames of those before.
        expected: usize,
    },
    /// A class that there is not.
    #[error("`{file}` has no class `{name}`; {}", nearest(name, classes))]
    UnknownClass {
        /// The data set.
        file: String,
        /// The name.
        name: String,
        /// The names that there are.
        classes: Vec<String>,
    },
    /// The number of a class that there is not.
    #[error("`{file}` has no class {label}: there are {classes}, numbered from 0")]
    NoSuchClass {
        /// The data set.
        file: String,
        /// The number.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// Sets with other classes cannot be one.
    #[error("`{file}` has other classes than `{first}`: give both the same names in the same order, or leave it out")]
    OtherClasses {
        /// The set.
        file: String,
        /// The first set.
        first: String,
    },
    /// An image that cannot be decoded.
    #[error(
        "`{file}` cannot be decoded ({message}): fetch it again, or leave it out by `without_corrupt`, which names and counts what it leaves out"
    )]
    Corrupt {
        /// The file.
        file: String,
        /// What the decoder said.
        message: String,
    },
    /// A folder of classes that has fewer than two.
    #[error(
        "`{file}` has {} and a classifier needs two classes or more: name the folder whose folders are the classes",
        match found.first() { Some(class) => format!("one class, `{class}`,"), None => "no folders of classes".to_string() }
    )]
    FewClasses {
        /// The folder.
        file: String,
        /// The folders in it.
        found: Vec<String>,
    },
    /// A thread of the loader ended without a word.
    #[error("a thread of the loader ended before its batch {batch}: a sample of it made a decoder panic")]
    Thread {
        /// The batch.
        batch: usize,
    },
    /// A value that is no number.
    #[error("`{file}`: sample {index} has the value {value}: leave the sample out, or put a number in its place")]
    NotFinite {
        /// The data set.
        file: String,
        /// The first sample that has one.
        index: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// A file of arrays or tensors could not be read.
    #[error(transparent)]
    File(#[from] crate::file::FileError),
    /// A data set could not be fetched.
    #[cfg(feature = "fetch")]
    #[error(transparent)]
    Fetch(#[from] super::fetch::FetchError),
}

/// Which class may have been meant.
fn nearest(name: &str, classes: &[String]) -> String {
    let distance = |class: &str| {
        let common = class.chars().zip(name.chars()).filter(|(a, b)| a.eq_ignore_ascii_case(b)).count();
        class.chars().count().max(name.chars().count()) - common
    };
    match classes.iter().min_by_key(|class| distance(class)) {
        Some(class) => format!("did you mean `{class}`?"),
        None => "it has none".to_string(),
    }
}
