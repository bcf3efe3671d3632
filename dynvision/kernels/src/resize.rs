//! Nearest-neighbour resizing as PyTorch's `nearest` has it: see [`source`].

use super::{Scalar, parallel};
use crate::error::{Result, of_sizes, require};

/// Resizes every plane of `x` (`xd` = batch, channels, rows, columns) to the rows and columns of `yd`; adds it to
/// `y` if `accumulate`.
pub(crate) fn nearest_forward<E: Scalar>(x: &[E], xd: [usize; 4], y: &mut [E], yd: [usize; 4], accumulate: bool) {
    if xd == yd {
        if accumulate {
            return super::elementwise::add_assign(x, y);
        }
        return parallel::chunks(y, |at, y| y.copy_from_slice(&x[at..at + y.len()]));
    }
    let taken = Taken::new(xd, yd);
    parallel::planes(y, taken.result_len(), |first, planes| {
        let x = x[first * taken.plane_len()..].chunks_exact(taken.plane_len());
        for (y, x) in planes.chunks_exact_mut(taken.result_len()).zip(x) {
            if accumulate {
                taken.enlarge(x, y, |y, x| *y += x);
            } else {
                taken.enlarge(x, y, |y, x| *y = x);
            }
        }
    });
}

/// Adds every value of `gy` to the place in `gx` from which [`nearest_forward`] took it.
pub(crate) fn nearest_backward<E: Scalar>(gy: &[E], yd: [usize; 4], gx: &mut [E], xd: [usize; 4]) {
    if xd == yd {
        return super::elementwise::add_assign(gy, gx);
    }
    let taken = Taken::new(xd, yd);
    if taken.result_len() == 0 {
        return;
    }
    parallel::planes(gx, taken.plane_len(), |first, planes| {
        let gy = gy[first * taken.result_len()..].chunks_exact(taken.result_len());
        planes.chunks_exact_mut(taken.plane_len()).zip(gy).for_each(|(gx, gy)| taken.gather(gy, gx));
    });
}

/// Which of `from` rows or columns is taken for `at` of `to`: `min(floor(at * (from / to)), from - 1)`, where ratio and product
/// are rounded to `f32` (PyTorch's `nearest_neighbor_compute_source_index`). 0 where there is none to take.
///
/// ```
/// use dynvision_kernels::resize::source;
/// assert_eq!([0, 1, 2, 3].map(|at| source(at, 2, 4)), [0, 0, 1, 1]);
/// assert_eq!(source(11, 26, 22), 12); // exactly it would be 13
/// ```
pub fn source(at: usize, from: usize, to: usize) -> usize {
    let ratio = from as f32 / to as f32;
    ((at as f32 * ratio).floor() as usize).min(from.saturating_sub(1))
}

/// Checks all sizes.
pub(crate) fn checked(x: usize, xd: [usize; 4], y: usize, yd: [usize; 4]) -> Result {
    let same = xd[..2] == yd[..2];
    require(same, "resizing", || format!("maps of {xd:?} cannot become {yd:?}: batch and channels stay"))?;
    of_sizes("resizing", "the input", x, &xd)?;
    of_sizes("resizing", "the output", y, &yd)?;
    require(y == 0 || x > 0, "resizing", || format!("maps of {xd:?} have nothing to be made {yd:?} of"))
}

/// Which rows and columns are taken from a plane.
struct Taken {
    /// The row of the plane for each row of the result.
    rows: Vec<usize>,
    columns: Columns,
    /// Rows and columns of the plane.
    from: [usize; 2],
    /// Columns of the result.
    width: usize,
}

/// The column for each column of the result.
enum Columns {
    /// Each so many times.
    Repeated(usize),
    /// One of so many.
    Every(usize),
    /// Those of these numbers.
    At(Vec<usize>),
}

impl Taken {
    fn new([.., h, w]: [usize; 4], [.., oh, ow]: [usize; 4]) -> Self {
        let columns = match (w, ow) {
            (1.., 1..) if ow.is_multiple_of(w) && exact(w, ow) => Columns::Repeated(ow / w),
            (1.., 1..) if w.is_multiple_of(ow) && exact(w, ow) => Columns::Every(w / ow),
            _ => Columns::At((0..ow).map(|at| source(at, w, ow)).collect()),
        };
        Taken { rows: (0..oh).map(|at| source(at, h, oh)).collect(), columns, from: [h, w], width: ow }
    }

    fn plane_len(&self) -> usize {
        self.from[0] * self.from[1]
    }

    fn result_len(&self) -> usize {
        self.rows.len() * self.width
    }

    fn enlarge<E: Scalar>(&self, x: &[E], y: &mut [E], put: impl Fn(&mut E, E)) {
        for (y, &row) in y.chunks_exact_mut(self.width).zip(&self.rows) {
            let x = &x[row * self.from[1]..][..self.from[1]];
            match &self.columns {
                Columns::Repeated(2) => {
                    y.as_chunks_mut().0.iter_mut().zip(x).for_each(|([a, b], &x)| {
                        put(a, x);
                        put(b, x);
                    });
                }
                Columns::Repeated(times) => {
                    y.chunks_exact_mut(*times).zip(x).for_each(|(y, &x)| y.iter_mut().for_each(|y| put(y, x)));
                }
                Columns::Every(step) => y.iter_mut().zip(x.chunks_exact(*step)).for_each(|(y, x)| put(y, x[0])),
                Columns::At(columns) => y.iter_mut().zip(columns).for_each(|(y, &column)| put(y, x[column])),
            }
        }
    }

