/// Returns Pearson's correlation, `Σ (a_i − ā)(b_i − b̄) / √(Σ (a_i − ā)² Σ (b_i − b̄)²)`, from −1 to 1.
///
/// None for different lengths, fewer than two values, values that are all alike, or ones that are not finite.
///
/// ```
/// use dynvision_lab::statistics::pearson;
///
/// assert_eq!(pearson(&[1., 2., 3.], &[2., 4., 6.]), Some(1.));
/// assert_eq!(pearson(&[1., 2., 3.], &[5., 5., 5.]), None);
/// ```
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    // Equal values are told from nearly equal ones here: their rounded mean need not be one of them.
    let alike = |x: &[f64]| x.first().is_none_or(|first| x.iter().all(|v| v == first));
    if alike(a) || alike(b) {
        return None;
    }
    let (mean_a, mean_b) = (super::mean(a)?, super::mean(b)?);
    let (mut ab, mut aa, mut bb) = (0., 0., 0.);
    for (x, y) in a.iter().map(|x| x - mean_a).zip(b.iter().map(|y| y - mean_b)) {
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    // The root of the product is exact where the product is a square; the product of the roots does not overflow.
    let norm = Some((aa * bb).sqrt()).filter(|norm| norm.is_normal()).unwrap_or_else(|| aa.sqrt() * bb.sqrt());
    Some((ab / norm).clamp(-1., 1.)).filter(|r| r.is_finite())
}

/// Returns Spearman's rank correlation: Pearson's of the ranks, where equal values share the mean of their ranks.
///
/// None for different lengths, fewer than two values, values that are all alike, or ones that are NaN.
///
/// ```
/// use dynvision_lab::statistics::spearman;
///
/// assert_eq!(spearman(&[1., 2., 3.], &[1., 10., 100.]), Some(1.));
/// // Without ties it is 1 − 6 Σ d²/(n (n² − 1)), here with d = (0, 1, −1).
/// assert_eq!(spearman(&[1., 2., 3.], &[1., 3., 2.]), Some(0.5));
/// ```
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    pearson(&ranks(a)?, &ranks(b)?)
}

fn ranks(values: &[f64]) -> Option<Vec<f64>> {
    if values.iter().any(|x| x.is_nan()) {
        return None;
    }
    let mut order: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut ranks = vec![0.; values.len()];
    let mut below = 0;
    for equal in order.chunk_by(|a, b| a.1 == b.1) {
        for &(i, _) in equal {
            if let Some(rank) = ranks.get_mut(i) {
                *rank = below as f64 + (equal.len() + 1) as f64 / 2.;
            }
        }
        below += equal.len();
    }
    Some(ranks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_values_share_their_ranks() {
        assert_eq!(ranks(&[5., 1., 5., 0., -0.]), Some(vec![4.5, 3., 4.5, 1.5, 1.5]));
        assert_eq!(ranks(&[f64::NAN]), None);
    }

    #[test]
    fn values_that_are_alike_have_no_correlation() {
        // The mean of three 0.1 is not 0.1 in floating point.
        assert_eq!(pearson(&[0.1; 3], &[1., 2., 3.]), None);
        assert_eq!((pearson(&[], &[]), pearson(&[1.], &[1.]), pearson(&[1., 2.], &[1.])), (None, None, None));
    }

    #[test]
    fn large_and_small_values_have_one() {
        for scale in [1e-120, 1e120] {
            let r = pearson(&[scale, 2. * scale, 4. * scale], &[-scale, -2. * scale, -4. * scale]);
            assert!(r.is_some_and(|r| (r + 1.).abs() < 1e-12), "{r:?}");
        }
    }

    proptest! {
        #[test]
        fn ranks_are_one_plus_those_below_plus_half_the_equal_others(
            values in prop::collection::vec((-4i8..4).prop_map(f64::from), 0..20)
        ) {
            let naive = values.iter().map(|x| {
                let below = values.iter().filter(|y| *y < x).count() as f64;
                let equal = values.iter().filter(|y| *y == x).count() as f64;
                below + (equal + 1.) / 2.
            });
            prop_assert_eq!(ranks(&values), Some(naive.collect::<Vec<_>>()));
        }
    }
}
