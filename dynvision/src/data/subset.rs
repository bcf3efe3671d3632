//! Parts of a data set: by index, by class, by chance; several sets as one; other names of the classes.

use super::{DataError, Dataset, Purpose, Sample, Seed};
use crate::geometry::Map;
use rand::seq::SliceRandom;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Some samples of a data set, in a given order. They keep their labels, and the set its classes, so that a model of all
/// classes can be tested on some.
#[derive(Clone, Debug)]
pub struct Subset<S> {
    set: S,
    indices: Vec<usize>,
    labels: Vec<u16>,
}

impl<S: Dataset> Subset<S> {
    /// The samples of the given indices.
    ///
    /// # Errors
    /// An index beyond the end.
    pub fn new(set: S, indices: Vec<usize>) -> Result<Self, DataError> {
        let (len, all) = (set.len(), set.labels());
        let label = |&index: &usize| all.get(index).copied().ok_or(DataError::Index { index, len });
        let labels = indices.iter().map(label).collect::<Result<_, _>>()?;
        Ok(Subset { set, indices, labels })
    }

    /// The samples of the named classes, in the order of the set.
    ///
    /// # Errors
    /// A name that no class has, with the nearest; no sample of these classes.
    pub fn of_classes(set: S, names: &[impl AsRef<str>]) -> Result<Self, DataError> {
        let find = |name: &str| {
            let found = set.classes().iter().position(|class| class == name);
            found.ok_or_else(|| DataError::UnknownClass {
                file: set.name().to_string(),
                name: name.to_string(),
                classes: set.classes().to_vec(),
            })
        };
        let numbers = names.iter().map(|name| find(name.as_ref())).collect::<Result<BTreeSet<_>, _>>()?;
        Subset::of_labels(set, &numbers)
    }

    /// The samples of the classes of the given numbers.
    ///
    /// # Errors
    /// A number beyond the classes; no sample of these classes.
    pub fn of_labels(set: S, numbers: &BTreeSet<usize>) -> Result<Self, DataError> {
        let (file, classes) = (set.name().to_string(), set.classes().len());
        if let Some(&label) = numbers.iter().find(|&&number| number >= classes) {
            return Err(DataError::NoSuchClass { file, label, classes });
        }
        let wanted = |index: &usize| numbers.contains(&usize::from(set.labels()[*index]));
        let indices: Vec<usize> = (0..set.len()).filter(wanted).collect();
        if indices.is_empty() {
            return Err(DataError::Empty { file });
        }
        Subset::new(set, indices)
    }

    /// The index of a sample in the whole set.
    pub fn origin(&self, index: usize) -> Option<usize> {
        self.indices.get(index).copied()
    }
}

impl<S: Dataset> Dataset for Subset<S> {
    fn name(&self) -> &str {
        self.set.name()
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn classes(&self) -> &[String] {
        self.set.classes()
    }

    fn shape(&self) -> Option<Map> {
        self.set.shape()
    }

    fn source(&self, index: usize) -> String {
        self.origin(index).map_or_else(|| self.name().to_string(), |origin| self.set.source(origin))
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let origin = self.origin(index).ok_or(DataError::Index { index, len: self.indices.len() })?;
        self.set.sample(origin)
    }
}

/// How many samples of `len` the first part of a split has: `fraction * len`, rounded down as in the original.
pub fn split_size(len: usize, fraction: f64) -> usize {
    ((len as f64 * fraction) as usize).min(len)
}

/// Divides a set at random into a first part of [`split_size`] samples and the rest, the same for the same seed. Both keep
/// the order of the set.
///
/// # Errors
/// A fraction that is not between 0 and 1; one that leaves a part without samples.
pub fn split<S: Dataset>(set: S, fraction: f64, seed: Seed) -> Result<(Subset<Arc<S>>, Subset<Arc<S>>), DataError> {
    let (first, rest) = split_indices(set.len(), fraction, seed)?;
    let set = Arc::new(set);
    Ok((Subset::new(set.clone(), first)?, Subset::new(set, rest)?))
}

/// Divides each class of a set at random into a first part of [`split_size`] samples, though at least one, and the rest, the same for the same
/// seed. Both keep the order of the set, and the shares of the classes in it: no class is in the second part alone.
///
/// ```
/// use dynvision::data::{Dataset, Seed, mnist5k, split_classes};
/// let (train, valid) = split_classes(mnist5k::train()?, 0.9, Seed(0))?;
/// assert!((0..10).all(|digit| valid.labels().iter().filter(|&&label| label == digit).count() == 40));
/// # Ok::<(), dynvision::data::DataError>(())
/// ```
///
/// # Errors
/// A fraction that is not between 0 and 1; one that leaves nothing for the second part.
pub fn split_classes<S: Dataset>(
    set: S,
    fraction: f64,
    seed: Seed,
) -> Result<(Subset<Arc<S>>, Subset<Arc<S>>), DataError> {
    check_fraction(fraction)?;
    let mut classes: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (index, &label) in set.labels().iter().enumerate() {
        classes.entry(label).or_default().push(index);
    }
    let mut rng = seed.rng(Purpose::Split, 0);
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for mut indices in classes.into_values() {
        indices.shuffle(&mut rng);
        rest.extend(indices.split_off(split_size(indices.len(), fraction).max(1)));
        first.extend(indices);
    }
    if rest.is_empty() {
        return Err(nothing_left(set.len(), fraction));
    }
    first.sort_unstable();
    rest.sort_unstable();
    let set = Arc::new(set);
    Ok((Subset::new(set.clone(), first)?, Subset::new(set, rest)?))
}

fn check_fraction(fraction: f64) -> Result<(), DataError> {
    if (0.0..=1.0).contains(&fraction) {
        return Ok(());
    }
    let (expected, found) = ("between 0 and 1".to_string(), fraction.to_string());
    Err(DataError::Setting { setting: "fraction", expected, found })
}

fn nothing_left(len: usize, fraction: f64) -> DataError {
    DataError::Setting {
        setting: "fraction",
        expected: format!("one that leaves at least one of the {len} images on either side"),
        found: fraction.to_string(),
    }
}

/// The indices of the two parts of a split, each in ascending order, neither of them empty.
pub(super) fn split_indices(len: usize, fraction: f64, seed: Seed) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    check_fraction(fraction)?;
    let count = split_size(len, fraction);
    if count == 0 || count == len {
        return Err(nothing_left(len, fraction));
    }
    let mut indices: Vec<usize> = (0..len).collect();
    indices.shuffle(&mut seed.rng(Purpose::Split, 0));
    let mut rest = indices.split_off(count);
    indices.sort_unstable();
    rest.sort_unstable();
    Ok((indices, rest))
}