    fn gather<E: Scalar>(&self, gy: &[E], gx: &mut [E]) {
        for (gy, &row) in gy.chunks_exact(self.width).zip(&self.rows) {
            let gx = &mut gx[row * self.from[1]..][..self.from[1]];
            match &self.columns {
                Columns::Repeated(times) => {
                    let sum = |gx: E, gy: &[E]| gy.iter().fold(gx, |sum, &gy| sum + gy);
                    gx.iter_mut().zip(gy.chunks_exact(*times)).for_each(|(gx, gy)| *gx = sum(*gx, gy));
                }
                Columns::Every(step) => {
                    gx.chunks_exact_mut(*step).zip(gy).for_each(|(gx, &gy)| gx[0] += gy);
                }
                Columns::At(columns) => gy.iter().zip(columns).for_each(|(&gy, &column)| gx[column] += gy),
            }
        }
    }
}

/// Whether no rounding can move a source: the ratio is a whole number, or a power of two, and all products are exact.
fn exact(from: usize, to: usize) -> bool {
    let power = |larger: usize, smaller: usize| larger.is_multiple_of(smaller) && (larger / smaller).is_power_of_two();
    from.max(to) < 1 << 24 && (from.is_multiple_of(to) || power(to, from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The source by exact arithmetic on the numbers that `f32` has: of the ratio, rounded, times the place, rounded.
    fn by_rounding(at: usize, from: usize, to: usize) -> usize {
        let ratio = f64::from((from as f64 / to as f64) as f32);
        let product = f64::from((ratio * at as f64) as f32);
        (product as usize).min(from - 1)
    }

    #[test]
    fn sources_are_those_of_pytorch() {
        // the pairs up to 64 at which rounding matters, found with PyTorch's `Upsample`
        let moved = [
            (14, 46),
            (26, 22),
            (26, 44),
            (28, 46),
            (30, 58),
            (39, 33),
            (52, 22),
            (52, 44),
            (54, 38),
            (56, 46),
            (58, 54),
            (60, 58),
            (62, 14),
            (62, 28),
            (62, 56),
        ];
        assert_eq!(source(11, 26, 22), 12);
        let mut found = Vec::new();
        for from in 1..=64 {
            for to in 1..=64 {
                assert!((0..to).all(|at| source(at, from, to) == by_rounding(at, from, to)), "{from} to {to}");
                if (0..to).any(|at| source(at, from, to) != at * from / to) {
                    found.push((from, to));
                }
                let x: Vec<f64> = (0..from).map(|i| i as f64).collect();
                let (mut y, mut gx) = (vec![f64::NAN; to], vec![0.0; from]);
                let (xd, yd) = ([1, 1, 1, from], [1, 1, 1, to]);
                nearest_forward(&x, xd, &mut y, yd, false);
                assert!(y.iter().enumerate().all(|(at, &y)| y == by_rounding(at, from, to) as f64), "{from} to {to}");
                nearest_backward(&vec![1.0; to], yd, &mut gx, xd);
                let taken = |i: usize| (0..to).filter(|&at| by_rounding(at, from, to) == i).count();
                assert!(gx.iter().enumerate().all(|(i, &g)| g == taken(i) as f64), "{from} to {to}, backward");
            }
        }
        assert_eq!(found, moved);
    }

    proptest! {
        #[test]
        fn takes_the_floor_and_gives_back_there(
            b in 1usize..3, c in 1usize..4, h in 1usize..9, w in 1usize..9, oh in 1usize..20, ow in 1usize..20,
        ) {
            let (xd, yd) = ([b, c, h, w], [b, c, oh, ow]);
            let x: Vec<f64> = (0..b * c * h * w).map(|i| i as f64).collect();
            let gy: Vec<f64> = (0..b * c * oh * ow).map(|i| (i % 7) as f64).collect();
            let mut y = vec![f64::NAN; gy.len()];
            nearest_forward(&x, xd, &mut y, yd, false);
            let mut twice = y.clone();
            nearest_forward(&x, xd, &mut twice, yd, true);
            prop_assert!(twice.iter().zip(&y).all(|(t, y)| *t == 2.0 * y));
            let mut gx = vec![1.0; x.len()];
            nearest_backward(&gy, yd, &mut gx, xd);
            let mut want = vec![1.0; x.len()];
            for (i, &y) in y.iter().enumerate() {
                let (plane, r, col) = (i / (oh * ow), i / ow % oh, i % ow);
                let from = plane * h * w + source(r, h, oh) * w + source(col, w, ow);
                prop_assert_eq!(y, x[from]);
                want[from] += gy[i];
            }
            prop_assert_eq!(gx, want);
        }
    }
}
