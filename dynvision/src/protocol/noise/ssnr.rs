//! The scaled signal-to-noise ratio.

use crate::protocol::ProtocolError;
use crate::protocol::error::within;
use serde::{Deserialize, Serialize};

/// The scaled signal-to-noise ratio, between 0 (noise alone) and 1 (no noise).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Ssnr(f64);

impl Ssnr {
    /// Returns the ratio.
    ///
    /// # Errors
    /// [`ProtocolError::Range`] outside [0, 1].
    pub fn new(ssnr: f64) -> Result<Self, ProtocolError> {
        within("ssnr", ssnr, 0.0, 1.0, "between 0 and 1")?;
        Ok(Ssnr(ssnr))
    }

    /// Returns the ratio of variances, `ssnr / (1 - ssnr)`; within 1e-10 of the ends 0 or infinite.
    pub fn snr(self) -> f64 {
        if self.0 < 1e-10 {
            0.0
        } else if 1.0 - self.0 < 1e-10 {
            f64::INFINITY
        } else {
            self.0 / (1.0 - self.0)
        }
    }

    /// Whether the noise is too weak to be added: a ratio of variances above 1000.
    pub fn adds_nothing(self) -> bool {
        self.snr() > 1000.0
    }
}

impl TryFrom<f64> for Ssnr {
    type Error = ProtocolError;

    fn try_from(ssnr: f64) -> Result<Self, ProtocolError> {
        Ssnr::new(ssnr)
    }
}

impl From<Ssnr> for f64 {
    fn from(ssnr: Ssnr) -> f64 {
        ssnr.0
    }
}
