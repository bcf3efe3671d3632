//! What is done to a sample before a model sees it: sizes, crops, flips, rotations, light and colours.
//!
//! Bytes are treated as PIL and torchvision treat them, rounding included; floats by the same formulas without rounding.
//! Every frame of a film is treated alike. Chance is drawn from a stream of (seed, epoch, index of the sample), so that a
//! sample is the same in any number of threads, in any batch size, and after a resume.

mod colour;
mod geometry;
mod list;
mod pixel;
mod resize;

pub use list::Transforms;
pub use resize::Filter;

use super::{DataError, Purpose, Sample, Seed, Values};
use crate::geometry::Map;
use pixel::Pixel;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// One transform of a sample.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Transform {
    /// Resizes so that the shorter side has `size` pixels and the longer `size * long / short`, rounded down, as torchvision's
    /// `Resize(size)`.
    ResizeShort {
        /// The shorter side afterwards, in pixels.
        size: usize,
        /// How pixels are weighed.
        #[serde(default)]
        filter: Filter,
    },
    /// Resizes to a given size, whatever the proportions.
    Resize {
        /// Rows afterwards.
        height: usize,
        /// Columns afterwards.
        width: usize,
        /// How pixels are weighed.
        #[serde(default)]
        filter: Filter,
    },
    /// Cuts out the middle; what lies outside of the image is black. The offset is half of the difference, halves to even, as
    /// torchvision's `CenterCrop`.
    CenterCrop {
        /// Rows afterwards.
        height: usize,
        /// Columns afterwards.
        width: usize,
    },
    /// Cuts out a window at random, after a black border of `padding` pixels has been added on each side.
    RandomCrop {
        /// Rows afterwards.
        height: usize,
        /// Columns afterwards.
        width: usize,
        /// Border in pixels.
        #[serde(default)]
        padding: usize,
    },
    /// Cuts out a window of a random share of the area and of random proportions, and resizes it, as torchvision's
    /// `RandomResizedCrop` ([Szegedy et al. 2015](https://arxiv.org/abs/1409.4842)).
    RandomResizedCrop {
        /// Rows afterwards.
        height: usize,
        /// Columns afterwards.
        width: usize,
        /// Least and greatest share of the area; torchvision's is 0.08 to 1.
        scale: (f64, f64),
        /// Least and greatest width over height; torchvision's is 3/4 to 4/3.
        ratio: (f64, f64),
        /// How pixels are weighed.
        #[serde(default)]
        filter: Filter,
    },
    /// Exchanges left and right with this probability.
    RandomHorizontalFlip {
        /// From 0 to 1.
        probability: f64,
    },
    /// Turns about the centre by an angle between `-degrees` and `degrees`, to the nearest pixel; outside is black.
    RandomRotation {
        /// Greatest angle.
        degrees: f64,
    },
    /// Moves by a whole number of pixels, at most these shares of width and height; outside is black.
    RandomTranslation {
        /// Greatest share of the width.
        horizontal: f64,
        /// Greatest share of the height.
        vertical: f64,
    },
    /// Multiplies brightness, contrast and saturation by numbers between `1 - x` and `1 + x`, in random order.
    ColorJitter {
        /// Greatest change of brightness.
        brightness: f64,
        /// Greatest change of contrast.
        contrast: f64,
        /// Greatest change of saturation.
        saturation: f64,
    },
    /// One grey channel of three colours: `0.299 R + 0.587 G + 0.114 B` ([ITU-R BT.601](https://www.itu.int/rec/R-REC-BT.601)).
    Grey,
    /// Three equal channels of one grey one.
    Colour,
}

/// A sample of a billion values is a mistake in a setting, or the long side of a picture that is a line.
const GREATEST_SAMPLE: usize = 1 << 30;

/// Where the chance of one sample comes from.
#[derive(Clone, Copy, Debug)]
pub struct Draw(Option<(Seed, u64)>);

impl Draw {
    /// The stream of a sample in an epoch. Streams are distinct for epochs below 2^24 and indices below 2^32.
    pub fn new(seed: Seed, epoch: u64, index: usize) -> Self {
        Draw(Some((seed, ((epoch & 0xff_ffff) << 32) | (index as u64 & 0xffff_ffff))))
    }

    /// No chance: random transforms are refused.
    pub fn none() -> Self {
        Draw(None)
    }

    fn rng(self) -> Option<ChaCha8Rng> {
        self.0.map(|(seed, stream)| seed.rng(Purpose::Augmentation, stream))
    }
}

/// The values of one plane after another, with their size.
pub(crate) struct Planes<P> {
    values: Vec<P>,
    frames: usize,
    shape: Map,
}

impl Transform {
    /// Whether the transform draws from chance.
    pub fn is_random(&self) -> bool {
        !matches!(
            self,
            Transform::ResizeShort { .. }
                | Transform::Resize { .. }
                | Transform::CenterCrop { .. }
                | Transform::Grey
                | Transform::Colour
        )
    }

