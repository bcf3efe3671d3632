/// Returns the steps in which any sample has a label: the bar under the traces of a figure that says when the stimulus was on.
///
/// As long as the longest sample.
///
/// # Shapes
///
/// `labels` are samples of one label a step, negative for none.
///
/// ```
/// use dynvision_lab::measure::label_indicator;
///
/// assert_eq!(label_indicator(&[[-1, 2, -1], [-1, -1, 0]]), [false, true, true]);
/// ```
pub fn label_indicator<L: AsRef<[i64]>>(labels: &[L]) -> Vec<bool> {
    let steps = labels.iter().map(|l| l.as_ref().len()).max().unwrap_or(0);
    (0..steps).map(|t| labels.iter().any(|l| l.as_ref().get(t).is_some_and(|&label| label >= 0))).collect()
}
