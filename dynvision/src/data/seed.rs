//! One seed determines a run: every use of chance draws from its own stream of it.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The seed of a run.
///
/// The streams of one seed are independent, and each is a pure function of the seed, its purpose and its index. So the
/// order of epoch 17 or the noise of batch 3 can be had without those before it, and a run that is resumed needs to
/// know nothing but its seed and how far it had come. Within a stream the generator's position can be stored, since
/// [`ChaCha8Rng`] is serialisable.
///
/// ```
/// use dynvision::data::{Purpose, Seed};
/// use rand::RngCore;
/// let draw = |purpose, index| Seed(7).rng(purpose, index).next_u64();
/// assert_eq!(draw(Purpose::Order, 3), draw(Purpose::Order, 3));
/// assert_ne!(draw(Purpose::Order, 3), draw(Purpose::Order, 4));
/// assert_ne!(draw(Purpose::Order, 3), draw(Purpose::Noise, 3));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

/// What chance is used for. The numbers are part of what a seed means: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Initial parameters.
    Initialisation = 0,
    /// Which images are held out.
    Split = 1,
    /// The order of the images; the index is the epoch.
    Order = 2,
    /// The order of a presentation pattern; the index is the batch.
    Presentation = 3,
    /// Noise added to images.
    Noise = 4,
    /// What a run of the model draws, such as dropout; the index is the batch.
    Run = 5,
    /// Random transforms of a sample; the index is made of the epoch and the sample.
    Augmentation = 6,
}

impl Seed {
    /// The generator of one purpose and index. Indices below 2^56 have streams of their own.
    pub fn rng(self, purpose: Purpose, index: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.0);
        rng.set_stream(((purpose as u64) << 56) | (index & ((1 << 56) - 1)));
        rng
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use rand::RngCore;

    #[test]
    fn a_stored_position_goes_on_where_it_stood() {
        let mut rng = Seed(3).rng(Purpose::Noise, 1);
        rng.set_word_pos(123);
        let stored = serde_json::to_string(&rng).unwrap();
        let mut resumed: ChaCha8Rng = serde_json::from_str(&stored).unwrap();
        assert!((0..100).all(|_| rng.next_u64() == resumed.next_u64()));
    }

    #[test]
    fn seeds_give_different_streams() {
        let first = |seed| Seed(seed).rng(Purpose::Split, 0).next_u64();
        assert_ne!(first(0), first(1));
    }
}
