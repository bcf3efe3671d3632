//! The cortical plane: the units of a map laid out so that neighbours in place or in feature are neighbours.

use super::Units;
use crate::error::{Error, Result};

/// Every place of a map becomes a square tile that holds its `F x F` features in row-major order; tiles of odd columns are
/// mirrored left to right, tiles of odd rows top to bottom, so that one feature lies at the same edge of adjacent tiles.
/// The plane has `H F` rows and `W F` columns.
///
/// Channels that are no square number are extended to the next one by mirroring the last channels (`.., n-2, n-1, n-1,
/// n-2, ..`); the way back leaves them out.
///
/// ```
/// use dynvision::geometry::Plane;
/// let plane = Plane::new([4, 1, 2]).unwrap(); // two places of four features
/// assert_eq!(plane.size(), [2, 4]);
/// assert_eq!(plane.lay_out().index()[..], [0, 2, 3, 1, 4, 6, 7, 5]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    size: [usize; 2],
    lay_out: Units,
    take_up: Units,
}

impl Plane {
    /// The plane of a map of `[channels, rows, columns]`.
    ///
    /// # Errors
    /// [`Error::Setting`] where the map has more units than can be numbered.
    pub fn new(map: [usize; 3]) -> Result<Self> {
        let [c, h, w] = map;
        let f = Plane::side(c);
        let size = h.checked_mul(f).zip(w.checked_mul(f)).map(|(rows, columns)| [rows, columns]);
        let is_numbered = |[rows, columns]: &[usize; 2]| {
            let units = rows.checked_mul(*columns).and_then(|units| u32::try_from(units).ok());
            units.and(c.checked_mul(h)).is_some()
        };
        let Some(size) = size.filter(is_numbered) else {
            return Err(Error::Setting(format!("a map of {c}x{h}x{w} is too large to be laid out on a plane")));
        };
        let tile = |feature: usize, mirrored: bool| if mirrored { f - 1 - feature } else { feature };
        let lay_out: Vec<u32> = (0..size[0] * size[1])
            .map(|at| {
                let (row, column) = (at / size[1], at % size[1]);
                let (y, x) = (row / f, column / f);
                let z = tile(row % f, y % 2 == 1) * f + tile(column % f, x % 2 == 1);
                let channel = if z < c { z } else { 2 * c - 1 - z };
                ((channel * h + y) * w + x) as u32
            })
            .collect();
        let take_up: Vec<u32> = (0..c * h * w)
            .map(|at| {
                let (z, y, x) = (at / (h * w), at / w % h, at % w);
                let (row, column) = (tile(z / f, y % 2 == 1), tile(z % f, x % 2 == 1));
                ((y * f + row) * size[1] + x * f + column) as u32
            })
            .collect();
        Ok(Plane { size, lay_out: Units::new(lay_out, c * h * w)?, take_up: Units::new(take_up, size[0] * size[1])? })
    }

    /// Features along one side of a tile: the root of the next square number.
    pub const fn side(channels: usize) -> usize {
        let root = channels.isqrt();
        if root * root < channels { root + 1 } else { root }
    }

    /// Rows and columns.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// From the map to the plane.
    pub fn lay_out(&self) -> &Units {
        &self.lay_out
    }

    /// From the plane back to the map.
    pub fn take_up(&self) -> &Units {
        &self.take_up
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failing test may panic
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn maps_that_cannot_be_numbered_are_refused() {
        let most = usize::MAX;
        for map in [[1, 1 << 33, 1 << 33], [1, 1 << 32, 1], [most, 1, 1], [most, 2, 0], [3, most, 1], [2, 1 << 31, 1]] {
            let error = Plane::new(map).map(|plane| plane.size()).unwrap_err().to_string();
            assert!(error.contains("too large"), "{error}");
        }
        assert_eq!((Plane::side(0), Plane::side(4), Plane::side(5), Plane::side(most)), (0, 2, 3, 1 << 32));
    }

    proptest! {
        #[test]
        fn taking_up_undoes_laying_out(c in 1usize..40, h in 1usize..5, w in 1usize..5) {
            let plane = Plane::new([c, h, w]).unwrap();
            let there: Vec<u32> =
                plane.take_up().index().iter().map(|&at| plane.lay_out().index()[at as usize]).collect();
            prop_assert_eq!(there, (0..(c * h * w) as u32).collect::<Vec<_>>());
        }

        #[test]
        fn adjacent_tiles_meet_in_the_same_feature(c in 1usize..40, h in 1usize..4, w in 2usize..5) {
            let plane = Plane::new([c, h, w]).unwrap();
            let f = Plane::side(c);
            for row in 0..h * f {
                for edge in 1..w {
                    let at = |column: usize| plane.lay_out().index()[row * w * f + column] as usize;
                    let (left, right) = (at(edge * f - 1), at(edge * f));
                    prop_assert_eq!(left / (h * w), right / (h * w));
                    prop_assert_eq!(left + 1, right);
                }
            }
        }
    }

    #[test]
    fn channels_that_are_no_square_are_mirrored() {
        let plane = Plane::new([6, 1, 1]).unwrap();
        assert_eq!(plane.lay_out().index()[..], [0, 1, 2, 3, 4, 5, 5, 4, 3]);
        assert_eq!(plane.take_up().index()[..], [0, 1, 2, 3, 4, 5]);
    }
}
