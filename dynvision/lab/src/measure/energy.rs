/// Returns the energy of activity, `Σ |r_i|` over the units of one sample and step, in units of the activity: what the
/// activity loss penalises, summed.
///
/// None where the activity is not finite. No units spend nothing.
///
/// ```
/// use dynvision_lab::measure::activity;
///
/// assert_eq!(activity(&[1., -2., 0.5]), Some(3.5));
/// assert_eq!(activity(&[f32::NAN]), None);
/// ```
pub fn activity(units: &[f32]) -> Option<f64> {
    let sum: f64 = units.iter().map(|&r| f64::from(r).abs()).sum();
    sum.is_finite().then_some(sum)
}

/// Returns the energy of transmission: the multiplications that the active units of one sample and step cause through a
/// connection, `fan_out · #{i : r_i ≠ 0}`, the synaptic operations of neuromorphic hardware.
///
/// `fan_out` is the number of multiplications for each unit, for a convolution of stride 1 without regard to the border
/// `C_out·k²/groups`. A dense implementation pays `fan_out · n` instead. None where the number does not fit or the
/// activity is NaN.
///
/// ```
/// use dynvision_lab::measure::synaptic_operations;
///
/// assert_eq!(synaptic_operations(&[0., 2., -1., 0.], 9 * 16), Some(2 * 9 * 16));
/// ```
pub fn synaptic_operations(units: &[f32], fan_out: u64) -> Option<u64> {
    if units.iter().any(|r| r.is_nan()) {
        return None;
    }
    u64::try_from(units.iter().filter(|&&r| r != 0.).count()).ok()?.checked_mul(fan_out)
}
