/// Returns the label at the first step that has one (a label ≥ 0): the class that the sample shows first.
///
/// None where no step has a label; the original writes −1 there.
///
/// ```
/// use dynvision_lab::measure::first_label;
///
/// assert_eq!(first_label(&[-1, 7, -1, 3]), Some(7));
/// assert_eq!(first_label(&[-1, -1]), None);
/// ```
pub fn first_label(labels: &[i64]) -> Option<i64> {
    labels.iter().copied().find(|&label| label >= 0)
}
