//! The noise kinds on a slab of images.

use super::{Draws, NoiseKind, Ssnr, phase};
use crate::protocol::ProtocolError;
use crate::protocol::error::within;

/// Returns the unbiased variance; 0 of fewer than two values, which have none to draw noise from.
pub(super) fn variance(values: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let n = values.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let mean = values.clone().sum::<f64>() / n;
    values.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)
}

impl NoiseKind {
    pub(in crate::protocol) fn check(&self) -> Result<(), ProtocolError> {
        match *self {
            NoiseKind::Correlated { size } => within("size", size as f64, 1.0, 4096.0, "between 1 and 4096 pixels"),
            NoiseKind::SaltPepper { salt } => within("salt", salt, 0.0, 1.0, "between 0 and 1"),
            NoiseKind::PhaseScrambled { exponent } => within("exponent", exponent, -8.0, 8.0, "between -8 and 8"),
            _ => Ok(()),
        }
    }

    /// Returns a slab of images with noise, whose power is taken from the whole slab: `P = V / SNR` with V its unbiased
    /// variance. At ssnr 0 the noise is alone, with `P = V`; salt and pepper then replaces every pixel.
    ///
    /// # Shapes
    /// `images` holds `shape = [images, channels, rows, columns]`, contiguous.
    ///
    /// # Errors
    /// [`ProtocolError::Size`] if it does not; [`ProtocolError::Range`] for a setting of the kind.
    ///
    /// ```
    /// use dynvision::protocol::{NoiseKind, Ssnr, noise::Generator};
    /// let image: Vec<f32> = (0..64).map(|i| i as f32 / 64.0).collect();
    /// let noisy = |step| NoiseKind::Gaussian.apply(Ssnr::new(0.5)?, &image, [1, 1, 8, 8], &mut Generator::new(7, &[3], step));
    /// assert_eq!(noisy(0)?, noisy(0)?);
    /// assert_ne!(noisy(0)?, noisy(1)?);
    /// # Ok::<(), dynvision::protocol::ProtocolError>(())
    /// ```
    pub fn apply(
        &self,
        ssnr: Ssnr,
        images: &[f32],
        shape: [usize; 4],
        draws: &mut dyn Draws,
    ) -> Result<Vec<f32>, ProtocolError> {
        self.check()?;
        let [count, channels, height, width] = shape;
        let size = shape.iter().try_fold(1_usize, |a, &b| a.checked_mul(b));
        if size != Some(images.len()) {
            return Err(ProtocolError::Size { found: images.len(), count, channels, height, width });
        }
        if ssnr.adds_nothing() || images.is_empty() {
            return Ok(images.to_vec());
        }
        let power = power(ssnr, images);
        let alone = ssnr.snr() == 0.0;
        if let NoiseKind::SaltPepper { salt } = *self {
            return Ok(salt_and_pepper(images, count, salt, if alone { f64::INFINITY } else { power }, draws));
        }
        let noise = self.addition(images, shape, power, draws);
        let sum = images.iter().zip(noise).map(|(&x, n)| if alone { n } else { f64::from(x) + n });
        Ok(match self {
            NoiseKind::Poisson => sum.map(|x| x.clamp(-6.0, 8.0) as f32).collect(),
            _ => sum.map(|x| x as f32).collect(),
        })
    }

