//! An experiment as data: a protocol, a grid over its settings and the model's, measures, figures.

use super::{Preset, Protocol, ProtocolError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// What it asks.
    pub about: String,
    /// Settings of the model, such as `idle` or `feedforward_only`.
    #[serde(default)]
    pub model: BTreeMap<String, toml::Value>,
    /// What is shown, a [`Preset`]; settings that are varied need a value here too.
    pub protocol: toml::Table,
    /// What is done to the model while it runs, by a name of the experiment's own; `kind` says what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub interventions: BTreeMap<String, toml::Table>,
    /// Settings of measures, by the measure's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measure: BTreeMap<String, toml::Table>,
    /// The grid: a path such as `protocol.duration.stim`, `model.idle`, `interventions.lesion.scale` or
    /// `measure.reaction_time.entropy`, and its values. Paths cross.
    #[serde(default)]
    pub vary: BTreeMap<String, Vec<toml::Value>>,
    /// Names of measures.
    pub measures: Vec<String>,
    /// Names of figures.
    #[serde(default)]
    pub figures: Vec<String>,
}

/// One cell of the grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The value of each parameter that is varied.
    pub parameters: BTreeMap<String, toml::Value>,
    /// Settings of the model.
    pub model: BTreeMap<String, toml::Value>,
    /// What is shown.
    pub protocol: Protocol,
    /// What is done to the model while it runs.
    pub interventions: BTreeMap<String, toml::Table>,
    /// Settings of measures.
    pub measure: BTreeMap<String, toml::Table>,
}

/// What an experiment takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Conditions.
    pub conditions: usize,
    /// Steps of the model: the sum over conditions, times images.
    pub steps: u128,
    /// Bytes of the responses at full resolution.
    pub bytes: u128,
}

/// Grids of more cells are refused: their number is a product that the input merely states.
const MOST: usize = 1_000_000;

impl Experiment {
    /// Reads an experiment.
    ///
    /// # Errors
    /// [`ProtocolError::Text`] with the line; and all that [`conditions`](Experiment::conditions) refuses.
    pub fn parse(text: &str) -> Result<Self, ProtocolError> {
        let experiment: Experiment = toml::from_str(text).map_err(|error| ProtocolError::Text(error.to_string()))?;
        experiment.conditions()?;
        Ok(experiment)
    }

    /// Returns one that comes with the crate, if there is one of that name.
    ///
    /// # Errors
    /// As [`parse`](Experiment::parse).
    ///
    /// ```
    /// use dynvision::protocol::experiment::Experiment;
    /// let contrast = Experiment::named("contrast").unwrap()?;
    /// assert_eq!(contrast.conditions()?.len(), 7);
    /// # Ok::<(), dynvision::protocol::ProtocolError>(())
    /// ```
    pub fn named(name: &str) -> Option<Result<Self, ProtocolError>> {
        source(name).map(Experiment::parse)
    }

    /// Returns the cells of the grid, in the order of the paths' names and their values.
    ///
    /// # Errors
    /// [`ProtocolError`] for a path that does not exist, for one that has no value or one twice, for a value of another kind or outside
    /// its range.
    pub fn conditions(&self) -> Result<Vec<Condition>, ProtocolError> {
        for (path, values) in &self.vary {
            let wrong = |what: String| Err(ProtocolError::Conflict(format!("`{path}` is varied over {what}")));
            if values.is_empty() {
                return wrong("nothing: give it at least one value, or leave it out".into());
            }
            let again =
                values.iter().enumerate().find(|(i, value)| values.iter().take(*i).any(|known| known == *value));
            if let Some((_, value)) = again {
                return wrong(format!("{value} twice: leave one of them out"));
            }
        }
        let count = self.vary.values().try_fold(1_usize, |n, values| n.checked_mul(values.len()));
        if !count.is_some_and(|count| (1..=MOST).contains(&count)) {
            return Err(ProtocolError::Conflict(format!("the grid must have between 1 and {MOST} cells")));
        }
        let mut cells: Vec<BTreeMap<String, toml::Value>> = vec![BTreeMap::new()];
        for (path, values) in &self.vary {
            let with = |cell: &BTreeMap<_, _>, value: &toml::Value| {
                let mut cell = cell.clone();
                cell.insert(path.clone(), value.clone());
                cell
            };
            cells = cells.iter().flat_map(|cell| values.iter().map(move |value| with(cell, value))).collect();
        }
        cells.into_iter().map(|parameters| self.condition(parameters)).collect()
    }

