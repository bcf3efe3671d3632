use super::{Window, argmax::argmax};

/// Returns the time of the largest response in `onset..end`, the first of equals, in ms from the onset.
///
/// None where the trace does not reach the window's end or holds a NaN there. The original counts from the first recorded
/// frame instead; [`legacy::peak_time`](super::legacy::peak_time).
///
/// ```
/// use dynvision_lab::measure::{Window, peak_time};
///
/// let window = Window::new(1, 2, 4)?;
/// assert_eq!(peak_time(&[9., 0.1, 0.8, 0.8], window, 2.), Some(2.));
/// assert_eq!(peak_time(&[9., 0.1], window, 2.), None);
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
pub fn peak_time(trace: &[f64], window: Window, dt_ms: f64) -> Option<f64> {
    Some(argmax(window.response(trace)?)? as f64 * dt_ms)
}

/// Returns the largest response in `onset..end` above the baseline, `max x_t − baseline`, in units of the response.
///
/// None where the trace does not reach the window's end or holds a NaN there.
///
/// ```
/// use dynvision_lab::measure::{Window, peak_height};
///
/// assert_eq!(peak_height(&[9., 0.5, 0.75, 0.5], Window::new(1, 2, 4)?, 0.25), Some(0.5));
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
pub fn peak_height(trace: &[f64], window: Window, baseline: f64) -> Option<f64> {
    let response = window.response(trace)?;
    Some(response.get(argmax(response)?)? - baseline)
}
