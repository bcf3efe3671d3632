use super::{Window, peak_height};

/// Returns the time of the first step in `onset..end` whose response above the baseline is at least half the largest,
/// `x_t − b ≥ (max − b)/2`, in ms from the onset, to the resolution of one step.
///
/// None where the largest response is not above the baseline, or the trace does not reach the window's end.
///
/// ```
/// use dynvision_lab::measure::{Window, time_to_half_maximum};
///
/// let window = Window::new(1, 3, 5)?;
/// assert_eq!(time_to_half_maximum(&[0.2, 0.2, 0.5, 0.7, 1.], window, 0.2, 2.), Some(4.));
/// assert_eq!(time_to_half_maximum(&[0.2; 5], window, 0.2, 2.), None);
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
pub fn time_to_half_maximum(trace: &[f64], window: Window, baseline: f64, dt_ms: f64) -> Option<f64> {
    let half = peak_height(trace, window, baseline).filter(|&height| height > 0.)? / 2.;
    let step = window.response(trace)?.iter().position(|&x| x - baseline >= half)?;
    Some(step as f64 * dt_ms)
}
