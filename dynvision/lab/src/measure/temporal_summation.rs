use super::Window;

/// Returns the response summed over time, `dt Σ_t (x_t − b)` over `onset..end`, in units of the response × ms.
///
/// None where the trace does not reach the window's end or the sum is not finite. The original sums all steps of the trace,
/// without step width and baseline; [`legacy::summed_response`](super::legacy::summed_response).
///
/// ```
/// use dynvision_lab::measure::{Window, temporal_summation};
///
/// assert_eq!(temporal_summation(&[7., 1., 2., 0.5], Window::new(1, 2, 4)?, 0.5, 2.), Some(4.));
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
pub fn temporal_summation(trace: &[f64], window: Window, baseline: f64, dt_ms: f64) -> Option<f64> {
    let sum: f64 = window.response(trace)?.iter().map(|x| x - baseline).sum();
    Some(sum * dt_ms).filter(|x| x.is_finite())
}
