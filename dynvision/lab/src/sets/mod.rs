//! The data sets that a laboratory has, by name.
//!
//! Those that come with the library need nothing; the others are read from a folder that holds their files as their authors
//! publish them. Nothing is fetched. A folder of image files is a data set of any model: it is adapted to what the model takes.

mod folder;

use crate::lab_error::LabError;
use dynvision::data::{DataError, Images, Order, Seed, Split, cifar, digits, idx, mnist5k};
use dynvision::geometry::Map;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;

type Read = dyn Fn(&Path, Split) -> Result<Images, DataError> + Send + Sync;
type Adapt = dyn Fn(&Path, &Wanted<'_>) -> Result<Parts, LabError> + Send + Sync;

#[derive(Clone)]
enum Load {
    /// Images of one shape.
    Fixed(Arc<Read>),
    /// Images as a model takes them.
    Adapted(Arc<Adapt>),
}

/// What a model and its settings want of a data set.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The model.
    pub model: &'a str,
    /// The frame that it takes.
    pub frame: Map,
    /// The classes that it answers with.
    pub classes: usize,
    /// So many images to train on at most; 0 for all.
    pub train: usize,
    /// So many images to test on at most; 0 for all.
    pub test: usize,
    /// Divides a set that its authors do not.
    pub seed: Seed,
    /// Whether files that cannot be decoded are left out and counted, and not refused.
    pub skip_corrupt: bool,
    /// More gigabytes than this are not read into memory.
    pub memory_gb: f64,
    /// Is told what takes long, before it begins.
    pub tell: &'a dyn Fn(&str),
}

/// The gigabytes that images may take where nothing else is said.
pub const MEMORY_GB: f64 = 4.0;

impl std::fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted").field("model", &self.model).field("frame", &self.frame).finish_non_exhaustive()
    }
}

/// The parts of a data set.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What is trained on.
    pub train: Images,
    /// What is tested on.
    pub test: Images,
    /// What was left out, in a line each.
    pub notes: Vec<String>,
}

/// A data set that can be loaded.
#[derive(Clone)]
pub struct Set {
    /// What it is called.
    pub name: String,
    /// What it is, in a line.
    pub about: String,
    /// Channels, rows and columns of an image; none of a set that is adapted to a model.
    pub shape: Option<[usize; 3]>,
    /// Number of classes, where it is known before the set is read.
    pub classes: Option<usize>,
    /// Whether it is read from a folder.
    pub needs_folder: bool,
    load: Load,
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Set").field("name", &self.name).field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Set {
    /// A data set that `load` reads; it is given the folder, or an empty path where there is none.
    pub fn new(
        name: &str,
        about: &str,
        shape: [usize; 3],
        classes: usize,
        load: impl Fn(&Path, Split) -> Result<Images, DataError> + Send + Sync + 'static,
    ) -> Self {
        let load = Load::Fixed(Arc::new(load));
        let (shape, classes) = (Some(shape), Some(classes));
        Set { name: name.into(), about: about.into(), shape, classes, needs_folder: true, load }
    }

    /// A data set that `load` reads from a folder as a model takes it.
    pub fn adapted(
        name: &str,
        about: &str,
        load: impl Fn(&Path, &Wanted<'_>) -> Result<Parts, LabError> + Send + Sync + 'static,
    ) -> Self {
        let load = Load::Adapted(Arc::new(load));
        Set { name: name.into(), about: about.into(), shape: None, classes: None, needs_folder: true, load }
    }

    /// Says that the set needs no folder.
    #[must_use]
    pub fn embedded(self) -> Self {
        Set { needs_folder: false, ..self }
    }

    fn place<'a>(&self, folder: Option<&'a Path>) -> Result<&'a Path, LabError> {
        if self.needs_folder && folder.is_none() {
            return Err(LabError::Usage(format!(
                "the data set `{}` is read from a folder: say where it is by `--set data.folder=PATH`, or `--folder PATH` after `data`",
                self.name
            )));
        }
        Ok(folder.unwrap_or(Path::new("")))
    }

    /// Loads a part of a set whose images have one shape.
    ///
    /// # Errors
    ///
    /// A folder that is needed and not given; a set that is adapted to a model; what cannot be read.
    pub fn load(&self, folder: Option<&Path>, split: Split) -> Result<Images, LabError> {
        let folder = self.place(folder)?;
        match &self.load {
            Load::Fixed(load) => Ok(load(folder, split)?),
            Load::Adapted(_) => Err(LabError::Usage(format!(
                "the images of `{}` are adapted to a model: name one by `--model`",
                self.name
            ))),
        }
    }

    /// Loads both parts, as a model takes them, with as many images at most as are wanted.
    ///
    /// # Errors
    ///
    /// A folder that is needed and not given; images of another shape than the model's, or of more classes; what cannot be read.
    pub fn parts(&self, folder: Option<&Path>, wanted: &Wanted<'_>) -> Result<Parts, LabError> {
        if let Load::Adapted(load) = &self.load {
            return load(self.place(folder)?, wanted);
        }
        let Wanted { model, frame, .. } = *wanted;
        if let Some([c, h, w]) = self.shape.filter(|shape| *shape != [frame.c, frame.h, frame.w]) {
            return Err(LabError::Usage(format!(
                "`{model}` takes frames of {frame}, and the images of `{}` are {c}x{h}x{w}; `models` and `data` list what fits",
                self.name
            )));
        }
        let train = some(self.load(folder, Split::Train)?, wanted.train)?;
        let test = some(self.load(folder, Split::Test)?, wanted.test)?;
        Ok(Parts { train, test, notes: Vec::new() })
    }
}

