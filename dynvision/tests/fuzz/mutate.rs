//! Inputs that are nearly right.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Changes inputs at random, the same for the same seed.
pub(crate) struct Mutator(ChaCha8Rng);

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Mutator(ChaCha8Rng::seed_from_u64(seed))
    }

    /// One of the seeds with one to four changes.
    pub(crate) fn change(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.0.gen_range(0..seeds.len())].clone();
        for _ in 0..self.0.gen_range(1..=4) {
            self.once(&mut bytes, seeds);
        }
        bytes
    }

    fn once(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let rng = &mut self.0;
        if bytes.is_empty() {
            bytes.push(rng.r#gen());
            return;
        }
        let at = rng.gen_range(0..bytes.len());
        let len = rng.gen_range(1..=(bytes.len() - at).min(32));
        match rng.gen_range(0..10) {
            0 | 1 => bytes[at] ^= 1 << rng.gen_range(0..8),
            2 => bytes[at] = rng.r#gen(),
            // numbers at the ends of their ranges, of every width and both orders
            3 | 4 => {
                let extreme =
                    [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, u64::from(u32::MAX), 1 << 40, 1 << 62];
                let value = extreme[rng.gen_range(0..extreme.len())];
                let width = [1, 2, 4, 8][rng.gen_range(0..4)].min(bytes.len() - at);
                let (little, big) = (value.to_le_bytes(), value.to_be_bytes());
                let of = if rng.r#gen() { &little[..width] } else { &big[8 - width..] };
                bytes[at..at + width].copy_from_slice(of);
            }
            // digits, for numbers that are written as text
            5 => {
                let digits = (0..rng.gen_range(1..20)).map(|_| rng.gen_range(b'0'..=b'9')).collect::<Vec<u8>>();
                bytes.splice(at..at, digits);
            }
            6 => _ = bytes.drain(at..at + len),
            7 => bytes.truncate(at),
            8 => {
                let again = bytes[at..at + len].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                let other = &seeds[rng.gen_range(0..seeds.len())];
                let from = rng.gen_range(0..other.len());
                let piece = other[from..(from + len).min(other.len())].to_vec();
                bytes.splice(at..at + len, piece);
            }
        }
    }
}
