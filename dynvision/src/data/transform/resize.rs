//! Resizing by a weighted sum of pixels, in two passes, as PIL does it: the filter is widened when an image shrinks, and the
//! first pass (along rows) is rounded to bytes before the second
//! ([Pillow, `Resample.c`](https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c)).

use super::{Pixel, Planes};
use crate::geometry::Map;

/// How the pixels about a place are weighed; the filters of PIL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The pixel at the place.
    Nearest,
    /// All within half a pixel alike.
    Box,
    /// A triangle of two pixels.
    #[default]
    Bilinear,
    /// A raised cosine of two pixels.
    Hamming,
    /// Keys' cubic of four pixels, a = -0.5.
    Bicubic,
    /// A windowed sinc of six pixels.
    Lanczos,
}

impl Filter {
    /// How far from a place pixels count, in pixels of the smaller image.
    fn support(self) -> f64 {
        match self {
            Filter::Nearest | Filter::Box => 0.5,
            Filter::Bilinear | Filter::Hamming => 1.0,
            Filter::Bicubic => 2.0,
            Filter::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
        let distance = x.abs();
        match self {
            Filter::Nearest | Filter::Box => f64::from(x > -0.5 && x <= 0.5),
            Filter::Bilinear => (1.0 - distance).max(0.0),
            Filter::Hamming if distance < 1.0 => {
                sinc(distance) * (0.54 + 0.46 * (std::f64::consts::PI * distance).cos())
            }
            Filter::Bicubic if distance < 1.0 => (1.5 * distance - 2.5) * distance * distance + 1.0,
            Filter::Bicubic if distance < 2.0 => ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0,
            Filter::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Filter::Hamming | Filter::Bicubic | Filter::Lanczos => 0.0,
        }
    }
}

/// The pixels that make one pixel, from `start`, with weights whose sum is 1.
struct Taps {
    start: usize,
    weights: Vec<f64>,
}

fn taps(from: usize, to: usize, filter: Filter) -> Vec<Taps> {
    let ratio = from as f64 / to as f64;
    if filter == Filter::Nearest {
        let at = |x: usize| Taps { start: (((x as f64 + 0.5) * ratio) as usize).min(from - 1), weights: vec![1.0] };
        return (0..to).map(at).collect();
    }
    let scale = ratio.max(1.0);
    let support = filter.support() * scale;
    let at = |x: usize| {
        let center = (x as f64 + 0.5) * ratio;
        let start = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(from);
        let weight = |pixel: usize| filter.weight((pixel as f64 - center + 0.5) / scale);
        let mut weights: Vec<f64> = (start..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        if sum != 0.0 {
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
        Taps { start, weights }
    };
    (0..to).map(at).collect()
}

/// The size whose shorter side is `size`, with the same proportions.
pub(super) fn short_side(h: usize, w: usize, size: usize) -> (usize, usize) {
    let long = |long: usize, short: usize| (size as u128 * long as u128 / short as u128) as usize;
    if w <= h { (long(h, w), size) } else { (size, long(w, h)) }
}

/// Resizes every plane.
pub(super) fn resize<P: Pixel>(planes: Planes<P>, h: usize, w: usize, filter: Filter) -> Planes<P> {
    let Planes { mut values, frames, shape } = planes;
    if w != shape.w {
        let taps = taps(shape.w, w, filter);
        let row = |row: &[P]| -> Vec<P> {
            let sum = |tap: &Taps| {
                tap.weights.iter().zip(&row[tap.start..]).map(|(weight, pixel)| weight * pixel.number()).sum()
            };
            taps.iter().map(|tap| P::nearest(sum(tap))).collect()
        };
        values = values.chunks_exact(shape.w).flat_map(row).collect();
    }
    if h != shape.h {
        let taps = taps(shape.h, h, filter);
        let mut result = Vec::with_capacity(values.len() / shape.h * h);
        let mut sums = vec![0.0; w];
        for plane in values.chunks_exact(shape.h * w) {
            for tap in &taps {
                sums.fill(0.0);
                for (weight, row) in tap.weights.iter().zip(plane[tap.start * w..].chunks_exact(w)) {
                    sums.iter_mut().zip(row).for_each(|(sum, pixel)| *sum += weight * pixel.number());
                }
                result.extend(sums.iter().map(|&sum| P::nearest(sum)));
            }
        }
        values = result;
    }
    Planes { values, frames, shape: Map::new(shape.c, h, w) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Filter; 6] =
        [Filter::Nearest, Filter::Box, Filter::Bilinear, Filter::Hamming, Filter::Bicubic, Filter::Lanczos];

    #[test]
    fn halving_by_boxes_takes_means() {
        let planes = Planes { values: vec![0u8, 10, 20, 31, 40, 50, 60, 71], frames: 1, shape: Map::new(1, 2, 4) };
        // rows first, each rounded: (5, 26), (45, 66); then their means, halves up
        assert_eq!(resize(planes, 1, 2, Filter::Box).values, [25, 46]);
    }

    #[test]
    fn the_short_side_decides() {
        assert_eq!(short_side(300, 410, 256), (256, 349));
        assert_eq!(short_side(410, 300, 256), (349, 256));
        assert_eq!(short_side(5, 5, 3), (3, 3));
    }

    proptest! {
        /// Weights add to 1, so what is the same everywhere stays so.
        #[test]
        fn an_even_image_stays_even(value in any::<u8>(), h in 1usize..20, w in 1usize..20, to_h in 1usize..20, to_w in 1usize..20) {
            for filter in ALL {
                let planes = Planes { values: vec![value; 2 * h * w], frames: 1, shape: Map::new(2, h, w) };
                let resized = resize(planes, to_h, to_w, filter);
                prop_assert_eq!(resized.shape, Map::new(2, to_h, to_w));
                prop_assert_eq!(resized.values, vec![value; 2 * to_h * to_w]);
            }
        }
    }
}
