use crate::statistics;

/// Returns the mean absolute activity `1/n Σ |r_i|` of the units of one sample and step, in units of the activity.
///
/// None where there are no units, or the activity is not finite. As in the original (`response_avg`), of which negative
/// activity counts as activity.
///
/// ```
/// use dynvision_lab::measure::response_avg;
///
/// assert_eq!(response_avg(&[1., -3., 2.]), Some(2.));
/// assert_eq!(response_avg(&[]), None);
/// ```
pub fn response_avg(units: &[f32]) -> Option<f64> {
    statistics::mean_of(units.iter().map(|&r| f64::from(r).abs())).filter(|x| x.is_finite())
}

/// Returns the standard deviation of the absolute activity, `√(Σ (|r_i| − mean)² / (n − 1))`, in units of the activity.
///
/// None for fewer than two units, or activity that is not finite. As in the original (`response_std`), where one unit gives NaN.
///
/// ```
/// use dynvision_lab::measure::response_std;
///
/// assert_eq!(response_std(&[1., -3.]), Some(2f64.sqrt()));
/// assert_eq!(response_std(&[1.]), None);
/// ```
pub fn response_std(units: &[f32]) -> Option<f64> {
    statistics::variance_of(units.iter().map(|&r| f64::from(r).abs())).map(f64::sqrt).filter(|x| x.is_finite())
}
