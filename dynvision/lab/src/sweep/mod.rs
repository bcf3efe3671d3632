//! Sweeps: a grid over models, settings, seeds and experiments, as a TOML file.
//!
//! ```toml
//! config = "lab.toml"         # the settings that all share; may be left out
//! experiments = ["contrast"]  # in place of those of the settings
//! findings = "findings.toml"  # what is claimed, for the report; may be left out
//! [grid]                      # keys and their values, which cross
//! model = ["my-net", "my-net/none"]
//! seed = [0, 1, 2]
//! "losses.activity" = [0.0, 0.02]
//! [set]                       # settings of all jobs
//! "train.epochs" = 3
//! ```
//!
//! Each point of the grid is a job: a run that is trained, tested, and shown the experiments. What is done is not done again.

mod cost;

pub use cost::{Estimate, Speed};

use crate::config::{Config, ConfigError, Layers, Source};
use crate::lab_error::LabError;
use crate::run::{Named, Place, Run};
use dynvision::data::Seed;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use toml::Value;

/// A sweep as its file has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// The file of settings that all jobs share, beside the sweep's.
    #[serde(default)]
    pub config: Option<PathBuf>,
    /// A profile of it.
    #[serde(default)]
    pub profile: Option<String>,
    /// Experiments, in place of those of the settings.
    #[serde(default)]
    pub experiments: Option<Vec<String>>,
    /// The file of what is claimed of the jobs, beside the sweep's.
    #[serde(default)]
    pub findings: Option<PathBuf>,
    /// Keys and their values, which cross.
    #[serde(default, deserialize_with = "grid")]
    pub grid: BTreeMap<String, Vec<Value>>,
    /// Settings of all jobs.
    #[serde(default, deserialize_with = "set")]
    pub set: BTreeMap<String, Value>,
    /// The file that it was read from, for where settings come from.
    #[serde(skip)]
    file: String,
}

