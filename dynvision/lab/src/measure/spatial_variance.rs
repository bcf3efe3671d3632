use crate::statistics::{mean_of, variance_of};

/// Returns how much the activity varies over space: the mean over channels of the variance over the positions of a channel,
/// `1/C Σ_c Σ_p (r_cp − r̄_c)² / (P − 1)`, in squared units of the activity. The activity is signed, as in the original.
///
/// # Shapes
///
/// `units` are (channels, positions), row-major: an area's (C, H, W) flattened.
///
/// None for fewer than two positions (the original gives 0 there), no channels, units that are no multiple of the channels,
/// or activity that is not finite.
///
/// ```
/// use dynvision_lab::measure::spatial_variance;
///
/// // Two channels: the first varies over its two positions, the second does not.
/// assert_eq!(spatial_variance(&[1., 3., 5., 5.], 2), Some(1.));
/// assert_eq!(spatial_variance(&[1., 3.], 2), None);
/// ```
pub fn spatial_variance(units: &[f32], channels: usize) -> Option<f64> {
    let positions = units.len().checked_div(channels)?;
    if positions < 2 || positions * channels != units.len() {
        return None;
    }
    let each = units.chunks_exact(positions).filter_map(|map| variance_of(map.iter().map(|&r| f64::from(r))));
    mean_of(each).filter(|x| x.is_finite())
}
