//! The original's errors of figures: of rows, whatever seed and sample they come from, by the normal distribution.

use super::mean;

/// Returns the standard deviation with n in place of n − 1, `√(Σ (x_i − x̄)² / n)`; 0 for one value.
///
/// ```
/// use dynvision_lab::statistics::legacy::population_std;
///
/// assert_eq!(population_std(&[1., 3.]), Some(1.));
/// assert_eq!(population_std(&[1.]), Some(0.));
/// ```
pub fn population_std(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    super::mean_of(values.iter().map(|x| (x - mean).powi(2))).map(f64::sqrt)
}

/// Returns half the width of the 95 % interval, `1.96 · σ/√n` with the [`population_std`] `σ`.
///
/// For few values it is too narrow: of three, Student's interval is 2.7 times as wide.
///
/// ```
/// use dynvision_lab::statistics::legacy::ci95;
///
/// assert_eq!(ci95(&[1., 3., 1., 3.]), Some(0.98));
/// ```
pub fn ci95(values: &[f64]) -> Option<f64> {
    Some(1.96 * population_std(values)? / (values.len() as f64).sqrt())
}
