use super::{Window, peak_height};

/// Returns the response to a second stimulus relative to that to a first, `(max₂ − b)/(max₁ − b)`, without unit; below 1 is
/// adaptation, above 1 facilitation.
///
/// Each maximum is that of its window's `onset..end`. None where the first is not above the baseline, or the trace is too
/// short. The original looks for local maxima instead and takes ripples and resting activity for peaks;
/// [`legacy::peak_ratio`](super::legacy::peak_ratio).
///
/// ```
/// use dynvision_lab::measure::{Window, peak_ratio};
///
/// let windows = Window::of_schedule(&[false, true, false, true, false]);
/// assert_eq!(peak_ratio(&[0.5, 2.5, 1., 1.5, 1.], windows[0], windows[1], 0.5), Some(0.5));
/// assert_eq!(peak_ratio(&[0.5, 0.5, 0.5, 1.5, 1.], windows[0], windows[1], 0.5), None);
/// ```
pub fn peak_ratio(trace: &[f64], first: Window, second: Window, baseline: f64) -> Option<f64> {
    let reference = peak_height(trace, first, baseline).filter(|&height| height > 0.)?;
    Some(peak_height(trace, second, baseline)? / reference)
}