/// So many images at most, of each class as many as of another. Every so many images would not do: sets are often stored in the
/// order of their classes.
pub(crate) fn first_of_each(labels: &[u16], most: usize) -> Vec<usize> {
    let mut indices = Order::RoundRobin.indices(labels, Seed(0), 0);
    indices.truncate(most);
    indices
}

fn some(images: Images, most: usize) -> Result<Images, LabError> {
    if most == 0 || most >= images.len() {
        return Ok(images);
    }
    Ok(images.subset(&first_of_each(images.labels(), most))?)
}

/// Data sets by name.
///
/// ```
/// use dynvision::data::Split;
/// use dynvision_lab::sets::Sets;
///
/// let sets = Sets::built_in();
/// assert_eq!(sets.get("digits")?.load(None, Split::Test)?.len(), 360);
/// assert!(sets.get("mnist").is_ok_and(|mnist| mnist.needs_folder));
/// # Ok::<(), dynvision_lab::LabError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sets(Vec<Set>);

impl Sets {
    /// Those that the library reads.
    pub fn built_in() -> Self {
        let mnist = |name: &str, about: &str| {
            Set::new(name, about, [1, 28, 28], 10, |folder, split| idx::read_mnist(folder, split))
        };
        Sets(vec![
            Set::new("digits", "1797 handwritten digits of 8x8 pixels, with the library", [1, 8, 8], 10, |_, split| {
                digits::load(split)
            })
            .embedded(),
            Set::new("mnist5k", "5000 digits of MNIST, with the library", [1, 28, 28], 10, |_, split| {
                mnist5k::load(split)
            })
            .embedded(),
            mnist("mnist", "70000 handwritten digits, as idx files"),
            mnist("fashionmnist", "70000 pieces of clothing, as idx files"),
            Set::new("qmnist", "120000 handwritten digits, as idx files", [1, 28, 28], 10, |folder, split| {
                idx::read_qmnist(folder, split)
            }),
            Set::new("cifar10", "60000 photographs, in the binary version", [3, 32, 32], 10, |folder, split| {
                cifar::read_cifar10(folder, split)
            }),
            Set::new("cifar100", "60000 photographs, in the binary version", [3, 32, 32], 100, |folder, split| {
                cifar::read_cifar100(folder, split, cifar::LabelMode::Fine)
            }),
            Set::adapted(
                "folder",
                "image files, CLASS/* or train/CLASS/* and test/CLASS/*, of any size",
                folder::parts,
            ),
        ])
    }

    /// Adds a set, in place of one of the same name.
    pub fn add(&mut self, set: Set) {
        self.0.retain(|known| known.name != set.name);
        self.0.push(set);
    }

    /// Returns the set of a name.
    ///
    /// # Errors
    ///
    /// A name that none has, with the nearest and all.
    pub fn get(&self, name: &str) -> Result<&Set, LabError> {
        let found = self.0.iter().find(|set| set.name == name);
        found.ok_or_else(|| crate::Error::unknown("data set", name, self.0.iter().map(|set| set.name.as_str())).into())
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = &Set> {
        self.0.iter()
    }
}

/// The checksum of images and their labels, by which it is known whether they are the same.
///
/// ```
/// use dynvision::data::digits;
/// use dynvision_lab::sets::checksum;
///
/// let (train, test) = (digits::train()?, digits::test()?);
/// assert_eq!(checksum(&test), checksum(&digits::test()?));
/// assert_ne!(checksum(&train), checksum(&test));
/// # Ok::<(), dynvision::data::DataError>(())
/// ```
pub fn checksum(images: &Images) -> String {
    let mut hash = Sha256::new();
    let shape = images.shape();
    [shape.c, shape.h, shape.w].iter().for_each(|&size| hash.update((size as u64).to_le_bytes()));
    images.labels().iter().for_each(|label| hash.update(label.to_le_bytes()));
    (0..images.len()).filter_map(|index| images.image(index)).for_each(|pixels| hash.update(pixels));
    crate::experiment::hex(&hash.finalize())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn few_images_are_of_all_classes() {
        // this set is stored class after class in turn: every tenth image is of one class
        let images = mnist5k::test().unwrap();
        let few = some(images, 20).unwrap();
        assert_eq!(few.len(), 20);
        assert_eq!(few.labels().iter().collect::<BTreeSet<_>>().len(), 10);
    }
}
