//! The settings as values of their types.

use super::layer::{Values, lay, lay_all};
use super::schema::find;
use super::{ConfigError, Kind, Layers, Source, units};
use crate::lab_error::LabError;
use crate::models::{Entry, Losses, Models};
use dynvision::data::{Presentation, Seed};
use dynvision::protocol::{Preset, Protocol, ProtocolError};
use dynvision::time::{Dynamics, Plan};
use dynvision::train::TrainConfig;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use toml::Value;

/// What is trained and tested on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The data set.
    pub name: String,
    /// Where its files are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Train on so many images at most; 0 for all.
    pub train: usize,
    /// Test on so many images at most; 0 for all.
    pub test: usize,
    /// The part of the training images that is held out to evaluate on meanwhile.
    pub validation: f64,
    /// Determines which images of a folder that its authors did not divide are tested on.
    #[serde(default)]
    pub seed: Seed,
    /// Whether files of a folder that cannot be decoded are left out and counted, and not refused.
    #[serde(default)]
    pub skip_corrupt: bool,
    /// More gigabytes than this are not read of a folder into memory.
    #[serde(default = "memory_gb")]
    pub memory_gb: f64,
}

fn memory_gb() -> f64 {
    crate::sets::MEMORY_GB
}

/// Which experiments are run, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiments {
    /// Names, or files.
    pub names: Vec<String>,
    /// So many test images are shown.
    pub images: usize,
    /// Images that are shown at once.
    pub batch: usize,
    /// Determines noise and masks.
    pub seed: Seed,
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A readable beginning of the run's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The model.
    pub model: String,
    /// Determines all that is left to chance.
    pub seed: Seed,
    /// The times of the model.
    pub dynamics: Dynamics,
    /// What is trained and tested on.
    pub data: Data,
    /// How it is trained.
    pub train: TrainConfig,
    /// What is shown in training and test, in place of `train.steps` and `train.presentation.pattern`: `train.protocol`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Preset>,
    /// What is minimised.
    pub losses: Losses,
    /// Which experiments are run.
    pub experiments: Experiments,
}

impl Settings {
    /// The protocol that training shows, if it shows one.
    ///
    /// # Errors
    ///
    /// Settings that no protocol can have.
    pub fn shown(&self) -> Result<Option<Protocol>, ProtocolError> {
        self.protocol.as_ref().map(Preset::build).transpose()
    }

    /// The steps for which training shows an image.
    ///
    /// # Errors
    ///
    /// Settings that no protocol can have, and times that are no whole number of steps.
    pub fn steps(&self) -> Result<usize, ProtocolError> {
        let steps = |protocol: Protocol| Ok(protocol.timeline(self.dynamics.dt)?.steps());
        self.shown()?.map_or(Ok(self.train.steps), steps)
    }
}

/// Settings, and where each comes from.
#[derive(Debug, Clone)]
pub struct Config {
    /// The settings.
    pub settings: Settings,
    values: Values,
}

const BUILT_IN: &str = r#"
seed = 0
[data]
train = 0
test = 0
validation = 0.1
seed = 0
skip_corrupt = false
memory_gb = 4.0
[train]
epochs = 10
batch_size = 64
accumulate = 1
steps = 10
order = "shuffled"
lr_scaling = "none"
schedule_by = "update"
evaluate_every = 1
optimizer = { method = "adam", lr = 1e-3 }
clip = { norm = 1.0 }
schedule = { kind = "constant" }
presentation = { pattern = "1", shuffle = false, reaction_steps = 0, blank = 0.0 }
logs = { every = 20, tensorboard = false }
checkpoints = { every = 1, every_minutes = 2.0, best = false, keep_best = 0 }
[losses]
activity = 0.0
smoothness = 0.0
[experiments]
names = ["contrast"]
images = 100
batch = 50
seed = 0
"#;