/// Several data sets with the same classes, one after the other.
pub struct Joined {
    sets: Vec<Arc<dyn Dataset>>,
    /// The first index after each set.
    ends: Vec<usize>,
    name: String,
    labels: Vec<u16>,
}

impl Joined {
    /// Joins sets.
    ///
    /// # Errors
    /// No set, or one whose classes are not those of the first.
    pub fn new(sets: Vec<Arc<dyn Dataset>>) -> Result<Self, DataError> {
        let Some(first) = sets.first() else { return Err(DataError::Empty { file: "joined sets".to_string() }) };
        if let Some(other) = sets.iter().find(|set| set.classes() != first.classes()) {
            return Err(DataError::OtherClasses { file: other.name().to_string(), first: first.name().to_string() });
        }
        let labels: Vec<u16> = sets.iter().flat_map(|set| set.labels()).copied().collect();
        let name = sets.iter().map(|set| set.name()).collect::<Vec<_>>().join(" + ");
        let ends = sets.iter().scan(0, |end, set| {
            *end += set.len();
            Some(*end)
        });
        Ok(Joined { ends: ends.collect(), labels, name, sets })
    }

    /// The set of a sample, and its index there.
    fn place(&self, index: usize) -> Option<(&dyn Dataset, usize)> {
        let at = self.ends.partition_point(|&end| end <= index);
        let before = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some((&**self.sets.get(at)?, index - before))
    }
}

impl Dataset for Joined {
    fn name(&self) -> &str {
        &self.name
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn classes(&self) -> &[String] {
        self.sets.first().map_or(&[], |set| set.classes())
    }

    fn shape(&self) -> Option<Map> {
        let first = self.sets.first()?.shape();
        if self.sets.iter().all(|set| set.shape() == first) { first } else { None }
    }

    fn source(&self, index: usize) -> String {
        self.place(index).map_or_else(|| self.name.clone(), |(set, index)| set.source(index))
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        match self.place(index) {
            Some((set, index)) => set.sample(index),
            None => Err(DataError::Index { index, len: self.labels.len() }),
        }
    }
}

/// A data set whose classes have other names.
#[derive(Clone, Debug)]
pub struct Named<S> {
    set: S,
    classes: Vec<String>,
}

impl<S: Dataset> Named<S> {
    /// Gives names to the classes, by label.
    ///
    /// # Errors
    /// Another number of names than of classes.
    pub fn new(set: S, classes: Vec<String>) -> Result<Self, DataError> {
        if classes.len() == set.classes().len() {
            return Ok(Named { set, classes });
        }
        Err(DataError::Setting {
            setting: "names of classes",
            expected: format!("one for each of {} classes", set.classes().len()),
            found: format!("{} names", classes.len()),
        })
    }
}

impl<S: Dataset> Dataset for Named<S> {
    fn name(&self) -> &str {
        self.set.name()
    }

