//! Units picked from a map by their numbers: `y[b, u] = x[b, index[u]]`.

use super::{Scalar, parallel};

/// `y[b, u] = x[b, index[u]]` for every sample `b`; units count channels, rows and columns as they lie in memory.
pub fn forward<E: Scalar>(index: &[u32], x: &[E], xd: [usize; 4], y: &mut [E]) {
    let units = units(index, x.len(), xd, y.len());
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
pub fn backward<E: Scalar>(index: &[u32], gy: &[E], gx: &mut [E], xd: [usize; 4]) {
    let units = units(index, gx.len(), xd, gy.len());
    parallel::planes(gx, units, |first, samples| {
        for (b, gx) in samples.chunks_exact_mut(units).enumerate() {
            let gy = &gy[(first + b) * index.len()..][..index.len()];
            for (&gy, &u) in gy.iter().zip(index) {
                gx[u as usize] += gy;
            }
        }
    });
}

/// Units of a sample of `x`.
fn units(index: &[u32], x: usize, [batch, c, h, w]: [usize; 4], y: usize) -> usize {
    let units = c * h * w;
    assert!(x == batch * units && y == batch * index.len(), "gather: lengths");
    assert!(index.iter().all(|&u| (u as usize) < units), "gather: a unit that the map does not have");
    units
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
