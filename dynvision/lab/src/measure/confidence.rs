/// The softmax of the logits, `exp(z_c − max) / Σ exp(z − max)`; none where a logit is not finite.
pub(crate) fn softmax(logits: &[f32]) -> Option<impl Iterator<Item = f64>> {
    if logits.is_empty() || !logits.iter().all(|z| z.is_finite()) {
        return None;
    }
    let max = logits.iter().fold(f64::NEG_INFINITY, |m, &z| m.max(z.into()));
    let sum: f64 = logits.iter().map(|&z| (f64::from(z) - max).exp()).sum();
    Some(logits.iter().map(move |&z| (f64::from(z) - max).exp() / sum))
}

/// Returns the softmax probability of a class, `exp z_c / Σ_k exp z_k`, from 0 to 1.
///
/// None where the class is negative (no label) or not below the number of classes, or a logit is not finite. The original
/// gives 0 for such a class, which a mean over steps then takes for a confident error;
/// [`legacy::confidence`](super::legacy::confidence) does so.
///
/// ```
/// use dynvision_lab::measure::confidence;
///
/// assert_eq!(confidence(&[3., 3., 3., 3.], 2), Some(0.25));
/// assert_eq!(confidence(&[3., 3.], -1), None);
/// ```
pub fn confidence(logits: &[f32], class: i64) -> Option<f64> {
    softmax(logits)?.nth(usize::try_from(class).ok()?)
}

/// Returns the entropy of the softmax, `−Σ p_c ln p_c`, in nats: 0 for certainty, `ln C` where all classes are alike.
///
/// None where there are no classes or a logit is not finite.
///
/// ```
/// use dynvision_lab::measure::entropy;
///
/// let uniform = entropy(&[1., 1., 1.]).expect("finite logits");
/// assert!((uniform - 3f64.ln()).abs() < 1e-12);
/// assert_eq!(entropy(&[0., 5000.]), Some(0.));
/// ```
pub fn entropy(logits: &[f32]) -> Option<f64> {
    Some(softmax(logits)?.filter(|&p| p > 0.).fold(0., |sum, p| sum - p * p.ln()))
}