impl Config {
    /// Reads the layers. The model that they name says the times that are not set.
    ///
    /// # Errors
    ///
    /// What is no setting, with its place; a value that a setting cannot have; no model; a model that there is not; times that the
    /// model cannot have.
    ///
    /// ```
    /// use dynvision_lab::config::{Config, Layers};
    /// use dynvision_lab::models::Models;
    ///
    /// let mut models = Models::default();
    /// models.add::<dynvision::zoo::DyRCNNx2>("mine")?;
    /// let layers = |set: &[&str]| Layers { set: set.iter().map(|s| s.to_string()).collect(), ..Layers::default() };
    /// let config = Config::read(&models, &layers(&["model=mine", "data.name=cifar10", "dynamics.tau=10ms"]))?;
    /// assert_eq!(config.settings.dynamics.tau, 10.0);
    /// assert_eq!(config.source("dynamics.tau").to_string(), "command line");
    /// assert_eq!(config.source("dynamics.t_recurrence").to_string(), "declared by `mine`");
    /// let error = Config::read(&models, &layers(&["dynamics.tua=10ms"])).unwrap_err().to_string();
    /// assert!(error.contains("did you mean `dynamics.tau`?"));
    /// # Ok::<(), dynvision_lab::LabError>(())
    /// ```
    pub fn read(models: &Models, layers: &Layers) -> Result<Self, LabError> {
        let mut above = Values::new();
        lay_all(&mut above, layers)?;
        let model = match above.get("model") {
            Some((Value::String(model), _)) => model.clone(),
            _ => match (models.names().next(), models.names().count()) {
                (Some(only), 1) => only.to_string(),
                _ => {
                    let names: Vec<&str> = models.names().collect();
                    return Err(ConfigError::Missing(format!(
                        "no model is named: say `model = \"...\"` in lab.toml, or `--model NAME`; there are {}",
                        names.join(", ")
                    ))
                    .into());
                }
            },
        };
        let entry = models.get(&model)?;
        let mut values = base(&model, entry)?;
        lay_all(&mut values, layers)?;
        Config::of(entry, values)
    }

    /// Reads what a run has recorded.
    pub(crate) fn recorded(models: &Models, text: &str, file: &str) -> Result<Self, LabError> {
        let failed = |reason: String| ConfigError::File { file: file.into(), reason };
        let mut table: toml::Table = toml::from_str(text).map_err(|error| failed(error.message().into()))?;
        let Some(Value::Table(settings)) = table.remove("settings") else {
            return Err(failed("it has no table `settings`".into()).into());
        };
        let sources = table.remove("sources").unwrap_or(Value::Boolean(false));
        let model = settings.get("model").and_then(Value::as_str).unwrap_or_default();
        let entry = models.get(model)?;
        let mut values = Values::new();
        lay(&mut values, settings, &Source::Recorded(file.into()))?;
        for (path, (_, source)) in &mut values {
            if let Some(text) = sources.get(path).and_then(Value::as_str) {
                *source = Source::Recorded(text.into());
            }
        }
        Config::of(entry, values)
    }

