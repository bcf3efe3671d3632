//! Groups of parameters by name: their learning rates, their weight decay, and which are frozen.

use super::OptimError;

/// What holds for the parameters whose names match a pattern.
///
/// Names are paths such as `v1.recurrence.weight`, `v2_skip_v1.conv.weight` or `classifier.weight`. A pattern is read by the
/// words of a path, which dots and underscores divide:
///
/// | pattern | holds for |
/// |---|---|
/// | `v1.conv.weight` (a full name) | that parameter and no other |
/// | `v1.conv` (the beginning of a path) | all parameters below it |
/// | `recurrence`, `feedback`, `bias`, `weight` (a word) | all names in which it stands as a whole word |
/// | `v1` (the same for an area) | all of `v1`, its operations and the connections into it; not `v10`, not `v2_skip_v1` |
/// | `v1*bias`, `*_skip_*`, `*.weight` (with `*`) | all names that are of this form from beginning to end; `*` is any characters |
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Which names it holds for.
    pub pattern: String,
    /// By what the learning rate is multiplied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    /// By what the weight decay is multiplied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Whether the parameters stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<bool>,
}

impl Group {
    /// The parameters whose names match `pattern`.
    pub fn named(pattern: impl Into<String>) -> Self {
        Group { pattern: pattern.into(), ..Default::default() }
    }

    /// Multiplies their learning rate.
    pub fn lr(self, factor: f64) -> Self {
        Group { lr: Some(factor), ..self }
    }

    /// Multiplies their weight decay; 0 for none.
    pub fn weight_decay(self, factor: f64) -> Self {
        Group { weight_decay: Some(factor), ..self }
    }

    /// Leaves them as they are.
    pub fn frozen(self) -> Self {
        Group { frozen: Some(true), ..self }
    }

    /// Trains them, after a group before has frozen them.
    pub fn trained(self) -> Self {
        Group { frozen: Some(false), ..self }
    }

    /// Whether it holds for the parameter of that name.
    pub fn matches(&self, name: &str) -> bool {
        let pattern = self.pattern.as_str();
        if pattern.contains('*') {
            return matches_form(pattern, name);
        }
        let below = name.strip_prefix(pattern).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        below || !pattern.contains('.') && name.split('.').any(|field| has_words(field, pattern))
    }
}

/// Whether a name has the form of a pattern from its beginning to its end, with any characters for each `*`.
fn matches_form(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in between.split('*') {
        // the first place leaves the most for the parts behind it
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(last)
}

/// Whether the words of a pattern stand in a field, one after the other. Those of a connection `v2_skip_v1` begin with where
/// it goes or what it is: it belongs to the area that it goes into.
fn has_words(field: &str, pattern: &str) -> bool {
    let (words, wanted): (Vec<&str>, Vec<&str>) = (field.split('_').collect(), pattern.split('_').collect());
    let kind = words.iter().position(|word| matches!(*word, "skip" | "feedback"));
    let starts = kind.map_or(words.len(), |kind| kind + 1);
    (0..starts).any(|at| words[at..].starts_with(&wanted))
}

/// Groups in their order: of several that hold for a parameter, the last that says something about a setting decides it.
///
/// ```
/// use dynvision::optim::{Group, Groups};
/// // As the original trains: recurrence a fifth as fast, feedback half as fast.
/// let groups = Groups::new([Group::named("recurrence").lr(0.2), Group::named("feedback").lr(0.5)]);
/// assert_eq!(groups.settings("v1.recurrence.weight").lr, 0.2);
/// assert_eq!(groups.settings("v1.weight").lr, 1.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Groups(Vec<Group>);

/// What holds for one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// By what the learning rate is multiplied.
    pub lr: f64,
    /// By what the weight decay is multiplied.
    pub weight_decay: f64,
    /// Whether it stays as it is.
    pub frozen: bool,
}

impl Groups {
    /// Groups in their order.
    pub fn new(groups: impl IntoIterator<Item = Group>) -> Self {
        Groups(groups.into_iter().collect())
    }

