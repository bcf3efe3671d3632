/// Returns whether a guess is the label.
///
/// None where there is no guess, or the label is negative (no label). With the label of each step this is the accuracy in
/// time; with the sample's [`first_label`](super::first_label) at every step, blanks included, it is the `accuracy` of the
/// original's `test_data`.
///
/// ```
/// use dynvision_lab::measure::correct;
///
/// assert_eq!(correct(Some(3), 3), Some(true));
/// assert_eq!(correct(Some(3), -1), None);
/// ```
pub fn correct(guess: Option<usize>, label: i64) -> Option<bool> {
    let label = usize::try_from(label).ok()?;
    Some(guess? == label)
}

/// Returns the share of guesses that are the label, among the steps that have both.
///
/// None where no step has a label (the original gives 0; [`legacy::accuracy`](super::legacy::accuracy)), or there are not as
/// many guesses as labels.
///
/// ```
/// use dynvision_lab::measure::accuracy;
///
/// assert_eq!(accuracy(&[Some(0), Some(1), Some(2)], &[-1, 1, 1]), Some(0.5));
/// assert_eq!(accuracy(&[Some(0)], &[-1]), None);
/// ```
pub fn accuracy(guesses: &[Option<usize>], labels: &[i64]) -> Option<f64> {
    if guesses.len() != labels.len() {
        return None;
    }
    let each = guesses.iter().zip(labels).filter_map(|(&guess, &label)| correct(guess, label));
    crate::statistics::mean_of(each.map(|right| if right { 1. } else { 0. }))
}
