//! Measures by name.

use super::{Measure, built_in};
use crate::Error;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Settings of a measure, as an experiment gives them.
pub type Settings = toml::Table;

type Make = Arc<dyn Fn(&Settings) -> Result<Measure, String> + Send + Sync>;

/// What measures of these names are now, where they were something else before: finished cells that hold what they were are not
/// taken for what they are.
const REVISIONS: [(&str, u32); 1] = [
    // 1: none where activity still grows at the end of the trace
    ("peak_ratio", 1),
];

/// A measure that has a name.
#[derive(Clone)]
struct Entry {
    unit: String,
    about: String,
    make: Make,
}

/// The measures that an experiment can name. A user's own are added to those that come with the crate.
///
/// ```
/// use dynvision_lab::measure::{Measure, Measures, Units};
///
/// let measures = Measures::built_in()
///     .with("largest", "response", "the largest activity", Measure::units(|units: &Units<'_>| {
///         units.values().iter().copied().reduce(f32::max).map(f64::from)
///     }));
/// assert!(measures.get("largest", &Default::default()).is_ok());
/// let error = measures.get("acuracy", &Default::default()).unwrap_err().to_string();
/// assert!(error.contains("did you mean `accuracy`?"));
/// ```
#[derive(Clone)]
pub struct Measures(BTreeMap<String, Entry>);

impl Measures {
    /// Those that come with the crate.
    pub fn built_in() -> Self {
        let mut measures = Measures(BTreeMap::new());
        built_in::register(&mut measures);
        measures
    }

    /// These and one more, which takes the place of one of the same name.
    #[must_use]
    pub fn with(mut self, name: &str, unit: &str, about: &str, measure: Measure) -> Self {
        self.add(name, unit, about, move |_| Ok(measure.clone()));
        self
    }

    /// These and one more, which an experiment can set: `make` gets the settings, and says what is wrong with them.
    #[must_use]
    pub fn with_settings(
        mut self,
        name: &str,
        unit: &str,
        about: &str,
        make: impl Fn(&Settings) -> Result<Measure, String> + Send + Sync + 'static,
    ) -> Self {
        let entry = Entry { unit: unit.into(), about: about.into(), make: Arc::new(make) };
        self.0.insert(name.into(), entry);
        self
    }

    /// A measure without settings.
    pub(super) fn add(
        &mut self,
        name: &str,
        unit: &str,
        about: &str,
        make: impl Fn(&Settings) -> Result<Measure, String> + Send + Sync + 'static,
    ) {
        let checked = move |settings: &Settings| match settings.keys().next() {
            Some(key) => Err(format!("it has no setting `{key}`; it has none at all")),
            None => make(settings),
        };
        let entry = Entry { unit: unit.into(), about: about.into(), make: Arc::new(checked) };
        self.0.insert(name.into(), entry);
    }

    /// Adds a measure with settings that are read by serde, which names those that there are.
    pub(super) fn add_set<S: serde::de::DeserializeOwned>(
        &mut self,
        name: &str,
        unit: &str,
        about: &str,
        make: impl Fn(S) -> Result<Measure, String> + Send + Sync + 'static,
    ) {
        let read = move |settings: &Settings| {
            let settings = toml::Value::Table(settings.clone())
                .try_into()
                .map_err(|e: toml::de::Error| e.message().to_string())?;
            make(settings)
        };
        let entry = Entry { unit: unit.into(), about: about.into(), make: Arc::new(read) };
        self.0.insert(name.into(), entry);
    }

    /// The names, in the order of the alphabet. `K` in a name stands for a number.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns a measure by name, with these settings.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] with the nearest name and all names; [`Error::Setting`].
    pub fn get(&self, name: &str, settings: &Settings) -> Result<Measure, Error> {
        let failed = |reason| Error::Setting { what: "measure", name: name.into(), reason };
        if let Some(entry) = self.0.get(name) {
            return (entry.make)(settings).map_err(failed);
        }
        match built_in::numbered(name) {
            Some(measure) if settings.is_empty() => Ok(measure),
            Some(_) => Err(failed("it has no settings".into())),
            None => Err(Error::unknown("measure", name, self.names())),
        }
    }

    /// How often the definition of a measure has changed.
    pub(crate) fn revision(name: &str) -> u32 {
        REVISIONS.iter().find(|(revised, _)| *revised == name).map_or(0, |(_, revision)| *revision)
    }

    /// The unit of a measure's numbers, such as `ms`; empty where they have none.
    pub fn unit(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|entry| entry.unit.as_str())
    }

    /// What a measure says, in a line.
    pub fn about(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|entry| entry.about.as_str())
    }
}

impl Default for Measures {
    fn default() -> Self {
        Measures::built_in()
    }
}

impl std::fmt::Debug for Measures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nothing_has_is_refused_with_the_nearest_and_with_all() {
        let measures = Measures::built_in();
        let text = measures.get("response_avgs", &Settings::new()).unwrap_err().to_string();
        assert!(text.contains("no measure `response_avgs`, did you mean `response_avg`?"), "{text}");
        assert!(text.contains("temporal_summation") && text.contains("accuracy_topK"), "{text}");
        let text = measures.get("zzzzzz", &Settings::new()).unwrap_err().to_string();
        assert!(!text.contains("did you mean"), "{text}");
    }

    #[test]
    fn numbers_in_names_are_read() {
        let measures = Measures::built_in();
        assert!(matches!(measures.get("accuracy_top5", &Settings::new()), Ok(Measure::Readout(_))));
        assert!(matches!(measures.get("first_label_accuracy_top2", &Settings::new()), Ok(Measure::Readout(_))));
        for name in ["accuracy_top", "accuracy_top0", "accuracy_top05", "accuracy_top-1", "accuracy_topK"] {
            assert!(measures.get(name, &Settings::new()).is_err(), "{name}");
        }
    }

    #[test]
    fn settings_that_a_measure_does_not_have_are_refused() {
        let measures = Measures::built_in();
        let settings: Settings = toml::from_str("confidense = 0.5").unwrap();
        let text = measures.get("reaction_time", &settings).unwrap_err().to_string();
        assert!(text.contains("reaction_time") && text.contains("confidense") && text.contains("confidence"), "{text}");
        let text = measures.get("accuracy", &settings).unwrap_err().to_string();
        assert!(text.contains("no setting `confidense`"), "{text}");
    }
}
