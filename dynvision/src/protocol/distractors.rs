//! Images beside the one that counts: crowding and clutter.

use super::ProtocolError;
use super::error::within;
use super::noise::{Draws, Generator};
use super::source::{self, ImageSource};
use serde::{Deserialize, Serialize};

/// Other images of the set beside the target, all shrunk to a share of the frame. The target is drawn last, on top.
///
/// Flankers at a varied spacing measure crowding ([Bouma 1970](https://doi.org/10.1038/226177a0)); scattered distractors are
/// clutter. The image presented is the target, and the distractors are those that follow it in the set, which have labels of
/// their own: in a set that is sorted by class they are of the target's class, so shuffle it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distractors {
    /// How many.
    pub count: usize,
    /// Height and width of each image, the target included, as a share of the frame's.
    pub size: f64,
    /// Where they are.
    pub place: Placed,
    /// What lies around the images, in normalised units; the blank value unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub around: Option<f64>,
}

/// Where distractors are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Placed {
    /// On a circle around the target, the first to its right, at equal angles.
    Flankers {
        /// From centre to centre, in sizes of the target.
        spacing: f64,
    },
    /// Anywhere in the frame, by the seed and the image.
    Scattered,
}

impl Distractors {
    pub(super) fn check(&self) -> Result<(), ProtocolError> {
        within("count", self.count as f64, 0.0, 1000.0, "at most 1000 distractors")?;
        within("size", self.size, 1e-3, 1.0, "a share of the frame between 0.001 and 1")?;
        within("around", self.around.unwrap_or(0.0), -1e6, 1e6, "a value between -1e6 and 1e6")?;
        match self.place {
            Placed::Flankers { spacing } => within("spacing", spacing, 0.0, 1e3, "between 0 and 1000 sizes"),
            Placed::Scattered => Ok(()),
        }
    }

    /// Returns the targets with their distractors.
    pub(super) fn beside(
        &self,
        targets: &[f32],
        set: &dyn ImageSource,
        images: &[usize],
        ahead: usize,
        blank: f32,
        seed: u64,
    ) -> Result<Vec<f32>, ProtocolError> {
        let [c, h, w] = set.shape();
        let around = self.around.map_or(blank, |x| x as f32);
        let [high, wide] = [h, w].map(|n| ((n as f64 * self.size).round() as usize).clamp(1, n));
        let mut frame = vec![around; targets.len()];
        for ((frame, target), &index) in frame.chunks_mut(c * h * w).zip(targets.chunks(c * h * w)).zip(images) {
            // another key than that of noise and occlusion
            let mut draws = Generator::new(seed ^ 0x5eed_d157_4ac7_0125, &[index], 0);
            let mut places = vec![0.0; 2 * self.count];
            draws.uniform(0, &mut places);
            for (k, place) in places.chunks_exact(2).enumerate() {
                let centre = match self.place {
                    Placed::Scattered => [place[0] * h as f64, place[1] * w as f64],
                    Placed::Flankers { spacing } => {
                        let angle = std::f64::consts::TAU * k as f64 / self.count as f64;
                        let (down, right) = angle.sin_cos();
                        [h as f64 / 2.0 + down * spacing * high as f64, w as f64 / 2.0 + right * spacing * wide as f64]
                    }
                };
                let other = source::image(set, index, ahead + 1 + k)?;
                paste(frame, [c, h, w], &shrunk(&other, [c, h, w], [high, wide]), [high, wide], centre);
            }
            let centre = [h as f64 / 2.0, w as f64 / 2.0];
            paste(frame, [c, h, w], &shrunk(target, [c, h, w], [high, wide]), [high, wide], centre);
        }
        Ok(frame)
    }
}

/// Draws a patch with its centre there; what leaves the frame is lost.
fn paste(frame: &mut [f32], [c, h, w]: [usize; 3], patch: &[f32], [high, wide]: [usize; 2], centre: [f64; 2]) {
    let top = (centre[0] - high as f64 / 2.0).round() as i64;
    let left = (centre[1] - wide as f64 / 2.0).round() as i64;
    for (p, &value) in patch.iter().enumerate() {
        let (map, row, column) = (p / (high * wide), p / wide % high, p % wide);
        let place = |from: i64, by: usize, size: usize| usize::try_from(from + by as i64).ok().filter(|&x| x < size);
        if let (Some(row), Some(column), true) = (place(top, row, h), place(left, column, w), map < c) {
            frame[(map * h + row) * w + column] = value;
        }
    }
}

