use super::{Window, confidence, correct, entropy, guess};
use serde::{Deserialize, Serialize};

/// When a readout that unfolds in time has decided.
///
/// ```
/// use dynvision_lab::measure::Criterion;
///
/// assert!(Criterion::Confidence(0.7).is_met(&[0., 5.]));
/// assert!(!Criterion::Entropy(0.1).is_met(&[0., 0.5]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Criterion {
    /// The largest softmax probability is at least this.
    Confidence(f64),
    /// The entropy of the softmax is at most this, in nats (Spoerer et al. 2020).
    Entropy(f64),
}

impl Criterion {
    /// Returns whether the logits of one step meet the criterion; logits that are not finite do not.
    pub fn is_met(self, logits: &[f32]) -> bool {
        match self {
            Criterion::Confidence(least) => {
                guess(logits).and_then(|class| confidence(logits, class as i64)).is_some_and(|p| p >= least)
            }
            Criterion::Entropy(most) => entropy(logits).is_some_and(|nats| nats <= most),
        }
    }
}

/// A decision, as [`reaction`] finds it.
///
/// ```
/// use dynvision_lab::measure::Reaction;
///
/// let reaction = Reaction { time_ms: 20., guess: 3, correct: Some(true) };
/// assert_eq!(reaction.correct, Some(true));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reaction {
    /// Time from the onset, in ms.
    pub time_ms: f64,
    /// The class that was decided for.
    pub guess: usize,
    /// Whether it is the label; none where the sample has no label.
    pub correct: Option<bool>,
}

/// Returns the reaction of one sample: the first step in `onset..end` whose logits meet the criterion, with its time and its guess.
///
/// None where no step does (the mean reaction time is then over the samples that decided, and the others are counted), or
/// the logits do not reach the window's end. After Spoerer et al. (2020), whose thresholds are of entropy.
///
/// # Shapes
///
/// `logits` are (steps, classes), row-major, of one sample.
///
/// ```
/// use dynvision_lab::measure::{Criterion, Window, reaction};
///
/// let logits = [9., 0., 0.5, 0., 0., 3., 0., 8.];
/// let found = reaction(&logits, 2, 1, Window::new(1, 2, 4)?, Criterion::Confidence(0.9), 2.).expect("decides");
/// // The certainty before the onset does not count; the third step is sure enough.
/// assert_eq!((found.time_ms, found.guess, found.correct), (2., 1, Some(true)));
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
pub fn reaction(
    logits: &[f32],
    classes: usize,
    label: i64,
    window: Window,
    criterion: Criterion,
    dt_ms: f64,
) -> Option<Reaction> {
    let from = window.onset().checked_mul(classes)?;
    let to = window.end().checked_mul(classes)?;
    if classes == 0 {
        return None;
    }
    let mut steps = logits.get(from..to)?.chunks_exact(classes).enumerate();
    let (step, logits) = steps.find(|(_, logits)| criterion.is_met(logits))?;
    let guess = guess(logits)?;
    Some(Reaction { time_ms: step as f64 * dt_ms, guess, correct: correct(Some(guess), label) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_decides_where_it_has_fallen() -> Result<(), crate::Error> {
        // Two classes at a difference of z: p = 1/(1 + e^−z).
        let entropy_at = |z: f64| {
            let p = 1. / (1. + (-z).exp());
            -p * p.ln() - (1. - p) * (1. - p).ln()
        };
        let window = Window::new(0, 1, 3)?;
        let logits = [0., 0., 1., 0., 2., 0.];
        let at = |limit| reaction(&logits, 2, 1, window, Criterion::Entropy(limit), 2.).map(|r| r.time_ms);
        assert_eq!(at(entropy_at(2.) + 1e-9), Some(4.));
        assert_eq!(at(entropy_at(1.) + 1e-9), Some(2.));
        assert_eq!(at(2f64.ln() + 1e-9), Some(0.));
        assert_eq!(at(entropy_at(2.) - 1e-9), None);
        let wrong = reaction(&logits, 2, 1, window, Criterion::Entropy(entropy_at(1.) + 1e-9), 2.);
        assert_eq!(wrong.map(|r| (r.guess, r.correct)), Some((0, Some(false))));
        assert_eq!(reaction(&logits, 2, -1, window, Criterion::Entropy(1.), 2.).map(|r| r.correct), Some(None));
        Ok(())
    }

    #[test]
    fn logits_that_do_not_reach_the_end_have_no_reaction() -> Result<(), crate::Error> {
        let window = Window::new(0, 1, usize::MAX)?;
        assert_eq!(reaction(&[1., 0.], 2, 0, window, Criterion::Confidence(0.), 1.), None);
        assert_eq!(reaction(&[], 0, 0, window, Criterion::Confidence(0.), 1.), None);
        Ok(())
    }
}
