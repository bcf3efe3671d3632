//! How a still image is presented in time: when it is shown, and at which steps its label counts.

use super::{DataError, Purpose, Seed};
use rand::seq::SliceRandom;
use std::fmt;
use std::str::FromStr;

/// When the image is shown: a row of 1 (shown) and 0 (blank) that is stretched over the steps of a presentation.
///
/// ```
/// use dynvision::data::Pattern;
/// let pattern: Pattern = "1011".parse()?;
/// assert_eq!(pattern.stretched(6), [true, true, false, true, true, true]);
/// assert!("12".parse::<Pattern>().is_err());
/// # Ok::<(), dynvision::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Vec<bool>);

impl Pattern {
    /// The image is shown all the time.
    pub fn constant() -> Self {
        Pattern(vec![true])
    }

    /// The pattern over `steps` steps: step `t` has entry `t * length / steps`, rounded down. A pattern that is longer
    /// than that leaves entries out.
    pub fn stretched(&self, steps: usize) -> Vec<bool> {
        // `FromStr` holds the length above 0, and the quotient stays below it.
        let at = |t: usize| (t as u128 * self.0.len() as u128 / steps as u128) as usize;
        (0..steps).map(|t| self.0[at(t)]).collect()
    }
}

impl Default for Pattern {
    fn default() -> Self {
        Pattern::constant()
    }
}

impl FromStr for Pattern {
    type Err = DataError;

    fn from_str(pattern: &str) -> Result<Self, DataError> {
        let entry = |c| match c {
            '1' => Some(true),
            '0' => Some(false),
            _ => None,
        };
        match pattern.chars().map(entry).collect::<Option<Vec<bool>>>() {
            Some(entries) if !entries.is_empty() => Ok(Pattern(entries)),
            _ => Err(DataError::Setting {
                setting: "presentation pattern",
                expected: "a row of 1 (shown) and 0 (blank) such as \"1011\"".to_string(),
                found: format!("{pattern:?}"),
            }),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = DataError;

    fn try_from(pattern: String) -> Result<Self, DataError> {
        pattern.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.to_string()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&shown| f.write_str(if shown { "1" } else { "0" }))
    }
}

/// How a still image is presented in time.
///
/// It holds for images; data that has a time axis already is shown as it is, and all of its labels count.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Presentation {
    /// When the image is shown.
    pub pattern: Pattern,
    /// Whether the entries of the pattern change places at random, anew for each batch.
    pub shuffle: bool,
    /// For how many steps after each onset of the image its label does not count: the time that a response needs.
    pub reaction_steps: usize,
    /// The value of every pixel of a blank frame, after normalisation.
    pub blank: f64,
}

impl Presentation {
    /// What happens at each step: `steps` of the presentation, then `residual` blank ones, in which the last frames
    /// still run through a model whose layers hand on their signal that much later in all. Labels are as much later.
    /// A pure function of its arguments; seed and batch have no effect on a pattern that is not shuffled.
    ///
    /// ```
    /// use dynvision::data::{Presentation, Seed};
    /// let presentation = Presentation { pattern: "10".parse()?, reaction_steps: 1, ..Default::default() };
    /// let plan = presentation.plan(4, 2, Seed(0), 0);
    /// assert_eq!(plan.shown(), [true, true, false, false, false, false]);
    /// assert_eq!(plan.counted(), [false, false, false, true, false, false]);
    /// # Ok::<(), dynvision::data::DataError>(())
    /// ```
    pub fn plan(&self, steps: usize, residual: usize, seed: Seed, batch: u64) -> StepMasks {
        let mut pattern = self.pattern.clone();
        if self.shuffle {
            pattern.0.shuffle(&mut seed.rng(Purpose::Presentation, batch));
        }
        let mut shown = pattern.stretched(steps);
        let mut counted = vec![false; residual];
        counted.extend(react(&shown, self.reaction_steps));
        shown.resize(steps + residual, false);
        StepMasks { shown, counted }
    }
}

impl Presentation {
    /// Whether a label can count at all in a presentation of `steps` steps, in some order of the pattern where it is shuffled.
    ///
    /// ```
    /// use dynvision::data::Presentation;
    /// let presentation = Presentation { pattern: "10".parse()?, shuffle: true, reaction_steps: 2, ..Default::default() };
    /// assert!(!presentation.can_count(4) && presentation.can_count(6));
    /// # Ok::<(), dynvision::data::DataError>(())
    /// ```
    pub fn can_count(&self, steps: usize) -> bool {
        let counts = |pattern: &Pattern| react(&pattern.stretched(steps), self.reaction_steps).contains(&true);
        let entries = self.pattern.0.len();
        let shown = self.pattern.0.iter().filter(|&&shown| shown).count();
        match self.shuffle {
            false => counts(&self.pattern),
            // entries that are left out can be those of blanks
            true if entries > steps => shown.min(steps) > self.reaction_steps,
            // the longest time of being shown is where all entries that show stand together, which can be anywhere
            true => (0..=entries - shown).any(|first| {
                counts(&Pattern((0..entries).map(|entry| (first..first + shown).contains(&entry)).collect()))
            }),
        }
    }
}

