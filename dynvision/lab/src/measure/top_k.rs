use std::cmp::Reverse;

/// Returns the `k` classes with the largest logits, largest first; of equal ones the lowest class first.
///
/// None where `k` is above the number of classes, or a logit is NaN.
///
/// ```
/// use dynvision_lab::measure::top_k;
///
/// assert_eq!(top_k(&[1., 2., 1., 3.], 3), Some(vec![3, 1, 0]));
/// assert_eq!(top_k(&[1., 2.], 3), None);
/// ```
pub fn top_k(logits: &[f32], k: usize) -> Option<Vec<usize>> {
    largest(&logits.iter().map(|&z| z.into()).collect::<Vec<f64>>(), k)
}

fn largest(values: &[f64], k: usize) -> Option<Vec<usize>> {
    if k > values.len() || values.iter().any(|z| z.is_nan()) {
        return None;
    }
    // `total_cmp` holds 0 above −0, which are equal here.
    let mut order: Vec<(Reverse<u64>, usize)> =
        values.iter().enumerate().map(|(c, &z)| (Reverse(ordered(z)), c)).collect();
    order.sort_unstable();
    Some(order.into_iter().take(k).map(|(_, c)| c).collect())
}

/// A number's place in the order of numbers, with −0 and 0 in one place.
fn ordered(z: f64) -> u64 {
    let bits = (z + 0.).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// Returns whether the label is among the `k` classes with the largest logits.
///
/// None where the label is negative (no label), `k` is above the number of classes (the original leaves the column out), or
/// a logit is NaN. The logits are ranked, not their softmax, which underflows to equal zeros.
///
/// ```
/// use dynvision_lab::measure::correct_top_k;
///
/// assert_eq!(correct_top_k(&[3., 2., 1.], 1, 2), Some(true));
/// assert_eq!(correct_top_k(&[3., 2., 1.], 2, 2), Some(false));
/// assert_eq!(correct_top_k(&[3., 2., 1.], 2, 4), None);
/// ```
pub fn correct_top_k(logits: &[f32], label: i64, k: usize) -> Option<bool> {
    let label = usize::try_from(label).ok()?;
    Some(top_k(logits, k)?.contains(&label))
}

/// Returns the `k` readout units whose logits, summed over all samples and steps, are the largest; largest first.
///
/// None where `k` is above the number of classes, the logits are no multiple of it, or a sum is NaN. As the original's
/// `classifier_topK`.
///
/// # Shapes
///
/// `logits` are (samples × steps, classes), row-major.
///
/// ```
/// use dynvision_lab::measure::classifier_top_k;
///
/// assert_eq!(classifier_top_k(&[1., 5., 0., 2., -9., 0.], 3, 2), Some(vec![0, 2]));
/// ```
pub fn classifier_top_k(logits: &[f32], classes: usize, k: usize) -> Option<Vec<usize>> {
    if logits.len().checked_rem(classes)? != 0 || k > classes || classes > logits.len() {
        return None;
    }
    let mut sums = vec![0.; classes];
    for row in logits.chunks_exact(classes) {
        sums.iter_mut().zip(row).for_each(|(sum, &z)| *sum += f64::from(z));
    }
    largest(&sums, k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_of_both_signs_are_equal() {
        assert_eq!(top_k(&[-0., 0., -0.], 3), Some(vec![0, 1, 2]));
        assert_eq!(top_k(&[-1., -2., f32::INFINITY, f32::NEG_INFINITY, 0.5], 5), Some(vec![2, 4, 0, 1, 3]));
    }

    #[test]
    fn a_class_count_that_is_merely_stated_allocates_nothing() {
        assert_eq!(classifier_top_k(&[], usize::MAX, 1), None);
        assert_eq!(classifier_top_k(&[1.], 0, 0), None);
    }
}
