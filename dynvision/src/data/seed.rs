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
///
/// As text, a seed is a number; above 2^63 - 1, which TOML cannot hold as one, it is a string of its digits. Both are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seed(pub u64);

/// As TOML has it.
///
/// ```
/// use dynvision::data::Seed;
/// assert_eq!(toml::Value::from(Seed(3)), toml::Value::Integer(3));
/// assert_eq!(toml::Value::from(Seed(u64::MAX)), toml::Value::String("18446744073709551615".into()));
/// ```
impl From<Seed> for toml::Value {
    fn from(seed: Seed) -> Self {
        i64::try_from(seed.0).map_or_else(|_| seed.0.to_string().into(), toml::Value::Integer)
    }
}

impl serde::Serialize for Seed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        toml::Value::from(*self).serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Seed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl serde::de::Visitor<'_> for Digits {
            type Value = Seed;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a seed from 0 to 18446744073709551615, as a number or as a string of its digits")
            }
            fn visit_u64<E: serde::de::Error>(self, seed: u64) -> Result<Seed, E> {
                Ok(Seed(seed))
            }
            fn visit_i64<E: serde::de::Error>(self, seed: i64) -> Result<Seed, E> {
                let unexpected = serde::de::Unexpected::Signed(seed);
                u64::try_from(seed).map(Seed).map_err(|_| E::invalid_value(unexpected, &self))
            }
            fn visit_str<E: serde::de::Error>(self, seed: &str) -> Result<Seed, E> {
                let unexpected = serde::de::Unexpected::Str(seed);
                // digits alone: no sign, as a number has none
                let digits = seed.bytes().all(|byte| byte.is_ascii_digit()).then(|| seed.parse().ok()).flatten();
                digits.map(Seed).ok_or_else(|| E::invalid_value(unexpected, &self))
            }
        }
        deserializer.deserialize_any(Digits)
    }
}

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
    fn all_of_64_bits_are_written_and_read() {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Of {
            seed: Seed,
        }
        for seed in [0, 7, i64::MAX as u64, 1 << 63, u64::MAX] {
            let text = toml::to_string(&Of { seed: Seed(seed) }).unwrap();
            assert_eq!(toml::from_str::<Of>(&text).unwrap().seed, Seed(seed), "{text}");
        }
        assert!(toml::from_str::<Of>("seed = -1").is_err());
        assert!(toml::from_str::<Of>("seed = \"many\"").is_err());
    }

    #[test]
    fn seeds_give_different_streams() {
        let first = |seed| Seed(seed).rng(Purpose::Split, 0).next_u64();
        assert_ne!(first(0), first(1));
    }
}
