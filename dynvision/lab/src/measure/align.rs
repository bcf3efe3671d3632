/// Returns the trace with zeros in front, so that it is `steps` long; a trace that is already as long stays as it is.
///
/// This is how the figure of engineering and biological time sets a trace of fewer steps beside a longer one.
///
/// ```
/// use dynvision_lab::measure::pad_front;
///
/// assert_eq!(pad_front(&[1., 2.], 4), [0., 0., 1., 2.]);
/// assert_eq!(pad_front(&[1., 2.], 1), [1., 2.]);
/// ```
pub fn pad_front(trace: &[f64], steps: usize) -> Vec<f64> {
    let zeros = steps.saturating_sub(trace.len());
    std::iter::repeat_n(0., zeros).chain(trace.iter().copied()).collect()
}

/// Returns the trace shifted forward by `steps`, with zeros in front, at its own length.
///
/// An area's trace, shifted by its index times the feedforward delay, lies where biological time has it.
///
/// ```
/// use dynvision_lab::measure::shift;
///
/// assert_eq!(shift(&[1., 2., 3.], 1), [0., 1., 2.]);
/// assert_eq!(shift(&[1., 2., 3.], 9), [0., 0., 0.]);
/// ```
pub fn shift(trace: &[f64], steps: usize) -> Vec<f64> {
    let zeros = steps.min(trace.len());
    std::iter::repeat_n(0., zeros).chain(trace.iter().copied().take(trace.len() - zeros)).collect()
}
