/// Mean of what an iterator gives; none where it gives nothing.
pub(crate) fn mean_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut n, mut sum) = (0u64, 0.);
    for value in values {
        n += 1;
        sum += value;
    }
    (n > 0).then(|| sum / n as f64)
}

/// Sample variance by Welford's recurrence, which does not cancel; none for fewer than two values.
pub(crate) fn variance_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut n, mut mean, mut squares) = (0u64, 0., 0.);
    for value in values {
        n += 1;
        let difference = value - mean;
        mean += difference / n as f64;
        squares += difference * (value - mean);
    }
    (n > 1).then(|| squares / (n - 1) as f64)
}

/// Returns the mean, `1/n Σ x_i`.
///
/// None where there are no values or the mean is not finite.
///
/// ```
/// use dynvision_lab::statistics::mean;
///
/// assert_eq!(mean(&[1., 2., 6.]), Some(3.));
/// assert_eq!(mean(&[]), None);
/// ```
pub fn mean(values: &[f64]) -> Option<f64> {
    mean_of(values.iter().copied()).filter(|x| x.is_finite())
}

/// Returns the sample standard deviation, `√(Σ (x_i − x̄)² / (n − 1))`.
///
/// None for fewer than two values, or where it is not finite. The original's figures divide by n;
/// [`legacy::population_std`](super::legacy::population_std).
///
/// ```
/// use dynvision_lab::statistics::std;
///
/// assert_eq!(std(&[1., 2., 3.]), Some(1.));
/// assert_eq!(std(&[1.]), None);
/// ```
pub fn std(values: &[f64]) -> Option<f64> {
    variance_of(values.iter().copied()).map(f64::sqrt).filter(|x| x.is_finite())
}

/// Returns the standard error of the mean, `s/√n` with the sample standard deviation `s`.
///
/// None for fewer than two values, or where it is not finite.
///
/// ```
/// use dynvision_lab::statistics::sem;
///
/// assert_eq!(sem(&[1., 3., 1., 3.]), Some((4f64 / 3.).sqrt() / 2.));
/// ```
pub fn sem(values: &[f64]) -> Option<f64> {
    Some(std(values)? / (values.len() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_offset_does_not_cancel() {
        let values: Vec<f64> = [4., 7., 13., 16.].iter().map(|x| x + 1e9).collect();
        assert_eq!(variance_of(values.into_iter()), Some(30.));
    }

    #[test]
    fn nan_is_missing() {
        assert_eq!((mean(&[1., f64::NAN]), std(&[1., f64::NAN]), sem(&[1., f64::INFINITY])), (None, None, None));
    }
}