/// The image at a smaller size: each pixel is the mean of what it covers.
fn shrunk(image: &[f32], [_, h, w]: [usize; 3], [high, wide]: [usize; 2]) -> Vec<f32> {
    let rows: Vec<Vec<(usize, f64)>> = (0..high).map(|i| covered(i, h, high)).collect();
    let columns: Vec<Vec<(usize, f64)>> = (0..wide).map(|i| covered(i, w, wide)).collect();
    let mut out = Vec::with_capacity(image.len() / (h * w) * high * wide);
    for map in image.chunks(h * w) {
        for row in &rows {
            for column in &columns {
                let of_row = |&(i, share): &(usize, f64)| -> f64 {
                    share * column.iter().map(|&(j, share)| share * f64::from(map[i * w + j])).sum::<f64>()
                };
                out.push(row.iter().map(of_row).sum::<f64>() as f32);
            }
        }
    }
    out
}

/// Which of `from` pixels the `i`th of `to` covers, with the share of each; the shares sum to 1.
fn covered(i: usize, from: usize, to: usize) -> Vec<(usize, f64)> {
    let ratio = from as f64 / to as f64;
    let (start, end) = (i as f64 * ratio, (i + 1) as f64 * ratio);
    let share = |j: usize| ((end.min((j + 1) as f64) - start.max(j as f64)) / ratio, j);
    let last = (end.ceil() as usize).min(from);
    (start.floor() as usize..last).map(share).filter(|&(share, _)| share > 1e-12).map(|(share, j)| (j, share)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Duration::Steps, Protocol, Set};

    #[test]
    fn a_smaller_image_keeps_its_mean_and_its_order() {
        let image: Vec<f32> = (0..7 * 5).map(|i| i as f32).collect();
        let small = shrunk(&image, [1, 7, 5], [3, 2]);
        let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len() as f32;
        assert!((mean(&small) - mean(&image)).abs() < 1e-4, "{small:?}");
        assert!(small.windows(2).all(|pair| pair[0] < pair[1]), "{small:?}");
        assert_eq!(shrunk(&image, [1, 7, 5], [7, 5]), image);
        // by hand: of a row of 5 the first of 2 covers 1, 1 and a half
        assert_eq!(covered(0, 5, 2), [(0, 0.4), (1, 0.4), (2, 0.2)]);
    }

    #[test]
    fn the_target_is_in_the_middle_and_flankers_beside_it() -> Result<(), ProtocolError> {
        // image k is k + 1 everywhere
        let images: Vec<f32> = (0..4).flat_map(|k| [k as f32 + 1.0; 64]).collect();
        let set = Set::new(&images, [1, 8, 8])?;
        let shown = |count, spacing| {
            let place = Placed::Flankers { spacing };
            let beside = Distractors { count, size: 0.25, place, around: Some(9.0) };
            let protocol = Protocol::crowding(Steps(1), Steps(0), Steps(1), beside)?;
            let timeline = protocol.timeline(2.0)?;
            assert_eq!(protocol.text(&timeline), "&\n^");
            Ok::<_, ProtocolError>(protocol.frames(&timeline, set, &[1], 0.0, 3)?.frames.remove(0))
        };
        let frame = shown(2, 1.0)?;
        assert_eq!(frame[3 * 8..4 * 8], [9., 4., 4., 2., 2., 3., 3., 9.], "the next to the right, then to the left");
        assert!(frame[..2 * 8].iter().chain(&frame[6 * 8..]).all(|&x| x == 9.0));
        let far = shown(2, 100.0)?;
        assert_eq!(far.iter().filter(|&&x| x != 9.0).count(), 4, "flankers beyond the frame are lost");
        assert_eq!(shown(0, 1.0)?, far);
        Ok(())
    }

    #[test]
    fn clutter_follows_from_the_seed_and_the_image() -> Result<(), ProtocolError> {
        let images: Vec<f32> = (0..4 * 64).map(|i| i as f32).collect();
        let set = Set::new(&images, [1, 8, 8])?;
        let beside = Distractors { count: 3, size: 0.5, place: Placed::Scattered, around: None };
        let protocol = Protocol::crowding(Steps(1), Steps(0), Steps(1), beside)?;
        let timeline = protocol.timeline(2.0)?;
        let frames = |images: &[usize], seed| protocol.frames(&timeline, set, images, 0.0, seed).map(|f| f.frames);
        let both = frames(&[0, 2], 1)?;
        assert_eq!(both[0][64..], frames(&[2], 1)?[0]);
        assert_ne!(both, frames(&[0, 2], 2)?);
        Ok(())
    }
}
