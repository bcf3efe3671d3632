//! Units picked from a map by their numbers: `y[b, u] = x[b, index[u]]`.

use super::{Scalar, parallel};
use crate::error::{Result, of_sizes, require, volume};

/// `y[b, u] = x[b, index[u]]` for every sample `b`; units count channels, rows and columns as they lie in memory.
pub(crate) fn forward<E: Scalar>(index: &[u32], x: &[E], xd: [usize; 4], y: &mut [E]) {
    let units = xd[1] * xd[2] * xd[3];
    parallel::planes(y, index.len(), |first, samples| {
        for (b, y) in samples.chunks_exact_mut(index.len()).enumerate() {
            let x = &x[(first + b) * units..][..units];
            for (y, &u) in y.iter_mut().zip(index) {
                *y = x[u as usize];
            }
        }
    });
}

/// `gx[b, index[u]] += gy[b, u]`.
pub(crate) fn backward<E: Scalar>(index: &[u32], gy: &[E], gx: &mut [E], xd: [usize; 4]) {
    let units = xd[1] * xd[2] * xd[3];
    parallel::planes(gx, units, |first, samples| {
        for (b, gx) in samples.chunks_exact_mut(units).enumerate() {
            let gy = &gy[(first + b) * index.len()..][..index.len()];
            for (&gy, &u) in gy.iter().zip(index) {
                gx[u as usize] += gy;
            }
        }
    });
}

/// Checks all sizes and the index.
pub(crate) fn checked(index: &[u32], x: usize, xd: [usize; 4], y: usize) -> Result {
    of_sizes("gather", "the input", x, &xd)?;
    of_sizes("gather", "the result", y, &[xd[0], index.len()])?;
    let units = volume("gather", &xd[1..])?;
    let beyond = index.iter().find(|&&unit| unit as usize >= units);
    require(beyond.is_none(), "gather", || format!("maps of {xd:?} have no unit {}", beyond.copied().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backward_is_the_adjoint() {
        let (index, xd) = ([3u32, 0, 3, 5, 1], [2, 3, 1, 2]);
        let x: Vec<f64> = (0..12).map(|i| (i as f64 * 0.7).sin()).collect();
        let gy: Vec<f64> = (0..10).map(|i| (i as f64 * 1.3).cos()).collect();
        let mut y = vec![f64::NAN; 10];
        forward(&index, &x, xd, &mut y);
        assert_eq!(y[2], x[3]);
        assert_eq!(y[5 + 1], x[6]);
        let mut gx = vec![0.5; 12];
        backward(&index, &gy, &mut gx, xd);
        let forward: f64 = y.iter().zip(&gy).map(|(y, g)| y * g).sum();
        let backward: f64 = gx.iter().zip(&x).map(|(g, x)| (g - 0.5) * x).sum();
        assert!((forward - backward).abs() < 1e-12);
    }
}