    fn labels(&self) -> &[u16] {
        self.set.labels()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn shape(&self) -> Option<Map> {
        self.set.shape()
    }

    fn source(&self, index: usize) -> String {
        self.set.source(index)
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.set.sample(index)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::data::{Images, Values};

    fn images(labels: &[u16]) -> Images {
        let classes = ["cat", "dog", "owl"].map(String::from).to_vec();
        let pixels = (0..labels.len()).flat_map(|i| [i as u8; 2]).collect();
        Images::new("pets", pixels, Map::new(1, 1, 2), labels.to_vec(), classes).unwrap()
    }

    fn first(set: &dyn Dataset, index: usize) -> u8 {
        match set.sample(index).unwrap().into_values() {
            Values::Bytes(values) => values[0],
            Values::Floats(_) => unreachable!("the images are bytes"),
        }
    }

    #[test]
    fn classes_are_chosen_by_name_and_keep_their_labels() {
        let owls = Subset::of_classes(images(&[0, 2, 1, 2]), &["owl", "dog"]).unwrap();
        assert_eq!((owls.labels(), owls.classes().len()), (&[2, 1, 2][..], 3));
        assert_eq!([first(&owls, 0), first(&owls, 1), first(&owls, 2)], [1, 2, 3]);
        let error = Subset::of_classes(images(&[0]), &["owk"]).unwrap_err().to_string();
        assert!(error.contains("owk") && error.contains("`owl`"), "{error}");
        assert!(Subset::of_classes(images(&[0]), &["owl"]).unwrap_err().to_string().contains("no samples"));
        assert!(Subset::of_labels(images(&[0]), &[3].into()).is_err());
        assert!(Subset::new(images(&[0]), vec![1]).is_err());
    }

    #[test]
    fn joined_sets_count_on() {
        let sets: Vec<Arc<dyn Dataset>> =
            vec![Arc::new(images(&[0, 1])), Arc::new(images(&[])), Arc::new(images(&[2]))];
        let joined = Joined::new(sets).unwrap();
        assert_eq!((joined.labels(), joined.shape()), (&[0, 1, 2][..], Some(Map::new(1, 1, 2))));
        assert_eq!([first(&joined, 1), first(&joined, 2)], [1, 0]);
        assert_eq!((joined.source(2), joined.source(3)), ("images in memory".to_string(), joined.name().to_string()));
        assert!(joined.sample(3).is_err());
        let other = Named::new(images(&[0]), ["a", "b", "c"].map(String::from).to_vec()).unwrap();
        assert_eq!(other.classes()[1], "b");
        assert!(Joined::new(vec![Arc::new(images(&[0])), Arc::new(other)]).is_err());
        assert!(Joined::new(vec![]).is_err());
        assert!(Named::new(images(&[0]), vec![]).is_err());
    }

    #[test]
    fn a_split_by_classes_keeps_their_shares() {
        let labels = [[0; 10].as_slice(), &[1], &[2; 3]].concat();
        let (train, rest) = split_classes(images(&labels), 0.7, Seed(3)).unwrap();
        let count = |set: &dyn Dataset, class| set.labels().iter().filter(|&&label| label == class).count();
        assert_eq!([0, 1, 2].map(|class| (count(&train, class), count(&rest, class))), [(7, 3), (1, 0), (2, 1)]);
        let mut all: Vec<usize> =
            (0..10).filter_map(|i| train.origin(i)).chain((0..4).filter_map(|i| rest.origin(i))).collect();
        assert!(all[..10].is_sorted() && all[10..].is_sorted());
        all.sort_unstable();
        assert!(all.into_iter().eq(0..14));
        let other = split_classes(images(&labels), 0.7, Seed(4)).unwrap().0;
        assert_ne!(
            (0..10).map(|i| other.origin(i)).collect::<Vec<_>>(),
            (0..10).map(|i| train.origin(i)).collect::<Vec<_>>()
        );
        assert!(split_classes(images(&[0, 1, 2]), 0.7, Seed(0)).is_err());
        for fraction in [1.0, -0.1, f64::NAN] {
            assert!(split_classes(images(&labels), fraction, Seed(0)).is_err(), "{fraction}");
        }
    }

    #[test]
    fn a_split_holds_samples_in_both_parts() {
        let (train, rest) = split(images(&[0; 10]), 0.85, Seed(3)).unwrap();
        assert_eq!((train.len(), rest.len()), (8, 2));
        let mut all: Vec<usize> = (0..8).map(|i| train.origin(i).unwrap()).collect();
        all.extend((0..2).map(|i| rest.origin(i).unwrap()));
        all.sort_unstable();
        assert!(all.into_iter().eq(0..10));
        for fraction in [0.01, 1.0, -0.1, f64::NAN] {
            assert!(split(images(&[0; 40]), fraction, Seed(0)).is_err(), "{fraction}");
        }
    }
}
