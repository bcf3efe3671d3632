use super::argmax::argmax;

/// Returns the class with the largest logit, the first of equals.
///
/// None where there are no classes or a logit is NaN.
///
/// ```
/// use dynvision_lab::measure::guess;
///
/// assert_eq!(guess(&[0.5, 2., 2.]), Some(1));
/// assert_eq!(guess(&[0.5, f32::NAN]), None);
/// ```
pub fn guess(logits: &[f32]) -> Option<usize> {
    argmax(logits)
}
