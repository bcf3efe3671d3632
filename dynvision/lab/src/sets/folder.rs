//! Folders of image files as a data set, adapted to a model.

use super::{Parts, Wanted, first_of_each};
use crate::lab_error::LabError;
use dynvision::data::{DataError, Dataset, ImageFolder, Images, Split, Subset, Transforms, split_classes};
use std::path::Path;
use std::sync::Arc;

type Any = Arc<dyn Dataset>;

/// The part of each class that an undivided folder is trained on.
const TRAINED_ON: f64 = 0.8;

/// Refuses more classes than the model has; names what is passed over, and leaves out what cannot be decoded where it is asked to.
fn sound(set: ImageFolder, wanted: &Wanted<'_>, notes: &mut Vec<String>) -> Result<ImageFolder, LabError> {
    let classes = set.classes().len();
    if classes > wanted.classes {
        return Err(LabError::Usage(format!(
            "`{}` has {classes} classes, and `{}` answers with {}: name a model of more, or declare one",
            set.name(),
            wanted.model,
            wanted.classes
        )));
    }
    if let Some(first) = set.ignored().first() {
        let count = set.ignored().len();
        notes.push(format!(
            "{}: passed over {count} files of no known format, such as {}",
            set.name(),
            first.display()
        ));
    }
    if !wanted.skip_corrupt {
        return Ok(set);
    }
    let (set, left_out) = set.without_corrupt()?;
    if let Some(first) = left_out.first() {
        let count = left_out.len();
        notes.push(format!(
            "{}: left out {count} files that cannot be decoded, such as {}",
            set.name(),
            first.file.display()
        ));
    }
    Ok(set)
}

/// So many images at most.
fn some(set: Any, most: usize) -> Result<Any, LabError> {
    if most == 0 || most >= set.len() {
        return Ok(set);
    }
    let indices = first_of_each(set.labels(), most);
    Ok(Arc::new(Subset::new(set, indices)?))
}

/// Says what the images take in memory, and refuses what is too much of it, before one is decoded. What is held out of a training
/// leaves the rest of it there a second time.
fn fits(folder: &Path, train: usize, test: usize, wanted: &Wanted<'_>) -> Result<(), LabError> {
    let frame = wanted.frame;
    let gigabytes = (2 * train as u128 + test as u128) as f64 * frame.units() as f64 / 1e9;
    if gigabytes > wanted.memory_gb {
        return Err(LabError::Usage(format!(
            "`{}`: {} images of {frame} take up to {gigabytes:.1} GB of memory, and `data.memory_gb` is {}: take fewer by `data.train` \
             and `data.test`, allow more if the machine has it, or train in a program of your own from a `dynvision::data::Cache` of \
             the folder, which is read from disk batch by batch",
            folder.display(),
            train + test,
            wanted.memory_gb
        )));
    }
    if gigabytes > 0.1 {
        (wanted.tell)(&format!(
            "{}: reading {} images of {frame}, which take up to {gigabytes:.1} GB of memory",
            folder.display(),
            train + test
        ));
    }
    Ok(())
}

/// The images as the model takes them.
fn adapted(set: &Any, wanted: &Wanted<'_>) -> Result<Images, LabError> {
    let images = Images::collect(set.as_ref(), &Transforms::adapting(wanted.frame)?).map_err(|error| match error {
        DataError::Corrupt { file, message } => LabError::Failed(format!(
            "`{file}` cannot be decoded ({message}): fetch it again, or set `data.skip_corrupt = true`, which leaves such files out and \
             counts them"
        )),
        error => error.into(),
    })?;
    if images.shape() != wanted.frame {
        return Err(DataError::Shape { data: images.shape(), model: wanted.frame }.into());
    }
    Ok(images)
}

/// The images of `FOLDER/train/CLASS/` and `FOLDER/test/CLASS/` (or `val`); or of `FOLDER/CLASS/`, of which a fifth of each class is
/// then tested on, by the seed. Both are normalised by the mean and deviation of each channel of what is trained on.
pub(super) fn parts(folder: &Path, wanted: &Wanted<'_>) -> Result<Parts, LabError> {
    let mut notes = Vec::new();
    let (train, test): (Any, Any) = if ImageFolder::is_divided(folder) {
        let mut part = |split| -> Result<Any, LabError> {
            Ok(Arc::new(sound(ImageFolder::open_split(folder, split)?, wanted, &mut notes)?))
        };
        (part(Split::Train)?, part(Split::Test)?)
    } else {
        let set = sound(ImageFolder::open(folder)?, wanted, &mut notes)?;
        let few = |error| match error {
            DataError::Setting { .. } => LabError::Usage(format!(
                "`{}` has classes of too few images to keep a fifth of each class for testing: add images, or divide them yourself into \
                 train/CLASS and test/CLASS",
                folder.display()
            )),
            error => error.into(),
        };
        let (train, test) = split_classes(set, TRAINED_ON, wanted.seed).map_err(few)?;
        (Arc::new(train), Arc::new(test))
    };
    if train.classes() != test.classes() {
        return Err(DataError::OtherClasses { file: test.name().into(), first: train.name().into() }.into());
    }
    let (train, test) = (some(train, wanted.train)?, some(test, wanted.test)?);
    fits(folder, train.len(), test.len(), wanted)?;
    let train = adapted(&train, wanted)?;
    let test = adapted(&test, wanted)?;
    let normalisation = train.measure();
    Ok(Parts { train: train.normalised(normalisation.clone())?, test: test.normalised(normalisation)?, notes })
}
