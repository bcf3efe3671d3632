use super::Window;
use crate::statistics::{mean, std};

/// Returns the mean of the steps before the window's onset, in units of the response.
///
/// Of the first window these are the intro. None where the window begins at once; the value of the last idle step, or 0,
/// can take its place.
///
/// ```
/// use dynvision_lab::measure::{Window, baseline};
///
/// assert_eq!(baseline(&[0.25, 0.75, 4., 1.], Window::new(2, 3, 4)?), Some(0.5));
/// assert_eq!(baseline(&[4., 1.], Window::new(0, 1, 2)?), None);
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
pub fn baseline(trace: &[f64], window: Window) -> Option<f64> {
    mean(trace.get(..window.onset())?)
}

/// Returns the mean of the steps before the onset plus `deviations` of their standard deviation: the threshold above which
/// activity is called a response, in units of the response.
///
/// None for fewer than two steps before the onset.
///
/// ```
/// use dynvision_lab::measure::{Window, baseline_threshold};
///
/// let window = Window::new(2, 3, 4)?;
/// assert_eq!(baseline_threshold(&[1., 3., 9., 9.], window, 2.), Some(2. + 2. * 2f64.sqrt()));
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
pub fn baseline_threshold(trace: &[f64], window: Window, deviations: f64) -> Option<f64> {
    Some(baseline(trace, window)? + deviations * std(trace.get(..window.onset())?)?)
}
