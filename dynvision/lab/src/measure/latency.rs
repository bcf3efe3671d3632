use super::Window;

/// Returns the response latency: the time of the first step in `onset..end` whose response is above the threshold, in ms from
/// the onset, to the resolution of one step.
///
/// None where no step is, or the trace does not reach the window's end. [`baseline_threshold`](super::baseline_threshold)
/// gives the usual threshold.
///
/// ```
/// use dynvision_lab::measure::{Window, latency};
///
/// let window = Window::new(1, 3, 5)?;
/// assert_eq!(latency(&[0., 0., 0.1, 0.6, 0.2], window, 0.05, 2.), Some(2.));
/// assert_eq!(latency(&[0., 0., 0.1, 0.6, 0.2], window, 0.7, 2.), None);
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
pub fn latency(trace: &[f64], window: Window, threshold: f64, dt_ms: f64) -> Option<f64> {
    let step = window.response(trace)?.iter().position(|&x| x > threshold)?;
    Some(step as f64 * dt_ms)
}