    fn condition(&self, parameters: BTreeMap<String, toml::Value>) -> Result<Condition, ProtocolError> {
        let mut protocol = toml::Value::Table(self.protocol.clone());
        let (mut model, mut interventions, mut measure) =
            (self.model.clone(), self.interventions.clone(), self.measure.clone());
        for (path, value) in &parameters {
            let unknown = || {
                ProtocolError::Conflict(format!(
                    "`{path}` is varied, but the experiment gives it no value; name `protocol.…`, `model.…`, \
                     `interventions.…` or `measure.…` and a setting that stands there"
                ))
            };
            let place = match path.split_once('.') {
                Some(("model", name)) => model.get_mut(name),
                Some(("protocol", rest)) => rest.split('.').try_fold(&mut protocol, |at, key| at.get_mut(key)),
                Some(("interventions", rest)) => within(&mut interventions, rest),
                Some(("measure", rest)) => within(&mut measure, rest),
                _ => None,
            };
            *place.ok_or_else(unknown)? = value.clone();
        }
        let preset: Preset =
            protocol.try_into().map_err(|error: toml::de::Error| ProtocolError::Text(error.to_string()))?;
        Ok(Condition { parameters, model, protocol: preset.build()?, interventions, measure })
    }

    /// Returns what it takes for so many images, with `units` values recorded a step.
    ///
    /// # Errors
    /// As [`conditions`](Experiment::conditions) and [`Protocol::timeline`].
    pub fn cost(&self, dt: f64, images: usize, units: usize) -> Result<Cost, ProtocolError> {
        let conditions = self.conditions()?;
        let mut steps = 0_u128;
        for condition in &conditions {
            steps += condition.protocol.timeline(dt)?.steps() as u128 * images as u128;
        }
        Ok(Cost { conditions: conditions.len(), steps, bytes: steps.saturating_mul(4 * units as u128) })
    }
}

/// The value at a path such as `lesion.scale` or `lesion.steps.from`.
fn within<'a>(tables: &'a mut BTreeMap<String, toml::Table>, path: &str) -> Option<&'a mut toml::Value> {
    let mut keys = path.split('.');
    let table = tables.get_mut(keys.next()?)?;
    let first = table.get_mut(keys.next()?)?;
    keys.try_fold(first, |at, key| at.get_mut(key))
}

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        /// The names of the experiments that come with the crate.
        pub const NAMES: &[&str] = &[$($name),*];

        /// Returns the TOML of an experiment that comes with the crate.
        pub fn source(name: &str) -> Option<&'static str> {
            match name {
                $($name => Some(include_str!(concat!("experiments/", $name, ".toml"))),)*
                _ => None,
            }
        }
    };
}

built_in!(
    "response",
    "responseffonly",
    "responseintermediate",
    "stabilityintermediate",
    "stability",
    "nullcondition",
    "idleresponse",
    "duration",
    "contrast",
    "interval",
    "uniformnoise",
    "uniformnoiseffonly",
    "saltpeppernoise",
    "poissonnoise",
    "poissonnoiseffonly",
    "gaussiannoise",
    "gaussiancorrnoise",
    "phasescramblednoise",
    "gaussiannoiseffonly",
    "gaussiancorrnoiseffonly",
    "phasescramblednoiseffonly",
    "hundred",
    "ten",
    "masking",
    "rsvp",
    "occlusion",
    "crowding",
    "clutter",
    "rsa",
    "decoding",
    "lesion",
    "reaction-time",
);
