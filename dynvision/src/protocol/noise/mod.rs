//! Noise on images, by its signal-to-noise ratio.

mod draws;
mod field;
mod phase;
mod ssnr;

pub use draws::{Draws, Generator};
pub(super) use field::gaussian_smooth;
pub use ssnr::Ssnr;

use super::error::within;
use super::{Duration, ProtocolError};
use serde::{Deserialize, Serialize};

/// Noise on an image. Its values are drawn from `(seed, image, step)`, whatever the batch or the thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// The kind.
    pub kind: NoiseKind,
    /// How strong: 1 is the image alone, 0 the noise alone.
    pub ssnr: Ssnr,
    /// How it goes on in time.
    #[serde(default)]
    pub temporal: Temporal,
    /// Whose variance is the signal.
    #[serde(default)]
    pub per: Power,
    /// Whether blanks carry the same noise.
    #[serde(default)]
    pub noise_void: bool,
}

/// A kind of noise; EXPERIMENTS' formulas stand at [`NoiseKind::apply`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum NoiseKind {
    /// `x + (u - 1/2) sqrt(12 P)`.
    Uniform,
    /// `x + z sqrt(P)`.
    Gaussian,
    /// Gaussian noise smoothed by a normalised kernel of `size` pixels (an even one is widened by one), sigma `size / 6`,
    /// scaled to variance P.
    Correlated {
        /// Size of the kernel.
        size: usize,
    },
    /// Pixels replaced by the largest (a share `salt` of them) or the smallest value.
    SaltPepper {
        /// Share of salt.
        salt: f64,
    },
    /// Poisson counts about the shifted image, standardised and scaled to variance P; clamped to [-6, 8].
    Poisson,
    /// Noise of random phase whose power falls as `f^exponent`, without an offset.
    PhaseScrambled {
        /// Usually -1.
        exponent: f64,
    },
    /// Noise of random phase with the mean amplitude spectrum of the images.
    ImageSpectrum,
}

/// How noise goes on in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Temporal {
    /// One draw for the whole event.
    Static,
    /// A draw for each step.
    #[default]
    Dynamic,
    /// First-order autoregression, `n_t = a n_(t-1) + sqrt(1 - a^2) w_t` with `a = exp(-dt / tau)`.
    Correlated {
        /// Its time constant, in ms.
        tau_ms: f64,
    },
}

/// Whose variance the power of the noise is taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// Each image's own, so that no result depends on the batch.
    #[default]
    Image,
    /// That of all images of a batch, as in the original.
    Batch,
}

impl Noise {
    /// Returns dynamic noise with power per image.
    pub fn new(kind: NoiseKind, ssnr: Ssnr) -> Self {
        Noise { kind, ssnr, temporal: Temporal::Dynamic, per: Power::Image, noise_void: false }
    }

    pub(super) fn check(&self) -> Result<(), ProtocolError> {
        self.kind.check()?;
        if let Temporal::Correlated { tau_ms } = self.temporal {
            Duration::Ms(tau_ms).check()?;
            within("tau_ms", tau_ms, f64::MIN_POSITIVE, f64::MAX, "positive")?;
            if matches!(self.kind, NoiseKind::SaltPepper { .. } | NoiseKind::Poisson) {
                return Err(ProtocolError::Conflict(format!(
                    "{:?} noise is not added, so it cannot be correlated in time; use static or dynamic",
                    self.kind
                )));
            }
        }
        Ok(())
    }
}

impl Noise {
    /// Returns the variance that the noise on these images must have.
    pub(super) fn power(&self, images: &[f32]) -> f64 {
        field::power(self.ssnr, images)
    }
}

/// The standard deviation of an image.
pub(super) fn deviation(image: &[f32]) -> f64 {
    field::variance(image.iter().map(|&x| f64::from(x))).sqrt()
}