    fn of(entry: &dyn Entry, mut values: Values) -> Result<Self, LabError> {
        // the time step first: others are in steps
        let dt = match values.get("dynamics.dt") {
            Some((value, _)) => units::time(value, f64::NAN).filter(|dt| *dt > 0.0 && dt.is_finite()),
            None => None,
        };
        let wrong = |path: &str, value: &Value, source: &Source, expected: String| ConfigError::Value {
            at: source.clone().into(),
            key: path.into(),
            value: value.to_string(),
            expected,
        };
        let Some(dt) = dt else {
            let unset = (Value::String("not set".into()), Source::BuiltIn);
            let (value, source) = values.get("dynamics.dt").unwrap_or(&unset);
            return Err(wrong("dynamics.dt", value, source, "it takes a time above 0 in ms, µs or s".into()).into());
        };
        for (path, (value, source)) in &mut values {
            let Some(key) = find(path) else { continue };
            let converted = match key.kind {
                Kind::Time => units::time(value, dt).map(Value::Float),
                Kind::Steps => units::steps(value, dt).map(Value::Integer),
                _ => continue,
            };
            *value = converted.ok_or_else(|| {
                wrong(path, value, source, format!("it takes {} (a step is {dt} ms)", key.kind.name()))
            })?;
        }
        resolve(&mut values)?;
        let tree = tree(&values);
        let settings = read(&tree, &values)?;
        let of = |path: &str| source_in(&values, path);
        let refused = |path: &str, expected: String| -> LabError {
            let value = values.get(path).map_or_else(String::new, |(value, _)| value.to_string());
            ConfigError::Value { at: of(path).into(), key: path.into(), value, expected }.into()
        };
        Plan::new(&settings.dynamics, &entry.wiring()).map_err(|error| ConfigError::Text {
            at: of("dynamics").into(),
            reason: format!("`{}` cannot have these times: {error}", settings.model),
        })?;
        settings.train.check().map_err(|error| {
            let text = error.to_string();
            // what is wrong comes first, as in `lr is -1`
            let path = text.split_once(" is ").and_then(|(setting, _)| placed(&values, setting));
            let path = path.unwrap_or_else(|| "train".into());
            ConfigError::Text { at: of(&path).into(), reason: format!("`{path}`: {text}") }
        })?;
        let steps = settings.steps().map_err(|error| ConfigError::Text {
            at: of("train.protocol").into(),
            reason: format!("`train.protocol`: {error}"),
        })?;
        if settings.protocol.is_some() && steps < 2 {
            let reason = "`train.protocol` lasts a step, and it must have two or more".into();
            return Err(ConfigError::Text { at: of("train.protocol").into(), reason }.into());
        }
        if let Some(protocol) = settings.shown()? {
            let labels = protocol.timeline(dt)?.labels(-1, |_| 0);
            if labels.iter().all(|label| *label < 0) {
                let reason = "`train.protocol` has no step whose label counts: there is nothing to learn from; show an image for a \
                              step or more, and let its label count";
                return Err(ConfigError::Text { at: of("train.protocol").into(), reason: reason.into() }.into());
            }
        }
        // a protocol has events and a rule of its own; what would change nothing is not accepted
        let (given, none) = (&settings.train.presentation, Presentation::default());
        let idle = [
            ("train.presentation.pattern", given.pattern != none.pattern),
            ("train.presentation.shuffle", given.shuffle != none.shuffle),
            ("train.presentation.reaction_steps", given.reaction_steps != none.reaction_steps),
        ];
        if let (Some(_), Some((path, _))) = (&settings.protocol, idle.iter().find(|(_, set)| *set)) {
            return Err(refused(path, "under `train.protocol` it has no effect: leave one of them out".into()));
        }
        for path in ["losses.activity", "losses.smoothness"] {
            let weight = values.get(path).and_then(|(value, _)| value.as_float()).unwrap_or_default();
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(refused(path, "it takes a finite number from 0 on".into()));
            }
        }
        if settings.data.memory_gb.is_nan() || settings.data.memory_gb <= 0.0 {
            return Err(refused("data.memory_gb", "it takes a number above 0".into()));
        }
        if !(0.0..1.0).contains(&settings.data.validation) {
            return Err(refused("data.validation", "it takes a number from 0 to below 1".into()));
        }
        for path in ["train.epochs", "experiments.images", "experiments.batch"] {
            if values.get(path).and_then(|(value, _)| value.as_integer()) == Some(0) {
                return Err(refused(path, "it takes a whole number from 1 on".into()));
            }
        }
        Ok(Config { settings, values })
    }

    /// Where a value comes from.
    pub fn source(&self, path: &str) -> Source {
        source_in(&self.values, path)
    }

    /// All values with their sources, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = (&str, &Value, &Source)> {
        self.values.iter().map(|(path, (value, source))| (path.as_str(), value, source))
    }

    /// The settings as a table of TOML.
    pub fn table(&self) -> toml::Table {
        tree(&self.values)
    }
}

/// Puts what a protocol shows in the place of its name.
fn resolve(values: &mut Values) -> Result<(), LabError> {
    const PATH: &str = "train.protocol";
    let Some((value, source)) = values.get(PATH).cloned() else { return Ok(()) };
    let named = match &value {
        Value::String(name) => crate::experiment::named(name)?,
        _ => {
            let expected =
                "it takes a table such as `{ repetition = { total = \"20 ms\" } }`, or the name of an experiment";
            let value = value.to_string();
            return Err(
                ConfigError::Value { at: source.into(), key: PATH.into(), value, expected: expected.into() }.into()
            );
        }
    };
    values.remove(PATH);
    super::layer::leaves(PATH, &Value::Table(named.protocol), &mut |path, value| {
        values.insert(path, (value, source.clone()));
    });
    Ok(())
}

/// What is set where nothing else is.
fn base(model: &str, entry: &dyn Entry) -> Result<Values, LabError> {
    let mut values = Values::new();
    let failed = |error: String| LabError::Failed(format!("the settings that are built in: {error}"));
    let built_in: toml::Table = toml::from_str(BUILT_IN).map_err(|error| failed(error.to_string()))?;
    lay(&mut values, built_in, &Source::BuiltIn)?;
    let declared = Value::try_from(entry.dynamics()?).map_err(|error| failed(error.to_string()))?;
    let table = toml::Table::from_iter([("model".to_string(), Value::String(model.into()))]);
    lay(&mut values, table, &Source::BuiltIn)?;
    let dynamics = toml::Table::from_iter([("dynamics".to_string(), declared)]);
    lay(&mut values, dynamics, &Source::Model(model.into()))?;
    Ok(values)
}

/// The path of what a training calls a setting: `lr` is that of the optimizer.
fn placed(values: &Values, setting: &str) -> Option<String> {
    let (own, inner) = (format!("train.{setting}"), format!(".{setting}"));
    let exact = values.keys().find(|path| **path == own || (path.starts_with("train.") && path.ends_with(&inner)));
    let section = values.keys().any(|path| path.strip_prefix(&own).is_some_and(|rest| rest.starts_with('.')));
    exact.cloned().or_else(|| section.then_some(own))
}

