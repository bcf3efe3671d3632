//! Where random numbers come from.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson, StandardNormal};

/// A source of random numbers for the images of a slab, each of which may have its own.
pub trait Draws {
    /// Fills in numbers uniform in [0, 1), for image `image` of the slab.
    fn uniform(&mut self, image: usize, out: &mut [f64]);
    /// Fills in standard normal numbers.
    fn normal(&mut self, image: usize, out: &mut [f64]);
    /// Replaces each rate by a count.
    fn poisson(&mut self, image: usize, rates: &mut [f64]);
}

/// ChaCha with 8 rounds, keyed by the seed, one stream an image, 2^28 words of 4 bytes a step: a pure function of
/// `(seed, image, step)`.
#[derive(Clone, Debug)]
pub struct Generator(Vec<ChaCha8Rng>);

impl Generator {
    /// Returns the draws of these images of the set at a step.
    pub fn new(seed: u64, images: &[usize], step: usize) -> Self {
        let at = |&image: &usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream((4 << 56) | image as u64);
            rng.set_word_pos((step as u128) << 28);
            rng
        };
        Generator(images.iter().map(at).collect())
    }
}

impl Draws for Generator {
    fn uniform(&mut self, image: usize, out: &mut [f64]) {
        if let Some(rng) = self.0.get_mut(image) {
            out.iter_mut().for_each(|x| *x = rng.r#gen());
        }
    }

    fn normal(&mut self, image: usize, out: &mut [f64]) {
        if let Some(rng) = self.0.get_mut(image) {
            out.iter_mut().for_each(|x| *x = StandardNormal.sample(rng));
        }
    }

    fn poisson(&mut self, image: usize, rates: &mut [f64]) {
        if let Some(rng) = self.0.get_mut(image) {
            // a rate that is not positive and finite has no count but 0
            rates.iter_mut().for_each(|x| *x = Poisson::new(*x).map_or(0.0, |p| p.sample(rng)));
        }
    }
}
