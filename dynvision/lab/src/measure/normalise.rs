use crate::statistics::mean_of;

/// Returns traces that are drawn together divided by the largest step of their mean over samples, so that ridges of several
/// areas have one height.
///
/// Traces whose mean is nowhere above 0 stay as they are, as in the original (`normalize="max"`). At a step that only some
/// traces reach, the mean is over these.
///
/// ```
/// use dynvision_lab::measure::normalise;
///
/// assert_eq!(normalise(&[[0., 1.], [0., 3.]]), [[0., 0.5], [0., 1.5]]);
/// assert_eq!(normalise(&[[0., 0.]]), [[0., 0.]]);
/// ```
pub fn normalise<T: AsRef<[f64]>>(traces: &[T]) -> Vec<Vec<f64>> {
    let steps = traces.iter().map(|x| x.as_ref().len()).max().unwrap_or(0);
    let at = |t: usize| mean_of(traces.iter().filter_map(|x| x.as_ref().get(t).copied()));
    let peak = (0..steps).filter_map(at).fold(0., f64::max);
    let scale = if peak > 0. { peak } else { 1. };
    traces.iter().map(|x| x.as_ref().iter().map(|v| v / scale).collect()).collect()
}