/// The steps at which the image is shown, without the first `reaction` ones after each onset.
fn react(shown: &[bool], reaction: usize) -> Vec<bool> {
    let mut counted = shown.to_vec();
    let onsets = (0..shown.len()).filter(|&t| shown[t] && (t == 0 || !shown[t - 1]));
    for onset in onsets {
        let end = onset.saturating_add(reaction).min(shown.len());
        counted[onset..end].fill(false);
    }
    counted
}

/// What happens at each step of a presentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepMasks {
    shown: Vec<bool>,
    counted: Vec<bool>,
}

impl StepMasks {
    /// Number of steps, residual ones included.
    pub fn steps(&self) -> usize {
        self.shown.len()
    }

    /// Whether the image is shown, per step; otherwise the frame is blank.
    pub fn shown(&self) -> &[bool] {
        &self.shown
    }

    /// Whether the label counts, per step; otherwise the loss ignores the step.
    pub fn counted(&self) -> &[bool] {
        &self.counted
    }

    /// The label per step of an image of the given class: `None` where it does not count.
    pub fn labels(&self, label: usize) -> impl Iterator<Item = Option<usize>> + '_ {
        self.counted.iter().map(move |&counted| counted.then_some(label))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn presentation(pattern: &str, reaction_steps: usize) -> Presentation {
        Presentation { pattern: pattern.parse().unwrap(), reaction_steps, ..Default::default() }
    }

    #[test]
    fn patterns_are_written_as_they_are_read() {
        let toml = "pattern = \"1011\"\nshuffle = true\nreaction_steps = 2\nblank = 0.5\n";
        let read: Presentation = toml::from_str(toml).unwrap();
        assert_eq!(read, Presentation { shuffle: true, blank: 0.5, ..presentation("1011", 2) });
        assert_eq!(toml::to_string(&read).unwrap(), toml);
        assert_eq!(toml::from_str::<Presentation>("").unwrap(), presentation("1", 0));
        for wrong in ["pattern = \"\"", "pattern = \"1 0\"", "patern = \"1\"", "reaction_steps = -1"] {
            assert!(toml::from_str::<Presentation>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_shuffled_pattern_keeps_its_entries_and_changes_between_batches() {
        let presentation = Presentation { shuffle: true, ..presentation("1100000010", 0) };
        let plans: Vec<StepMasks> = (0..20).map(|batch| presentation.plan(20, 0, Seed(1), batch)).collect();
        for plan in &plans {
            assert!(plan.shown().chunks(2).all(|pair| pair[0] == pair[1]));
            assert_eq!(plan.shown().iter().filter(|&&shown| shown).count(), 6);
        }
        assert!(plans.iter().any(|plan| plan != &plans[0]));
        assert_eq!(presentation.plan(20, 0, Seed(1), 7), plans[7]);
    }

    proptest! {
        #[test]
        fn what_can_count_is_what_counts_in_some_order(
            pattern in "[01]{1,7}", steps in 1usize..12, reaction in 0usize..5,
        ) {
            let shuffled = Presentation { shuffle: true, ..presentation(&pattern, reaction) };
            let entries = pattern.len();
            let ones = pattern.matches('1').count();
            // every pattern with as many ones, not only the orders that some seed draws
            let any = (0..1u32 << entries).filter(|bits| bits.count_ones() as usize == ones).any(|bits| {
                let text: String = (0..entries).map(|i| if bits >> i & 1 == 1 { '1' } else { '0' }).collect();
                presentation(&text, reaction).plan(steps, 0, Seed(0), 0).counted().contains(&true)
            });
            prop_assert_eq!(shuffled.can_count(steps), any);
        }
        #[test]
        fn what_counts_was_shown_for_longer_than_the_reaction_time(
            pattern in "[01]{1,12}", steps in 0usize..30, residual in 0usize..6, reaction in 0usize..8,
        ) {
            let plan = presentation(&pattern, reaction).plan(steps, residual, Seed(0), 0);
            prop_assert_eq!((plan.steps(), plan.counted().len()), (steps + residual, steps + residual));
            for t in 0..plan.steps() {
                let source = t.checked_sub(residual);
                let long_enough = source.is_some_and(|s| s >= reaction && (s - reaction..=s).all(|u| plan.shown()[u]));
                prop_assert_eq!(plan.counted()[t], long_enough);
            }
        }
    }
}
