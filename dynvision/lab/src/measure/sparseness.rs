use crate::statistics::mean_of;

/// Returns the sparseness of the units of one sample and step after Rolls and Treves (1990), `a = (1/n Σ |r_i|)² / (1/n Σ r_i²)`,
/// without unit: `1/n` where one unit is active, 1 where all are alike. *Small* is sparse.
///
/// The index of Vinje and Gallant (2000), which is large for sparse activity, is `(1 − a)/(1 − 1/n)`. None where no unit is
/// active or the activity is not finite.
///
/// ```
/// use dynvision_lab::measure::sparseness;
///
/// assert_eq!(sparseness(&[0., 0., 3., 0.]), Some(0.25));
/// assert_eq!(sparseness(&[2.; 4]), Some(1.));
/// assert_eq!(sparseness(&[0.; 4]), None);
/// ```
pub fn sparseness(units: &[f32]) -> Option<f64> {
    let mean = mean_of(units.iter().map(|&r| f64::from(r).abs()))?;
    let square = mean_of(units.iter().map(|&r| f64::from(r).powi(2)))?;
    Some(mean * mean / square).filter(|a| a.is_finite())
}
