use super::{Window, argmax::argmax};

/// Returns how much of the response is left when the stimulus ends: the response of its last step over the largest while it
/// is on, `(x_last − b)/(x_peak − b)`, without unit; 1 is no adaptation, 0 is back to the baseline.
///
/// None where the largest response is not above the baseline, or the trace ends before the stimulus.
///
/// ```
/// use dynvision_lab::measure::{Window, adaptation_index};
///
/// let window = Window::new(1, 4, 5)?;
/// assert_eq!(adaptation_index(&[0., 4.5, 2., 1.5, 9.], window, 0.5), Some(0.25));
/// assert_eq!(adaptation_index(&[0.; 5], window, 0.), None);
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
pub fn adaptation_index(trace: &[f64], window: Window, baseline: f64) -> Option<f64> {
    let stimulus = window.stimulus(trace)?;
    let peak = stimulus.get(argmax(stimulus)?)? - baseline;
    (peak > 0.).then_some((stimulus.last()? - baseline) / peak)
}
