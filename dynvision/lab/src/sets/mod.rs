//! The data sets that a laboratory has, by name.
//!
//! Those that come with the library need nothing; the others are read from a folder that holds their files as their authors
//! publish them. Nothing is fetched.

use crate::lab_error::LabError;
use dynvision::data::{DataError, Images, Split, cifar, digits, idx, mnist5k};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;

type Load = dyn Fn(&Path, Split) -> Result<Images, DataError> + Send + Sync;

/// A data set that can be loaded.
#[derive(Clone)]
pub struct Set {
    /// What it is called.
    pub name: String,
    /// What it is, in a line.
    pub about: String,
    /// Channels, rows and columns of an image.
    pub shape: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Whether it is read from a folder.
    pub needs_folder: bool,
    load: Arc<Load>,
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
        let load = Arc::new(load);
        Set { name: name.into(), about: about.into(), shape, classes, needs_folder: true, load }
    }

    /// The same, which needs no folder.
    #[must_use]
    pub fn embedded(self) -> Self {
        Set { needs_folder: false, ..self }
    }

    /// Loads a part.
    ///
    /// # Errors
    ///
    /// A folder that is needed and not given; what cannot be read.
    pub fn load(&self, folder: Option<&Path>, split: Split) -> Result<Images, LabError> {
        if self.needs_folder && folder.is_none() {
            return Err(LabError::Usage(format!(
                "the data set `{}` is read from a folder: say where it is by `--set data.folder=PATH`",
                self.name
            )));
        }
        Ok((self.load)(folder.unwrap_or(Path::new("")), split)?)
    }
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
                cifar::read_cifar100(folder, split, cifar::Labels::Fine)
            }),
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