    /// The groups, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Group> {
        self.0.iter()
    }

    /// What holds for the parameter of that name.
    pub fn settings(&self, name: &str) -> Settings {
        let mut settings = Settings { lr: 1.0, weight_decay: 1.0, frozen: false };
        for group in self.0.iter().filter(|group| group.matches(name)) {
            settings.lr = group.lr.unwrap_or(settings.lr);
            settings.weight_decay = group.weight_decay.unwrap_or(settings.weight_decay);
            settings.frozen = group.frozen.unwrap_or(settings.frozen);
        }
        settings
    }

    /// Checks that every group holds for one of these names at least, and that its factors are sound.
    ///
    /// # Errors
    /// A pattern that matches no name, an empty pattern, or a factor that is negative or not finite.
    pub fn check<'a>(&self, names: impl Iterator<Item = &'a str> + Clone) -> Result<(), OptimError> {
        for group in &self.0 {
            for factor in [group.lr, group.weight_decay].into_iter().flatten() {
                if !factor.is_finite() || factor < 0.0 {
                    return Err(OptimError::setting("factor of a group", factor, "a finite number, not negative"));
                }
            }
            if group.pattern.is_empty() || !names.clone().any(|name| group.matches(name)) {
                let names = names.map(ToString::to_string).collect();
                return Err(OptimError::Pattern { pattern: group.pattern.clone(), names });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["v1.weight", "v1.recurrence.weight", "v1.recurrence.bias", "classifier.weight"];

    #[test]
    fn patterns_match_what_they_say() {
        for (pattern, matched) in [
            ("recurrence", [false, true, true, false]),
            ("v1*weight", [true, true, false, false]),
            ("v1.weight", [true, false, false, false]),
            ("weight*v1", [false; 4]),
            ("*", [true; 4]),
            ("c*i*", [false, false, false, true]),
            ("i*i*", [false; 4]),
            ("v1.*", [true, true, true, false]),
            ("v1*v1", [false; 4]),
            ("current", [false; 4]),
            ("recurrence.weight", [false; 4]),
            ("*.recurrence.weight", [false, true, false, false]),
        ] {
            assert_eq!(NAMES.map(|name| Group::named(pattern).matches(name)), matched, "{pattern}");
        }
    }

    #[test]
    fn a_full_name_is_one_parameter_and_an_area_is_not_where_its_signal_goes() {
        let names = [
            "v1.conv.weight",
            "v10.conv.weight",
            "v1_norm.scale",
            "v2_skip_v1.conv.weight",
            "v1_feedback_v2.conv.weight",
            "v2.conv.weight_g",
        ];
        for (pattern, matched) in [
            ("v1.conv.weight", [true, false, false, false, false, false]),
            ("v1.conv", [true, false, false, false, false, false]),
            ("v1", [true, false, true, false, true, false]),
            ("v2", [false, false, false, true, false, true]),
            ("v2_skip_v1", [false, false, false, true, false, false]),
            ("v2_skip_v1.conv.weight", [false, false, false, true, false, false]),
            ("skip", [false, false, false, true, false, false]),
            ("skip_v1", [false, false, false, true, false, false]),
            ("*_v1.*", [false, false, false, true, false, false]),
            ("v1*", [true, true, true, false, true, false]),
            ("norm", [false, false, true, false, false, false]),
            ("weight", [true, true, false, true, true, true]),
            ("eight", [false; 6]),
        ] {
            assert_eq!(names.map(|name| Group::named(pattern).matches(name)), matched, "{pattern}");
        }
        for name in names {
            assert_eq!(names.iter().filter(|other| Group::named(name).matches(other)).count(), 1, "{name}");
        }
    }

    #[test]
    fn the_last_group_decides_each_setting_for_itself() {
        let groups = Groups::new([
            Group::named("v1").frozen().lr(0.5),
            Group::named("recurrence").trained(),
            Group::named("bias").weight_decay(0.0).lr(2.0),
        ]);
        let settings = |lr, weight_decay, frozen| Settings { lr, weight_decay, frozen };
        let expected =
            [settings(0.5, 1.0, true), settings(0.5, 1.0, false), settings(2.0, 0.0, false), settings(1.0, 1.0, false)];
        assert_eq!(NAMES.map(|name| groups.settings(name)), expected);
    }

    #[test]
    fn a_group_that_holds_for_nothing_is_a_mistake() {
        let names = || NAMES.into_iter();
        let error = Groups::new([Group::named("recurence")]).check(names()).unwrap_err().to_string();
        assert!(error.contains("`recurence`") && error.contains("v1.recurrence.bias"), "{error}");
        assert!(Groups::new([Group::named("")]).check(names()).is_err());
        assert!(Groups::new([Group::named("v1").lr(f64::NAN)]).check(names()).is_err());
        assert!(Groups::new([Group::named("v1").weight_decay(-1.0)]).check(names()).is_err());
        Groups::new([Group::named("v1").lr(0.0)]).check(names()).unwrap();
    }

    #[test]
    fn groups_are_read_from_a_configuration() {
        #[derive(serde::Deserialize)]
        struct Config {
            groups: Groups,
        }
        let toml = "groups = [{ pattern = \"recurrence\", lr = 0.2 }, { pattern = \"bias\", frozen = true }]";
        let expected = Groups::new([Group::named("recurrence").lr(0.2), Group::named("bias").frozen()]);
        assert_eq!(toml::from_str::<Config>(toml).unwrap().groups, expected);
        assert!(toml::from_str::<Config>("groups = [{ pattern = \"a\", rate = 1.0 }]").is_err());
    }
}
