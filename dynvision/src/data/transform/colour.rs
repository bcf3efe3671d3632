//! Light and colours, with the rounding of PIL's `ImageEnhance` for bytes.

use super::{Pixel, Planes};
use crate::data::DataError;
use crate::geometry::Map;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

fn wrong<T>(what: &str, c: usize) -> Result<T, DataError> {
    Err(DataError::Setting { setting: "transform", expected: what.to_string(), found: format!("{c} channels") })
}

/// The grey of a pixel.
fn luma<P: Pixel>(r: P, g: P, b: P) -> P {
    // PIL's weights in 65536ths
    P::nearest((r.number() * 19595.0 + g.number() * 38470.0 + b.number() * 7471.0) / 65536.0)
}

/// The grey plane of one frame of one or three channels.
fn grey_plane<P: Pixel>(frame: &[P], shape: Map) -> Vec<P> {
    let plane = shape.h * shape.w;
    if shape.c == 1 {
        return frame.to_vec();
    }
    (0..plane).map(|i| luma(frame[i], frame[plane + i], frame[2 * plane + i])).collect()
}

pub(super) fn grey<P: Pixel>(planes: Planes<P>) -> Result<Planes<P>, DataError> {
    let Planes { values, frames, shape } = planes;
    if shape.c != 1 && shape.c != 3 {
        return wrong("one or three channels to make grey", shape.c);
    }
    let values = values.chunks_exact(shape.units()).flat_map(|frame| grey_plane(frame, shape)).collect();
    Ok(Planes { values, frames, shape: Map::new(1, shape.h, shape.w) })
}

pub(super) fn colour<P: Pixel>(planes: Planes<P>) -> Result<Planes<P>, DataError> {
    let Planes { values, frames, shape } = planes;
    match shape.c {
        3 => Ok(Planes { values, frames, shape }),
        1 => {
            let values = values.chunks_exact(shape.units()).flat_map(|frame| frame.repeat(3)).collect();
            Ok(Planes { values, frames, shape: Map::new(3, shape.h, shape.w) })
        }
        c => wrong("one grey channel or three colours", c),
    }
}

/// `other + factor * (pixel - other)`.
fn blend<P: Pixel>(pixel: P, other: f64, factor: f64) -> P {
    P::truncated(other + factor * (pixel.number() - other))
}

/// Brightness, contrast and saturation, each times a number within its greatest change of 1, in random order.
pub(super) fn jitter<P: Pixel>(
    mut planes: Planes<P>,
    changes: [f64; 3],
    rng: &mut ChaCha8Rng,
) -> Result<Planes<P>, DataError> {
    let shape = planes.shape;
    if shape.c != 1 && shape.c != 3 {
        return wrong("one or three channels for light and colours", shape.c);
    }
    let mut order = [0, 1, 2];
    order.shuffle(rng);
    let factors = changes.map(|change| rng.gen_range(1.0 - change..=1.0 + change));
    for frame in planes.values.chunks_exact_mut(shape.units()) {
        for step in order {
            let factor = factors[step];
            match step {
                0 => frame.iter_mut().for_each(|pixel| *pixel = blend(*pixel, 0.0, factor)),
                1 => {
                    let grey = grey_plane(frame, shape);
                    let mean = grey.iter().map(|pixel| pixel.number()).sum::<f64>() / grey.len() as f64;
                    let mean = P::nearest(mean).number();
                    frame.iter_mut().for_each(|pixel| *pixel = blend(*pixel, mean, factor));
                }
                _ => {
                    let grey = grey_plane(frame, shape);
                    for plane in frame.chunks_exact_mut(shape.h * shape.w) {
                        plane
                            .iter_mut()
                            .zip(&grey)
                            .for_each(|(pixel, grey)| *pixel = blend(*pixel, grey.number(), factor));
                    }
                }
            }
        }
    }
    Ok(planes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::data::{Purpose, Seed};

    #[test]
    fn grey_is_pils() {
        // PIL: Image.new("RGB", (1, 1), (200, 100, 50)).convert("L") is 124.
        let planes = || Planes { values: vec![200u8, 100, 50], frames: 1, shape: Map::new(3, 1, 1) };
        assert_eq!(grey(planes()).unwrap().values, [124]);
        assert_eq!(colour(grey(planes()).unwrap()).unwrap().values, [124; 3]);
        let two = Planes { values: vec![0u8; 2], frames: 1, shape: Map::new(2, 1, 1) };
        assert!(grey(two).is_err());
    }

    #[test]
    fn no_change_changes_nothing_and_a_change_stays_within_its_bounds() {
        let planes = |value: u8| Planes { values: vec![value; 12], frames: 1, shape: Map::new(3, 2, 2) };
        for index in 0..50 {
            let mut rng = Seed(0).rng(Purpose::Augmentation, index);
            assert_eq!(jitter(planes(77), [0.0; 3], &mut rng).unwrap().values, [77; 12]);
            let brighter = jitter(planes(100), [0.2, 0.2, 0.2], &mut rng).unwrap().values;
            assert!(brighter.iter().all(|&value| (78..=120).contains(&value) && value == brighter[0]), "{brighter:?}");
        }
    }
}