/// A value as the file has it; a whole number above those of TOML, which is a seed, as its digits.
struct Written(Value);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Written;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Written, E> {
                Ok(Written(value.into()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Written, E> {
                Ok(Written(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Written, E> {
                Ok(Written(Seed(value).into()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Written, E> {
                Ok(Written(value.into()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Written, E> {
                Ok(Written(value.into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<Written, A::Error> {
                Value::deserialize(SeqAccessDeserializer::new(values)).map(Written)
            }
            fn visit_map<A: MapAccess<'de>>(self, values: A) -> Result<Written, A::Error> {
                Value::deserialize(MapAccessDeserializer::new(values)).map(Written)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fn grid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Vec<Value>>, D::Error> {
    let read: BTreeMap<String, Vec<Written>> = BTreeMap::deserialize(deserializer)?;
    Ok(read.into_iter().map(|(key, values)| (key, values.into_iter().map(|Written(value)| value).collect())).collect())
}

fn set<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Value>, D::Error> {
    let read: BTreeMap<String, Written> = BTreeMap::deserialize(deserializer)?;
    Ok(read.into_iter().map(|(key, Written(value))| (key, value)).collect())
}

/// A point of the grid.
#[derive(Debug)]
pub struct Job<'a> {
    /// Its number, from 0.
    pub number: usize,
    /// Its run.
    pub run: Run<'a>,
}

/// Grids of more jobs are refused: their number is a product that the file merely states.
const MOST: usize = 100_000;

impl Sweep {
    /// Reads a sweep.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, with the line of what is wrong; a grid without jobs, or with too many.
    ///
    /// ```
    /// use dynvision_lab::sweep::Sweep;
    ///
    /// let sweep = Sweep::parse("[grid]\nseed = [0, 1]\nmodel = ['a', 'b', 'c']", "sweep.toml")?;
    /// assert_eq!(sweep.points().len(), 6);
    /// let error = Sweep::parse("\n[gird]\nseed = [0]", "sweep.toml").unwrap_err().to_string();
    /// assert!(error.contains("sweep.toml:2") && error.contains("gird"));
    /// # Ok::<(), dynvision_lab::LabError>(())
    /// ```
    pub fn parse(text: &str, file: &str) -> Result<Self, LabError> {
        let mut sweep: Sweep = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
            ConfigError::Text { at: Source::File { path: file.into(), line }.into(), reason: error.message().into() }
        })?;
        if let Some((key, _)) = sweep.grid.iter().find(|(_, values)| values.is_empty()) {
            return Err(LabError::Usage(format!(
                "{file}: `{key}` of the grid has no values; give one, or leave it out"
            )));
        }
        let count = sweep.grid.values().try_fold(1_usize, |n, values| n.checked_mul(values.len()));
        if !count.is_some_and(|count| (1..=MOST).contains(&count)) {
            return Err(LabError::Usage(format!("{file}: the grid must have between 1 and {MOST} jobs")));
        }
        sweep.file = file.into();
        Ok(sweep)
    }

    /// Reads a file; what it names lies beside it.
    ///
    /// # Errors
    ///
    /// Those of [`parse`](Sweep::parse).
    pub fn read(path: &Path) -> Result<Self, LabError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| LabError::Usage(format!("cannot read the sweep `{}`: {error}", path.display())))?;
        let mut sweep = Sweep::parse(&text, &path.display().to_string())?;
        let beside = path.parent().unwrap_or(Path::new(""));
        for file in [&mut sweep.config, &mut sweep.findings].into_iter().flatten() {
            *file = beside.join(&*file);
        }
        for name in sweep.experiments.iter_mut().flatten().filter(|name| name.ends_with(".toml")) {
            *name = beside.join(&*name).display().to_string();
        }
        Ok(sweep)
    }

    /// The points of the grid, each with its values in the order of the keys.
    pub fn points(&self) -> Vec<Vec<(&str, &Value)>> {
        let mut points: Vec<Vec<(&str, &Value)>> = vec![Vec::new()];
        for (key, values) in &self.grid {
            let mut next = Vec::with_capacity(points.len() * values.len());
            for point in &points {
                for value in values {
                    let mut point = point.clone();
                    point.push((key, value));
                    next.push(point);
                }
            }
            points = next;
        }
        points
    }

    /// The jobs. All are read, so that a mistake in any of them is told before the first begins.
    ///
    /// # Errors
    ///
    /// Those of the settings of a job, and of the experiments.
    pub fn jobs<'a>(&self, place: &'a Place<'a>) -> Result<Vec<Job<'a>>, LabError> {
        for name in self.experiments.iter().flatten() {
            Named::read(name)?;
        }
        let written = |value: &Value| value.as_str().map_or_else(|| value.to_string(), String::from);
        let mut jobs: Vec<Job<'a>> = Vec::new();
        for (number, point) in self.points().into_iter().enumerate() {
            let mut layers = Layers {
                profile: self.profile.clone(),
                file: self.config.clone(),
                sweep: Some(self.file.clone()),
                ..Layers::of_process()
            };
            let set = |(key, value): (&String, &Value)| format!("{key}={}", written(value));
            layers.set.extend(self.set.iter().map(set));
            if let Some(experiments) = &self.experiments {
                layers.set.push(format!(
                    "experiments.names={}",
                    Value::try_from(experiments).unwrap_or(Value::Array(Vec::new()))
                ));
            }
            layers.set.extend(point.iter().map(|(key, value)| format!("{key}={}", written(value))));
            // figures tell categories apart by their names
            let differs =
                |(key, _): &&(&str, &Value)| *key != "seed" && self.grid.get(*key).is_some_and(|v| v.len() > 1);
            let is_model = |key: &str| key == "model";
            let mut differing: Vec<&(&str, &Value)> = point.iter().filter(differs).collect();
            differing.sort_by_key(|(key, _)| !is_model(key));
            let named: Vec<String> = differing
                .into_iter()
                .map(|(key, value)| match *key {
                    "model" => written(value),
                    key => format!("{} {}", key.rsplit('.').next().unwrap_or(key), written(value)),
                })
                .collect();
            if !named.is_empty() && !self.set.contains_key("name") && !self.grid.contains_key("name") {
                layers.set.push(format!("name={}", named.join(", ")));
            }
            let run = place.run_of(Config::read(place.models, &layers)?)?;
            if jobs.iter().any(|job| job.run.folder() == run.folder()) {
                return Err(LabError::Usage(format!("two jobs of the sweep are the same run, {}", run.name())));
            }
            jobs.push(Job { number, run });
        }
        Ok(jobs)
    }
}

impl Job<'_> {
    /// Its experiments.
    ///
    /// # Errors
    ///
    /// A name that none has.
    pub fn experiments(&self) -> Result<Vec<Named>, LabError> {
        self.run.config.settings.experiments.names.iter().map(|name| Named::read(name)).collect()
    }

    /// Whether all of it is there.
    ///
    /// # Errors
    ///
    /// Files that are damaged.
    pub fn is_done(&self) -> Result<bool, LabError> {
        for named in self.experiments()? {
            if !self.run.is_shown(&named)? {
                return Ok(false);
            }
        }
        Ok(self.run.trained()?.is_some() && self.run.tested()?.is_some())
    }

    /// Trains, tests and runs the experiments, as far as they are missing.
    ///
    /// # Errors
    ///
    /// Those of training and experiments.
    pub fn work(&self, stop: &AtomicBool) -> Result<(), LabError> {
        self.run.train()?;
        self.run.test()?;
        for named in self.experiments()? {
            self.run.experiment(&named, stop)?;
        }
        Ok(())
    }
}
