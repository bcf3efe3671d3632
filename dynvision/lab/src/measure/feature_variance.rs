use crate::statistics::{mean_of, variance_of};

/// Returns how much the activity varies over features: the mean over positions of the variance over the channels at a
/// position, `1/P Σ_p Σ_c (r_cp − r̄_p)² / (C − 1)`, in squared units of the activity. The activity is signed, as in the original.
///
/// # Shapes
///
/// `units` are (channels, positions), row-major: an area's (C, H, W) flattened.
///
/// None for fewer than two channels, no positions, units that are no multiple of the channels, or activity that is not finite.
///
/// ```
/// use dynvision_lab::measure::feature_variance;
///
/// // Two channels that differ by 2 at the first position and agree at the second.
/// assert_eq!(feature_variance(&[1., 4., 3., 4.], 2), Some(1.));
/// assert_eq!(feature_variance(&[1., 3.], 1), None);
/// ```
pub fn feature_variance(units: &[f32], channels: usize) -> Option<f64> {
    let positions = units.len().checked_div(channels)?;
    if channels < 2 || positions * channels != units.len() {
        return None;
    }
    let each =
        (0..positions).filter_map(|p| variance_of(units.iter().skip(p).step_by(positions).map(|&r| f64::from(r))));
    mean_of(each).filter(|x| x.is_finite())
}