    /// The noise that is added, of variance `power`. Salt and pepper is not added: it has none.
    pub(in crate::protocol) fn addition(
        &self,
        images: &[f32],
        [count, channels, height, width]: [usize; 4],
        power: f64,
        draws: &mut dyn Draws,
    ) -> Vec<f64> {
        let each = channels * height * width;
        let mut noise = vec![0.0; images.len()];
        if power == 0.0 || each == 0 {
            return noise;
        }
        match *self {
            NoiseKind::Uniform => {
                for (image, part) in noise.chunks_mut(each).enumerate() {
                    draws.uniform(image, part);
                }
                noise.iter_mut().for_each(|u| *u = (*u - 0.5) * (12.0 * power).sqrt());
                return noise;
            }
            NoiseKind::Gaussian | NoiseKind::Correlated { .. } => {
                for (image, part) in noise.chunks_mut(each).enumerate() {
                    draws.normal(image, part);
                }
                let NoiseKind::Correlated { size } = *self else {
                    noise.iter_mut().for_each(|z| *z *= power.sqrt());
                    return noise;
                };
                for map in noise.chunks_mut(height * width) {
                    map.copy_from_slice(&gaussian_smooth(map, height, width, size));
                }
            }
            NoiseKind::Poisson => {
                let low = images.iter().fold(f64::INFINITY, |a, &x| a.min(f64::from(x))).abs();
                let rate = |x: f64| ((x + low + 0.1).max(0.1) * power.sqrt().max(0.01) + 0.1).max(0.1);
                for (image, (part, x)) in noise.chunks_mut(each).zip(images.chunks(each)).enumerate() {
                    part.iter_mut().zip(x).for_each(|(n, &x)| *n = rate(x.into()));
                    draws.poisson(image, part);
                }
                for (n, &x) in noise.iter_mut().zip(images) {
                    let rate = rate(x.into());
                    *n = (*n - rate) / (rate + 1e-8).sqrt();
                }
            }
            NoiseKind::PhaseScrambled { exponent } => {
                for (map, n) in noise.chunks_mut(height * width).enumerate() {
                    phase::power_law(n, height, width, exponent, map / channels, draws);
                }
            }
            NoiseKind::ImageSpectrum => {
                let amplitude = phase::mean_amplitude(images, height, width);
                debug_assert_eq!(count * channels, images.len() / (height * width));
                for (map, n) in noise.chunks_mut(height * width).enumerate() {
                    phase::random_phase(n, height, width, &amplitude, map / channels, draws);
                }
            }
            NoiseKind::SaltPepper { .. } => return noise,
        }
        let made = variance(noise.iter().copied());
        let scale = if made > 0.0 { (power / made).sqrt() } else { 0.0 };
        noise.iter_mut().for_each(|n| *n *= scale);
        noise
    }
}

/// The variance that the noise must have.
pub(in crate::protocol) fn power(ssnr: Ssnr, images: &[f32]) -> f64 {
    let signal = variance(images.iter().map(|&x| f64::from(x)));
    if ssnr.snr() == 0.0 { signal } else { signal / ssnr.snr() }
}

fn salt_and_pepper(images: &[f32], count: usize, salt: f64, power: f64, draws: &mut dyn Draws) -> Vec<f32> {
    let low = images.iter().copied().fold(f32::INFINITY, f32::min);
    let high = images.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let distance =
        |to: f32| images.iter().map(|&x| (f64::from(to) - f64::from(x)).powi(2)).sum::<f64>() / images.len() as f64;
    let reach = salt * distance(high) + (1.0 - salt) * distance(low);
    let share = if reach > 0.0 { (power / reach).min(1.0) } else { 0.0 };
    let each = images.len() / count.max(1);
    let (mut hit, mut which) = (vec![0.0; images.len()], vec![0.0; images.len()]);
    for numbers in [&mut hit, &mut which] {
        for (image, part) in numbers.chunks_mut(each).enumerate() {
            draws.uniform(image, part);
        }
    }
    let pixel = |(&x, (u, w)): (&f32, (f64, f64))| match u < share {
        true if w < salt => high,
        true => low,
        false => x,
    };
    images.iter().zip(hit.into_iter().zip(which)).map(pixel).collect()
}

/// Returns a map smoothed by a normalised Gaussian kernel of `size` pixels, sigma `size / 6`, with zeros around the map.
pub(in crate::protocol) fn gaussian_smooth(map: &[f64], height: usize, width: usize, size: usize) -> Vec<f64> {
    let sigma = size as f64 / 6.0;
    let half = size / 2;
    let mut kernel: Vec<f64> =
        (0..=2 * half).map(|i| (-(i as f64 - half as f64).powi(2) / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f64 = kernel.iter().sum();
    kernel.iter_mut().for_each(|k| *k /= sum);
    let along = |map: &[f64], length: usize, stride: usize| -> Vec<f64> {
        let at = |p: usize| {
            let place = (p / stride) % length;
            let inside = |(i, k): (usize, &f64)| {
                let q = (place + i).checked_sub(half).filter(|&q| q < length)?;
                Some(k * map[p - place * stride + q * stride])
            };
            kernel.iter().enumerate().filter_map(inside).sum()
        };
        (0..map.len()).map(at).collect()
    };
    along(&along(map, width, 1), height, width)
}
