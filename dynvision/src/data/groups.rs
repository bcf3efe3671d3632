//! Groups of classes that the original names, by data set.

#[cfg(test)]
use super::cifar::CIFAR100_FINE;
use super::{DataError, Dataset, Subset};
use std::collections::BTreeSet;

enum Members {
    /// Numbers of classes as the data set counts them.
    Numbers(&'static [usize]),
    /// Names of classes.
    Names(&'static [&'static str]),
}

struct Group {
    set: &'static str,
    name: &'static str,
    members: Members,
}

const fn numbers(set: &'static str, name: &'static str, members: &'static [usize]) -> Group {
    Group { set, name, members: Members::Numbers(members) }
}

/// Members are the data sets' own numbers, not places of folders in text order as in the original. Its `catdogs` of TinyImageNet
/// are numbers of ImageNet; here they are the WordNet names of the same ten classes.
const GROUPS: [Group; 13] = [
    numbers("mnist", "01", &[0, 1]),
    numbers("mnist", "38", &[3, 8]),
    numbers("mnist", "89", &[8, 9]),
    numbers("cifar100", "invertebrates", &[6, 7, 14, 18, 24, 26, 45, 77, 79, 99]),
    numbers("cifar100", "alphabet", &[0, 8, 18, 29, 31, 33, 35, 37, 38, 44, 51, 53, 63, 69, 82]),
    numbers("tinyimagenet", "mollusks", &[13, 14, 15, 16, 17, 18, 19, 46]),
    Group {
        set: "tinyimagenet",
        name: "catdogs",
        members: Members::Names(&[
            "n02094433",
            "n02099601",
            "n02099712",
            "n02106662",
            "n02113799",
            "n02123045",
            "n02123394",
            "n02124075",
            "n02125311",
            "n02129165",
        ]),
    },
    numbers("imagenet", "imagenette", &[0, 217, 482, 491, 497, 566, 569, 571, 574, 701]),
    numbers("imagenet", "snakes", &[54, 60, 62, 66, 67, 68]),
    numbers("imagenet", "insects", &[304, 310, 311, 312, 313, 314, 315, 316, 317, 318, 319]),
    numbers("imagenet", "one", &[0]),
    numbers("imagenette", "one", &[0]),
    numbers("snakenet", "cool", &[1, 2, 4]),
];

/// The names of the groups of a data set's classes.
///
/// ```
/// use dynvision::data::group_names;
/// assert!(group_names("cifar100").any(|name| name == "invertebrates"));
/// ```
pub fn group_names(set: &str) -> impl Iterator<Item = &'static str> + '_ {
    GROUPS.iter().filter(move |group| group.set == set).map(|group| group.name)
}

fn find(set: &str, name: &str) -> Result<&'static Group, DataError> {
    GROUPS.iter().find(|group| group.set == set && group.name == name).ok_or_else(|| DataError::UnknownClass {
        file: format!("the groups of {set}"),
        name: name.to_string(),
        classes: group_names(set).map(String::from).collect(),
    })
}

/// The numbers of a group's classes, where the group is defined by numbers and not by names.
///
/// # Errors
/// A group that there is not, with the nearest.
pub fn group_numbers(set: &str, name: &str) -> Result<Option<&'static [usize]>, DataError> {
    Ok(match find(set, name)?.members {
        Members::Numbers(numbers) => Some(numbers),
        Members::Names(_) => None,
    })
}

impl<S: Dataset> Subset<S> {
    /// The samples of a named group of classes of one of the original's data sets, with their full labels.
    ///
    /// # Errors
    /// A group that there is not; a set that lacks one of its classes or all of its samples.
    pub fn group(samples: S, set: &str, name: &str) -> Result<Self, DataError> {
        match find(set, name)?.members {
            Members::Names(names) => Subset::of_classes(samples, names),
            Members::Numbers(numbers) => Subset::of_labels(samples, &numbers.iter().copied().collect::<BTreeSet<_>>()),
        }
    }
}

/// The names of CIFAR-100's classes of a group.
#[cfg(test)]
fn cifar100_names(group: &str) -> Vec<&'static str> {
    group_numbers("cifar100", group).ok().flatten().unwrap_or(&[]).iter().map(|&number| CIFAR100_FINE[number]).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::data::mnist5k;

    #[test]
    fn invertebrates_are_invertebrates() {
        let names =
            ["bee", "beetle", "butterfly", "caterpillar", "cockroach", "crab", "lobster", "snail", "spider", "worm"];
        assert_eq!(cifar100_names("invertebrates"), names);
    }

    #[test]
    fn groups_are_checked_against_the_set() {
        let digits = mnist5k::test().unwrap();
        let some = Subset::group(&digits, "mnist", "38").unwrap();
        assert!(some.len() == 200 && some.labels().iter().all(|label| [3, 8].contains(label)));
        assert_eq!(some.classes().len(), 10);
        for (set, name, word) in [
            ("mnist", "39", "`38`"),
            ("cifar100", "invertebrates", "no class 14"),
            ("tinyimagenet", "catdogs", "n02094433"),
        ] {
            let error = Subset::group(&digits, set, name).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
