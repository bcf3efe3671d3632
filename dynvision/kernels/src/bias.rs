//! A vector added to maps in a repeating pattern: element `i` of a buffer gets `bias[i / run % bias.len()]`. One value for
//! each unit (`run` 1, a bias as long as a sample), for each channel (`run` the units of a plane), or for all (length 1).

use super::{Scalar, parallel};
use crate::error::{Result, require, volume};

/// `y[i] += bias[i / run % len]`.
pub(crate) fn forward<E: Scalar>(bias: &[E], run: usize, y: &mut [E]) {
    parallel::planes(y, bias.len() * run, |_, samples| {
        for sample in samples.chunks_exact_mut(bias.len() * run) {
            for (y, &bias) in sample.chunks_exact_mut(run).zip(bias) {
                y.iter_mut().for_each(|y| *y += bias);
            }
        }
    });
}

/// `gb[k] += sum of gy[i]` over all `i` with `i / run % len = k`.
pub(crate) fn backward<E: Scalar>(run: usize, gy: &[E], gb: &mut [E]) {
    for sample in gy.chunks_exact(gb.len() * run) {
        for (gb, gy) in gb.iter_mut().zip(sample.chunks_exact(run)) {
            *gb += gy.iter().fold(E::zero(), |sum, &g| sum + g);
        }
    }
}

/// Checks all sizes.
pub(crate) fn checked(bias: usize, run: usize, len: usize) -> Result {
    let sample = volume("bias", &[bias, run])?;
    require(sample > 0 && len.is_multiple_of(sample), "bias", || {
        format!("{len} elements are not made up of {bias} runs of {run} each")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_the_formula() {
        for (len, run) in [(12, 1), (3, 4), (1, 12), (1, 24)] {
            let bias: Vec<f64> = (0..len).map(|i| i as f64 + 1.0).collect();
            let mut y = vec![0.5; 24];
            forward(&bias, run, &mut y);
            assert!(y.iter().enumerate().all(|(i, &y)| y == 0.5 + bias[i / run % len]));
            let gy: Vec<f64> = (0..24).map(|i| (i * i % 7) as f64).collect();
            let mut gb = vec![2.0; len];
            backward(run, &gy, &mut gb);
            for (k, gb) in gb.iter().enumerate() {
                let want: f64 = (0..24).filter(|i| i / run % len == k).map(|i| gy[i]).sum();
                assert_eq!(*gb, 2.0 + want);
            }
        }
    }
}