    /// Holds every number within its range.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let wrong = |setting, expected: &str| {
            Err(DataError::Setting { setting, expected: expected.to_string(), found: format!("{self:?}") })
        };
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let range = |(low, high): (f64, f64)| low > 0.0 && low <= high && high.is_finite();
        match *self {
            Transform::ResizeShort { size: 0, .. }
            | Transform::Resize { height: 0, .. }
            | Transform::Resize { width: 0, .. }
            | Transform::CenterCrop { height: 0, .. }
            | Transform::CenterCrop { width: 0, .. }
            | Transform::RandomCrop { height: 0, .. }
            | Transform::RandomCrop { width: 0, .. }
            | Transform::RandomResizedCrop { height: 0, .. }
            | Transform::RandomResizedCrop { width: 0, .. } => wrong("transform", "sizes of at least 1 pixel"),
            Transform::RandomCrop { padding, .. } if padding > GREATEST_SAMPLE => {
                wrong("transform", "a border that is not larger than any picture")
            }
            Transform::RandomHorizontalFlip { probability } if !share(probability) => {
                wrong("transform", "a probability between 0 and 1")
            }
            Transform::RandomRotation { degrees } if !(0.0..=180.0).contains(&degrees) => {
                wrong("transform", "degrees between 0 and 180")
            }
            Transform::RandomTranslation { horizontal, vertical } if !share(horizontal) || !share(vertical) => {
                wrong("transform", "shares between 0 and 1")
            }
            Transform::ColorJitter { brightness, contrast, saturation }
                if ![brightness, contrast, saturation].into_iter().all(share) =>
            {
                wrong("transform", "changes between 0 and 1")
            }
            Transform::RandomResizedCrop { scale, ratio, .. } if !range(scale) || !range(ratio) || scale.1 > 1.0 => {
                wrong("transform", "ranges of positive numbers, the scale at most 1")
            }
            _ => Ok(()),
        }
    }

    /// Rows and columns of the result.
    fn size(&self, shape: Map) -> (usize, usize) {
        match *self {
            Transform::ResizeShort { size, .. } => resize::short_side(shape.h, shape.w, size),
            Transform::Resize { height, width, .. }
            | Transform::CenterCrop { height, width }
            | Transform::RandomCrop { height, width, .. }
            | Transform::RandomResizedCrop { height, width, .. } => (height, width),
            _ => (shape.h, shape.w),
        }
    }

    fn apply<P: Pixel>(&self, planes: Planes<P>, rng: Option<&mut ChaCha8Rng>) -> Result<Planes<P>, DataError> {
        let shape = planes.shape;
        let (h, w) = self.size(shape);
        // columns are resized before rows
        let values = h.max(shape.h).checked_mul(w).and_then(|n| n.checked_mul(shape.c)?.checked_mul(planes.frames));
        if values.is_none_or(|values| values > GREATEST_SAMPLE) {
            return Err(DataError::Setting {
                setting: "transform",
                expected: format!("one that gives at most {GREATEST_SAMPLE} values a sample"),
                found: format!("{self:?}, which gives {h}x{w} pixels"),
            });
        }
        match (self, rng) {
            (&Transform::ResizeShort { filter, .. }, _) => Ok(resize::resize(planes, h, w, filter)),
            (&Transform::Resize { height, width, filter }, _) => Ok(resize::resize(planes, height, width, filter)),
            (&Transform::CenterCrop { height, width }, _) => Ok(geometry::center_crop(planes, height, width)),
            (Transform::Grey, _) => colour::grey(planes),
            (Transform::Colour, _) => colour::colour(planes),
            (_, None) => Err(DataError::Setting {
                setting: "transform",
                expected: "one without chance, since there is no seed here".to_string(),
                found: format!("{self:?}"),
            }),
            (&Transform::RandomCrop { height, width, padding }, Some(rng)) => {
                geometry::random_crop(planes, height, width, padding, rng)
            }
            (&Transform::RandomResizedCrop { height, width, scale, ratio, filter }, Some(rng)) => {
                let (top, left, h, w) = geometry::random_window(shape.h, shape.w, scale, ratio, rng);
                Ok(resize::resize(geometry::crop(planes, top, left, h, w), height, width, filter))
            }
            (&Transform::RandomHorizontalFlip { probability }, Some(rng)) => {
                Ok(if rng.gen_range(0.0..1.0) < probability { geometry::flip(planes) } else { planes })
            }
            (&Transform::RandomRotation { degrees }, Some(rng)) => {
                Ok(geometry::rotate(planes, rng.gen_range(-degrees..=degrees)))
            }
            (&Transform::RandomTranslation { horizontal, vertical }, Some(rng)) => {
                let mut pixels = |share: f64, side: usize| {
                    let most = share * side as f64;
                    rng.gen_range(-most..=most).round_ties_even() as isize
                };
                let (right, down) = (pixels(horizontal, shape.w), pixels(vertical, shape.h));
                Ok(geometry::crop(planes, -down, -right, shape.h, shape.w))
            }
            (&Transform::ColorJitter { brightness, contrast, saturation }, Some(rng)) => {
                colour::jitter(planes, [brightness, contrast, saturation], rng)
            }
        }
    }
}

/// Applies transforms to a sample.
fn apply_all(list: &[Transform], sample: Sample, draw: Draw) -> Result<Sample, DataError> {
    let (frames, shape) = (sample.frames(), sample.shape());
    let mut rng = draw.rng();
    match sample.into_values() {
        Values::Bytes(values) => run(list, Planes { values, frames, shape }, rng.as_mut(), Values::Bytes),
        Values::Floats(values) => run(list, Planes { values, frames, shape }, rng.as_mut(), Values::Floats),
    }
}

fn run<P: Pixel>(
    list: &[Transform],
    mut planes: Planes<P>,
    mut rng: Option<&mut ChaCha8Rng>,
    values: fn(Vec<P>) -> Values,
) -> Result<Sample, DataError> {
    for transform in list {
        planes = transform.apply(planes, rng.as_deref_mut())?;
    }
    Sample::new("transformed sample", values(planes.values), planes.frames, planes.shape)
}
