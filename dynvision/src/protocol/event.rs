//! One event of a protocol.

use super::error::within;
use super::{Distractors, Duration, Noise, NoiseKind, Occlusion, ProtocolError};
use serde::{Deserialize, Serialize};

/// Something that is shown for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// What is shown.
    pub show: Shown,
    /// For how long.
    pub duration: Duration,
    /// Whether the label of the image that is shown counts.
    #[serde(default)]
    pub counts: bool,
}

/// What an event shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// A frame of the blank value.
    Blank,
    /// An image, changed or not.
    Image(Picture),
    /// A mask, which has no label.
    Mask(Mask),
}

/// An image and what is done to it, in this order: distractors beside it, scaled, occluded, moved, noise added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Picture {
    /// How far along the set, around its end, the image lies from the one presented: 0 is that one itself.
    pub ahead: usize,
    /// Factor of the normalised image, that is contrast about the mean of the data set.
    pub contrast: f64,
    /// Noise on it.
    pub noise: Option<Noise>,
    /// What hides a part of it.
    pub occlusion: Option<Occlusion>,
    /// Other images beside it.
    pub distractors: Option<Distractors>,
    /// How many pixels it moves each step, down and to the right; what leaves the frame is lost, blank follows.
    pub speed: [f64; 2],
}

impl Default for Picture {
    fn default() -> Self {
        Picture { ahead: 0, contrast: 1.0, noise: None, occlusion: None, distractors: None, speed: [0.0; 2] }
    }
}

/// A mask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mask {
    /// Noise alone, with the variance of the image that it masks. [`NoiseKind::ImageSpectrum`] is a phase-scrambled mask.
    Noise(NoiseKind),
    /// A checkerboard with fields of this many pixels, with mean 0 and the variance of the image.
    Checkerboard(usize),
    /// A mask of one's own, by its name in [`Masks`](super::Masks).
    Own(String),
}

impl Event {
    /// Returns a blank.
    pub fn blank(duration: Duration) -> Self {
        Event { show: Shown::Blank, duration, counts: false }
    }

    /// Returns an image whose label counts.
    pub fn image(picture: Picture, duration: Duration) -> Self {
        Event { show: Shown::Image(picture), duration, counts: true }
    }

    pub(super) fn check(&self) -> Result<(), ProtocolError> {
        self.duration.check()?;
        match &self.show {
            Shown::Image(picture) => {
                within("contrast", picture.contrast, 0.0, f64::MAX, "zero or positive")?;
                for speed in picture.speed {
                    within("speed", speed, -1e6, 1e6, "a number of pixels a step between -1e6 and 1e6")?;
                }
                if let Some(noise) = &picture.noise {
                    noise.check()?;
                }
                picture.distractors.as_ref().map_or(Ok(()), Distractors::check)?;
                picture.occlusion.as_ref().map_or(Ok(()), Occlusion::check)
            }
            Shown::Mask(mask) if self.counts => Err(ProtocolError::Conflict(format!(
                "the mask {mask:?} has no label that could count; set `counts = false`"
            ))),
            Shown::Blank if self.counts => {
                Err(ProtocolError::Conflict("a blank has no label that could count; set `counts = false`".into()))
            }
            Shown::Mask(Mask::Checkerboard(0)) => {
                Err(ProtocolError::Range { name: "checkerboard", value: 0.0, must: "at least one pixel" })
            }
            Shown::Mask(Mask::Noise(kind)) => kind.check(),
            _ => Ok(()),
        }
    }
}
