use super::Window;
use crate::statistics::mean;

/// Returns the level on which the response settles: the mean of the last `steps` steps with the stimulus, minus the baseline,
/// in units of the response.
///
/// None for no steps, more steps than the stimulus lasts, or a trace that ends before it.
///
/// ```
/// use dynvision_lab::measure::{Window, steady_state};
///
/// let window = Window::new(1, 4, 5)?;
/// assert_eq!(steady_state(&[0., 2., 1., 0.5, 0.], window, 0.25, 2), Some(0.5));
/// assert_eq!(steady_state(&[0., 2., 1., 0.5, 0.], window, 0.25, 4), None);
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
pub fn steady_state(trace: &[f64], window: Window, baseline: f64, steps: usize) -> Option<f64> {
    let stimulus = window.stimulus(trace)?;
    let last = stimulus.get(stimulus.len().checked_sub(steps)?..)?;
    Some(mean(last)? - baseline)
}
