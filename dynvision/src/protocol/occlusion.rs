//! What hides a part of an image.

use super::ProtocolError;
use super::error::within;
use super::noise::{Draws, gaussian_smooth};
use serde::{Deserialize, Serialize};

/// What hides a share of the pixels, in all channels alike; they take the blank value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Occlusion {
    /// Vertical bars, one each `period` pixels, each `round(share * period)` wide.
    Bars {
        /// Share of each period that is hidden.
        share: f64,
        /// From bar to bar, in pixels.
        period: usize,
    },
    /// Blobs: where a Gaussian random field, smoothed by a kernel of `size` pixels, is highest.
    Blobs {
        /// Share of the pixels.
        share: f64,
        /// Size of the kernel.
        size: usize,
    },
    /// Single pixels at random.
    Deletion {
        /// Share of the pixels.
        share: f64,
    },
}

impl Occlusion {
    pub(super) fn check(&self) -> Result<(), ProtocolError> {
        let (share, size) = match *self {
            Occlusion::Bars { share, period } => (share, period),
            Occlusion::Blobs { share, size } => (share, size),
            Occlusion::Deletion { share } => (share, 1),
        };
        within("share", share, 0.0, 1.0, "between 0 and 1")?;
        within("size in pixels", size as f64, 1.0, 4096.0, "between 1 and 4096")
    }

    /// Returns which pixels are hidden.
    pub fn hidden(&self, height: usize, width: usize, draws: &mut dyn Draws) -> Vec<bool> {
        let pixels = height * width;
        match *self {
            Occlusion::Bars { share, period } => {
                let wide = (share * period as f64).round() as usize;
                (0..pixels).map(|p| (p % width) % period.max(1) < wide).collect()
            }
            Occlusion::Blobs { share, size } => {
                let mut field = vec![0.0; pixels];
                draws.normal(0, &mut field);
                highest(&gaussian_smooth(&field, height, width, size), share)
            }
            Occlusion::Deletion { share } => {
                let mut field = vec![0.0; pixels];
                draws.uniform(0, &mut field);
                highest(&field, share)
            }
        }
    }
}

/// The share of the places with the highest values, exactly `round(share * n)` of them.
fn highest(field: &[f64], share: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..field.len()).collect();
    order.sort_by(|&a, &b| field[b].total_cmp(&field[a]));
    let mut hidden = vec![false; field.len()];
    for &place in order.iter().take((share * field.len() as f64).round() as usize) {
        hidden[place] = true;
    }
    hidden
}
