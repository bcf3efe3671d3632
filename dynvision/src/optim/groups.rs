//! Groups of parameters by name: their learning rates, their weight decay, and which are frozen.

use super::OptimError;

/// What holds for the parameters whose names match a pattern.
///
/// A pattern matches a name that contains it; `*` in it stands for any characters. Names are paths such as
/// `v1.recurrence.weight`, `v1_feedback.conv.weight` or `classifier.weight`, so `"recurrence"` is every recurrent
/// connection and `"v1*bias"` every bias of an area `v1`.
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
    /// The parameters whose names contain `pattern`.
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

    fn matches(&self, name: &str) -> bool {
        let mut rest = name;
        self.pattern.split('*').all(|part| match rest.find(part) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    }
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
            ("i*i*", [false, false, false, true]),
        ] {
            assert_eq!(NAMES.map(|name| Group::named(pattern).matches(name)), matched, "{pattern}");
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
