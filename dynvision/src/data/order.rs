//! The order in which an epoch sees the images.

use super::{Purpose, Seed};
use rand::Rng;
use rand::seq::SliceRandom;

/// The order in which an epoch sees the images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As they are stored.
    #[default]
    Sequential,
    /// At random, anew in each epoch.
    Shuffled,
    /// One image of each class after the other, classes and images as they are stored; a class that has no images left
    /// is passed over. The first images of such an order are spread over the classes.
    RoundRobin,
    /// At random with every class as often as another: as many samples as there are, each of a class drawn at random, and within
    /// a class at random without repetition until all of it were seen. Some samples come several times, some not at all.
    Balanced,
}

impl Order {
    /// The indices of the images in their order, a pure function of its arguments.
    ///
    /// ```
    /// use dynvision::data::{Order, Seed};
    /// assert_eq!(Order::RoundRobin.indices(&[0, 0, 0, 1, 2, 1], Seed(0), 0), [0, 3, 4, 1, 5, 2]);
    /// ```
    pub fn indices(self, labels: &[u16], seed: Seed, epoch: u64) -> Vec<usize> {
        let mut indices: Vec<usize> = (0..labels.len()).collect();
        match self {
            Order::Sequential => {}
            Order::Shuffled => indices.shuffle(&mut seed.rng(Purpose::Order, epoch)),
            Order::RoundRobin => {
                let turns = turns(labels);
                indices.sort_by_key(|&index| (turns[index], labels[index]));
            }
            Order::Balanced => return balanced(labels, &mut seed.rng(Purpose::Order, epoch)),
        }
        indices
    }
}

/// Every class as often as another.
fn balanced(labels: &[u16], rng: &mut impl Rng) -> Vec<usize> {
    let mut classes: Vec<Vec<usize>> = vec![Vec::new(); labels.iter().max().map_or(0, |&label| usize::from(label) + 1)];
    for (index, &label) in labels.iter().enumerate() {
        classes[usize::from(label)].push(index);
    }
    classes.retain(|class| !class.is_empty());
    let mut taken = vec![0; classes.len()];
    let mut next = |_| {
        let class = rng.gen_range(0..classes.len());
        let (samples, taken) = (&mut classes[class], &mut taken[class]);
        if *taken % samples.len() == 0 {
            samples.shuffle(rng);
        }
        let index = samples[*taken % samples.len()];
        *taken += 1;
        index
    };
    (0..labels.len()).map(&mut next).collect()
}

/// How many images of its class stand before each image.
fn turns(labels: &[u16]) -> Vec<usize> {
    let mut seen = vec![0; labels.iter().max().map_or(0, |&label| usize::from(label) + 1)];
    labels
        .iter()
        .map(|&label| {
            let turn = seen[usize::from(label)];
            seen[usize::from(label)] += 1;
            turn
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_order_is_a_permutation(labels in prop::collection::vec(0u16..7, 0..60), seed in any::<u64>(), epoch in 0u64..9) {
            for order in [Order::Sequential, Order::Shuffled, Order::RoundRobin] {
                let mut indices = order.indices(&labels, Seed(seed), epoch);
                prop_assert_eq!(&indices, &order.indices(&labels, Seed(seed), epoch));
                indices.sort_unstable();
                prop_assert!(indices.iter().copied().eq(0..labels.len()));
            }
        }

        /// The naive way: go round the classes, taking the next image of each, until none is left.
        #[test]
        fn round_robin_goes_round_the_classes(labels in prop::collection::vec(0u16..5, 0..40)) {
            let mut queues: Vec<Vec<usize>> = (0..5)
                .map(|class| (0..labels.len()).rev().filter(|&i| labels[i] == class).collect())
                .collect();
            let mut expected = Vec::new();
            while expected.len() < labels.len() {
                expected.extend(queues.iter_mut().filter_map(Vec::pop));
            }
            prop_assert_eq!(Order::RoundRobin.indices(&labels, Seed(0), 0), expected);
        }
    }

    #[test]
    fn shuffles_differ_between_epochs_and_seeds() {
        let labels = [0; 50];
        let order = |seed, epoch| Order::Shuffled.indices(&labels, Seed(seed), epoch);
        assert_ne!(order(1, 0), order(1, 1));
        assert_ne!(order(1, 0), order(2, 0));
        assert_ne!(order(1, 0), Order::Sequential.indices(&labels, Seed(1), 0));
    }

    #[test]
    fn a_balanced_order_sees_rare_classes_as_often() {
        let labels: Vec<u16> = (0..3000).map(|i| if i % 100 == 0 { 2 } else { 0 }).collect();
        let order = Order::Balanced.indices(&labels, Seed(0), 0);
        let rare: Vec<usize> = order.iter().copied().filter(|&i| labels[i] == 2).collect();
        // 1500 of 3000, standard deviation 27
        assert!(order.len() == 3000 && (1350..1650).contains(&rare.len()), "{}", rare.len());
        let mut first: Vec<usize> = rare[..30].to_vec();
        first.sort_unstable();
        assert!(first.into_iter().eq((0..3000).step_by(100)));
        assert!(Order::Balanced.indices(&[], Seed(0), 0).is_empty());
    }
}