/// What serde says of a value, without the names of types.
fn said(error: &toml::de::Error) -> String {
    match error.message().split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected a table, as the documentation of training shows"),
        None => error.message().into(),
    }
}

/// Where the latest value of a section comes from.
fn source_in(values: &Values, path: &str) -> Source {
    if let Some((_, source)) = values.get(path) {
        return source.clone();
    }
    let inside = values.iter().filter(|(known, _)| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')));
    let rank = |source: &Source| match source {
        Source::BuiltIn => 0,
        Source::Model(_) => 1,
        Source::Recorded(_) => 2,
        Source::File { .. } => 3,
        Source::Profile { .. } => 4,
        Source::Environment(_) => 5,
        Source::CommandLine | Source::Sweep(_) => 6,
    };
    inside.map(|(_, (_, source))| source).max_by_key(|source| rank(source)).cloned().unwrap_or(Source::BuiltIn)
}

fn tree(values: &Values) -> toml::Table {
    let mut root = toml::Table::new();
    'values: for (path, (value, _)) in values {
        let mut table = &mut root;
        let (sections, last) = path.rsplit_once('.').unwrap_or(("", path));
        for section in sections.split('.').filter(|section| !section.is_empty()) {
            let inner = table.entry(section).or_insert_with(|| Value::Table(toml::Table::new()));
            // no value lies over a table: `put` sees to it
            let Value::Table(inner) = inner else { continue 'values };
            table = inner;
        }
        table.insert(last.into(), value.clone());
    }
    root
}

fn read(tree: &toml::Table, values: &Values) -> Result<Settings, LabError> {
    let mut tree = tree.clone();
    let failed = |path: &str, error: toml::de::Error| ConfigError::Text {
        at: source_in(values, path).into(),
        reason: format!("`{path}`: {}", said(&error)),
    };
    if tree.get("data").is_none_or(|data| data.get("name").is_none()) {
        return Err(ConfigError::Missing(
            "no data set is named: say `data.name = \"...\"` in lab.toml, or `--set data.name=NAME`; `data` lists them"
                .into(),
        )
        .into());
    }
    let shown = tree.get_mut("train").and_then(Value::as_table_mut).and_then(|train| train.remove("protocol"));
    let shown: Option<Preset> =
        shown.map(Value::try_into).transpose().map_err(|error| failed("train.protocol", error))?;
    if let Some(Value::Table(train)) = tree.get_mut("train") {
        // each alone, so that what is wrong has its place
        for (key, value) in train.iter() {
            let mut alone = toml::Table::from_iter([(key.clone(), value.clone())]);
            if let Some(Value::Table(checkpoints)) = alone.get_mut("checkpoints") {
                checkpoints.insert("folder".into(), Value::String("checkpoints".into()));
            }
            let path = format!("train.{key}");
            Value::Table(alone).try_into::<TrainConfig>().map_err(|error| failed(&path, error))?;
        }
        if let Some(Value::Table(checkpoints)) = train.get_mut("checkpoints") {
            checkpoints.insert("folder".into(), Value::String("checkpoints".into()));
        }
    }
    let mut settings: Settings = Value::Table(tree).try_into().map_err(|error| failed("settings", error))?;
    settings.train.seed = settings.seed;
    settings.protocol = shown;
    Ok(settings)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::super::layer::leaves;
    use super::*;
    use crate::config::KEYS;

    #[test]
    fn what_is_built_in_is_all_that_the_types_have() {
        let mut defaults = Vec::new();
        let config = Value::try_from(TrainConfig::default()).unwrap();
        leaves("train", &config, &mut |path, _| defaults.push(path));
        leaves("dynamics", &Value::try_from(Dynamics::default()).unwrap(), &mut |path, _| defaults.push(path));
        leaves("losses", &Value::try_from(Losses::default()).unwrap(), &mut |path, _| defaults.push(path));
        for path in defaults {
            // the seed is one for all, and the bar is the command line's
            if path == "train.seed" || path == "train.progress" {
                continue;
            }
            assert!(find(&path).is_some(), "there is no key `{path}`");
        }
        let built_in: toml::Table = toml::from_str(BUILT_IN).unwrap();
        let mut values = Values::new();
        lay(&mut values, built_in, &Source::BuiltIn).unwrap();
        assert!(values.len() > 20);
        assert!(KEYS.iter().all(|key| !key.about.is_empty()));
    }
}
