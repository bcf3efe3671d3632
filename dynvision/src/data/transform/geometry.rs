//! Crops, flips and rotations; what lies outside of an image is black (0).

use super::{Pixel, Planes};
use crate::data::DataError;
use crate::geometry::Map;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The window of `h` x `w` pixels whose first is at row `top` and column `left`, which may lie outside.
pub(super) fn crop<P: Pixel>(planes: Planes<P>, top: isize, left: isize, h: usize, w: usize) -> Planes<P> {
    let Planes { values, frames, shape } = planes;
    let mut result = vec![P::default(); frames * shape.c * h * w];
    let inside = |at: usize, offset: isize, side: usize| at.checked_add_signed(offset).filter(|&at| at < side);
    for (from, to) in values.chunks_exact(shape.h * shape.w).zip(result.chunks_exact_mut(h * w)) {
        for (y, row) in to.chunks_exact_mut(w).enumerate() {
            let Some(source) = inside(y, top, shape.h) else { continue };
            let source = &from[source * shape.w..(source + 1) * shape.w];
            for (x, pixel) in row.iter_mut().enumerate() {
                if let Some(column) = inside(x, left, shape.w) {
                    *pixel = source[column];
                }
            }
        }
    }
    Planes { values: result, frames, shape: Map::new(shape.c, h, w) }
}

/// The middle. Borders that an image lacks are added first, the odd pixel on the right and below, as torchvision does.
pub(super) fn center_crop<P: Pixel>(planes: Planes<P>, h: usize, w: usize) -> Planes<P> {
    let offset = |side: usize, size: usize| match side.checked_sub(size) {
        Some(surplus) => (surplus as f64 / 2.0).round_ties_even() as isize,
        None => -(((size - side) / 2) as isize),
    };
    let (top, left) = (offset(planes.shape.h, h), offset(planes.shape.w, w));
    crop(planes, top, left, h, w)
}

pub(super) fn random_crop<P: Pixel>(
    planes: Planes<P>,
    h: usize,
    w: usize,
    padding: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Planes<P>, DataError> {
    let mut offset = |side: usize, size: usize| {
        let room = side.saturating_add(padding.saturating_mul(2)).checked_sub(size)?;
        Some(rng.gen_range(0..=room) as isize - padding as isize)
    };
    let (top, left) = (offset(planes.shape.h, h), offset(planes.shape.w, w));
    match (top, left) {
        (Some(top), Some(left)) => Ok(crop(planes, top, left, h, w)),
        _ => Err(DataError::Setting {
            setting: "random crop",
            expected: format!("a window within {}x{} pixels and a border of {padding}", planes.shape.h, planes.shape.w),
            found: format!("{h}x{w}: resize first, or crop less"),
        }),
    }
}

/// A window of a random share of the area and random proportions: `(top, left, height, width)`; after ten windows that do not
/// fit, the greatest one in the middle of the nearest allowed proportions.
pub(super) fn random_window(
    h: usize,
    w: usize,
    scale: (f64, f64),
    ratio: (f64, f64),
    rng: &mut ChaCha8Rng,
) -> (isize, isize, usize, usize) {
    let area = h as f64 * w as f64;
    for _ in 0..10 {
        let target = area * rng.gen_range(scale.0..=scale.1);
        let aspect = rng.gen_range(ratio.0.ln()..=ratio.1.ln()).exp();
        let width = (target * aspect).sqrt().round_ties_even() as usize;
        let height = (target / aspect).sqrt().round_ties_even() as usize;
        if (1..=w).contains(&width) && (1..=h).contains(&height) {
            let (top, left) = (rng.gen_range(0..=h - height), rng.gen_range(0..=w - width));
            return (top as isize, left as isize, height, width);
        }
    }
    let whole = w as f64 / h as f64;
    let (height, width) = if whole < ratio.0 {
        (((w as f64 / ratio.0).round_ties_even() as usize).clamp(1, h), w)
    } else if whole > ratio.1 {
        (h, ((h as f64 * ratio.1).round_ties_even() as usize).clamp(1, w))
    } else {
        (h, w)
    };
    (((h - height) / 2) as isize, ((w - width) / 2) as isize, height, width)
}

pub(super) fn flip<P: Pixel>(mut planes: Planes<P>) -> Planes<P> {
    planes.values.chunks_exact_mut(planes.shape.w).for_each(<[P]>::reverse);
    planes
}

/// Turns counter-clockwise about the centre, to the nearest pixel.
pub(super) fn rotate<P: Pixel>(planes: Planes<P>, degrees: f64) -> Planes<P> {
    let Planes { values, frames, shape } = planes;
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (cy, cx) = (shape.h as f64 / 2.0, shape.w as f64 / 2.0);
    let mut result = vec![P::default(); values.len()];
    let inside = |at: f64, side: usize| (at >= 0.0 && at < side as f64).then_some(at as usize);
    for y in 0..shape.h {
        for x in 0..shape.w {
            let (dy, dx) = (y as f64 + 0.5 - cy, x as f64 + 0.5 - cx);
            let (row, column) = (inside(cy + sin * dx + cos * dy, shape.h), inside(cx + cos * dx - sin * dy, shape.w));
            let (Some(row), Some(column)) = (row, column) else { continue };
            let plane = shape.h * shape.w;
            for start in (0..values.len()).step_by(plane) {
                result[start + y * shape.w + x] = values[start + row * shape.w + column];
            }
        }
    }
    Planes { values: result, frames, shape }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::data::{Purpose, Seed};

    fn square() -> Planes<u8> {
        Planes { values: vec![1, 2, 3, 4, 5, 6, 7, 8, 9], frames: 1, shape: Map::new(1, 3, 3) }
    }

    #[test]
    fn right_angles_are_exact() {
        assert_eq!(rotate(square(), 90.0).values, [3, 6, 9, 2, 5, 8, 1, 4, 7]);
        assert_eq!(rotate(square(), 180.0).values, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(rotate(square(), 0.0).values, square().values);
    }

    #[test]
    fn crops_take_and_border() {
        assert_eq!(center_crop(square(), 1, 1).values, [5]);
        assert_eq!(center_crop(square(), 2, 2).values, [1, 2, 4, 5]);
        assert_eq!(center_crop(square(), 1, 5).values, [0, 4, 5, 6, 0]);
        assert_eq!(crop(square(), 1, -1, 3, 2).values, [0, 4, 0, 7, 0, 0]);
        assert_eq!(flip(square()).values, [3, 2, 1, 6, 5, 4, 9, 8, 7]);
    }

    #[test]
    fn random_windows_lie_within() {
        for index in 0..300 {
            let mut rng = Seed(0).rng(Purpose::Augmentation, index);
            let (top, left, h, w) = random_window(7, 30, (0.08, 1.0), (0.75, 4.0 / 3.0), &mut rng);
            assert!(h >= 1 && w >= 1 && top >= 0 && left >= 0);
            assert!(top as usize + h <= 7 && left as usize + w <= 30);
            let cropped = random_crop(square(), 4, 5, 1, &mut rng).unwrap();
            assert!(cropped.values.windows(3).any(|row| row.starts_with(&[4, 5])), "{:?}", cropped.values);
        }
        let mut rng = Seed(0).rng(Purpose::Augmentation, 0);
        assert!(random_crop(square(), 4, 4, 0, &mut rng).is_err());
    }
}
