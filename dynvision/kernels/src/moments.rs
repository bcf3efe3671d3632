//! Moments of activity: what measures of an area read in one pass.

use crate::isa;

/// As many sums are kept beside each other as the widest vector register holds.
const LANES: usize = 16;

/// Returns `Σ |x_i|` and `Σ x_i²`, in one pass; the same bits on every instruction set.
///
/// Sums go over 4096 values in `f32` lanes and from there on in `f64`, so that their relative error stays below 1e-5 at any
/// number of values; values whose squares leave `f32` are summed in `f64` throughout.
///
/// ```
/// use dynvision_kernels::absolute_moments;
///
/// assert_eq!(absolute_moments(&[1., -3., 2.]), (6., 14.));
/// assert_eq!(absolute_moments(&[]), (0., 0.));
/// ```
pub fn absolute_moments(values: &[f32]) -> (f64, f64) {
    isa::compiled_for(
        isa::current(),
        #[inline(always)]
        || of(values),
    )
}

#[inline(always)]
fn of(values: &[f32]) -> (f64, f64) {
    let (mut sum, mut squares) = (0., 0.);
    for block in values.chunks(256 * LANES) {
        let (mut s, mut q) = ([0f32; LANES], [0f32; LANES]);
        let rows = block.chunks_exact(LANES);
        let rest = rows.remainder();
        for row in rows {
            for ((s, q), &x) in s.iter_mut().zip(&mut q).zip(row) {
                *s += x.abs();
                *q += x * x;
            }
        }
        let (block_sum, block_squares) = (total(s), total(q));
        let small = block_squares < 1e-30 && block_sum > 0.;
        let (exactly, onto) =
            if block_squares.is_finite() && !small { (rest, (block_sum, block_squares)) } else { (block, (0., 0.)) };
        sum += onto.0 + exactly.iter().map(|&x| f64::from(x.abs())).sum::<f64>();
        squares += onto.1 + exactly.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    }
    (sum, squares)
}

#[inline(always)]
fn total(lanes: [f32; LANES]) -> f64 {
    lanes.iter().map(|&x| f64::from(x)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_sum_up_to_what_a_sum_in_f64_does_on_every_instruction_set() {
        for n in [1, 15, 16, 17, 4095, 4096, 4097, 100_003] {
            let values: Vec<f32> = (0..n).map(|i| ((i * 37) % 101) as f32 / 7. - 5.).collect();
            let expected = absolute_moments(&values);
            let sum: f64 = values.iter().map(|&x| f64::from(x.abs())).sum();
            let squares: f64 = values.iter().map(|&x| f64::from(x).powi(2)).sum();
            assert!((expected.0 - sum).abs() <= 1e-6 * sum, "{n}: {} for {sum}", expected.0);
            assert!((expected.1 - squares).abs() <= 1e-6 * squares, "{n}: {} for {squares}", expected.1);
            for isa in isa::available() {
                let found = isa::compiled_for(
                    isa,
                    #[inline(always)]
                    || of(&values),
                );
                assert_eq!(found, expected, "{n} on {isa:?}");
            }
        }
    }

    #[test]
    fn activity_at_the_ends_of_f32_is_not_lost() {
        for scale in [1e-25_f32, 1e25] {
            let (sum, squares) = absolute_moments(&[scale; 64]);
            assert!((sum / (64. * f64::from(scale)) - 1.).abs() < 1e-9);
            assert!((squares / (64. * f64::from(scale).powi(2)) - 1.).abs() < 1e-9);
        }
        assert!(absolute_moments(&[f32::NAN; 20]).0.is_nan());
        assert_eq!(absolute_moments(&[f32::INFINITY; 20]).0, f64::INFINITY);
    }
}
