//! Where runs are, and what one is.

use crate::config::{Config, Data, Layers, Settings};
use crate::experiment::hex;
use crate::lab_error::LabError;
use crate::models::{Entry, Models};
use crate::sets::{self, Sets, Wanted, checksum};
use dynvision::data::Images;
use dynvision::file::atomic;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The models and data sets of a laboratory, and the folder of its runs.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// Its models.
    pub models: &'a Models,
    /// Its data sets.
    pub sets: &'a Sets,
    /// The folder of its runs.
    pub runs: PathBuf,
    /// Whether nothing is said meanwhile.
    pub quiet: bool,
    /// The device that trains and tests, such as `cuda:0`; experiments run on the CPU.
    pub device: String,
    /// What was loaded, by the settings of the data: runs share it.
    loaded: Arc<Mutex<BTreeMap<String, Arc<Loaded>>>>,
    /// The experiments that models have been found fit for.
    pub(super) checked: Arc<Mutex<BTreeSet<String>>>,
}

/// The images of a data set.
#[derive(Debug)]
struct Loaded {
    train: Images,
    test: Images,
    checksum: String,
}

/// A run.
#[derive(Debug)]
pub struct Run<'a> {
    pub(super) place: &'a Place<'a>,
    /// Its settings.
    pub config: Config,
    folder: PathBuf,
    hash: String,
    pub(super) data: OnceLock<Parts>,
}

/// The images of a run, of which runs of the same data share all but what they hold out.
#[derive(Debug)]
pub(super) struct Parts {
    loaded: Arc<Loaded>,
    /// What is trained on and what is held out, where something is.
    divided: Option<(Images, Images)>,
    pub(super) checksum: String,
}

impl Parts {
    pub(super) fn train(&self) -> &Images {
        self.divided.as_ref().map_or(&self.loaded.train, |(train, _)| train)
    }

    pub(super) fn held_out(&self) -> Option<&Images> {
        self.divided.as_ref().map(|(_, held_out)| held_out)
    }

    pub(super) fn test(&self) -> &Images {
        &self.loaded.test
    }
}

impl<'a> Place<'a> {
    /// The laboratory of these models and data sets, with its runs in a folder.
    pub fn new(models: &'a Models, sets: &'a Sets, runs: impl Into<PathBuf>, quiet: bool) -> Self {
        Place {
            models,
            sets,
            runs: runs.into(),
            quiet,
            device: "cpu".into(),
            loaded: Arc::default(),
            checked: Arc::default(),
        }
    }

    fn load(&self, data: &Data, model: &str, entry: &dyn Entry) -> Result<Arc<Loaded>, LabError> {
        let (frame, classes) = (entry.wiring().input, entry.classes());
        let key = format!("{data:?} {frame} {classes}");
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = loaded.get(&key) {
            return Ok(known.clone());
        }
        let Data { train, test, seed, skip_corrupt, .. } = *data;
        let tell = |text: &str| {
            if !self.quiet {
                let _ = writeln!(std::io::stderr(), "{text}");
            }
        };
        let memory_gb = data.memory_gb;
        let wanted = Wanted { model, frame, classes, train, test, seed, skip_corrupt, memory_gb, tell: &tell };
        let sets::Parts { train, test, notes } = self.sets.get(&data.name)?.parts(data.folder.as_deref(), &wanted)?;
        notes.iter().for_each(|note| tell(note));
        let checksum = format!("{}-{}", checksum(&train), checksum(&test));
        let new = Arc::new(Loaded { train, test, checksum });
        loaded.insert(key, new.clone());
        Ok(new)
    }

    /// The run of these layers. Nothing is written.
    ///
    /// # Errors
    ///
    /// Those of [`Config::read`], of the data, and of experiments that cannot be done to the model.
    pub fn run(&'a self, layers: &Layers) -> Result<Run<'a>, LabError> {
        self.run_of(Config::read(self.models, layers)?)
    }

    /// The run in a folder.
    ///
    /// # Errors
    ///
    /// A folder that is no run, or of a model that the laboratory does not have.
    pub fn open(&'a self, folder: &Path) -> Result<Run<'a>, LabError> {
        let file = folder.join("run.toml");
        let text = std::fs::read_to_string(&file).map_err(|error| {
            LabError::Usage(format!("`{}` is no run: cannot read `{}`: {error}", folder.display(), file.display()))
        })?;
        unchanged(&text, &file)?;
        let config = Config::recorded(self.models, &text, &file.display().to_string())?;
        let hash = text.lines().find_map(|line| line.strip_prefix("hash = \"")?.strip_suffix('"'));
        let hash = hash.unwrap_or_default().to_string();
        Ok(Run { place: self, config, folder: folder.into(), hash, data: OnceLock::new() })
    }

    /// The runs of these settings.
    ///
    /// # Errors
    ///
    /// Those of the data; experiments that are not there, or that cannot be done to the model.
    pub fn run_of(&'a self, config: Config) -> Result<Run<'a>, LabError> {
        let settings = &config.settings;
        let entry = self.models.get(&settings.model)?;
        let mut run = Run { place: self, config, folder: PathBuf::new(), hash: String::new(), data: OnceLock::new() };
        let data = run.parts()?.checksum.clone();
        let settings = &run.config.settings;
        let mut train = serde_json::to_value(&settings.train).map_err(|error| LabError::Failed(error.to_string()))?;
        if let Some(train) = train.as_object_mut() {
            ["checkpoints", "logs", "progress", "seed"].iter().for_each(|key| {
                train.remove(*key);
            });
        }
        let mut identity = json!({
            "format": 1, "model": settings.model, "wiring": wiring_hash(entry), "dynamics": settings.dynamics,
            "data": data, "train": train, "losses": settings.losses, "seed": settings.seed,
        });
        if let (Some(protocol), Some(identity)) = (&settings.protocol, identity.as_object_mut()) {
            identity.insert("protocol".into(), json!(protocol));
        }
        run.hash = hex(&Sha256::digest(identity.to_string().as_bytes()));
        let beginning = settings.name.clone().unwrap_or_else(|| format!("{}-{}", settings.model, settings.data.name));
        let readable = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let slug: String = beginning.chars().map(readable).take(80).collect();
        let slug = slug.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        let slug = slug.trim_start_matches(['.', '-']);
        if slug.is_empty() {
            return Err(LabError::Usage(format!(
                "`name` is \"{beginning}\": it begins the name of the run's folder, and needs a letter or a digit; leave it out to \
                 have it made of model and data"
            )));
        }
        let short = run.hash.get(..8).unwrap_or_default();
        run.folder = self.runs.join(format!("{slug}-s{}-{short}", settings.seed.0));
        // what would fail when it is trained fails now
        for name in &run.config.settings.experiments.names {
            run.check(&super::Named::read(name)?)?;
        }
        Ok(run)
    }

    /// The folders of all runs, by name.
    pub fn folders(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.runs).into_iter().flatten().flatten();
        let mut all: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| path.join("run.toml").is_file()).collect();
        all.sort();
        all
    }
}

/// How the line with the checksum of settings and sources begins.
const SUM: &str = "sum = \"";

fn sum(body: &str) -> String {
    hex(&Sha256::digest(body.trim().as_bytes()))
}

/// Refuses settings that are not those that made the run.
pub(super) fn unchanged(text: &str, file: &Path) -> Result<(), LabError> {
    // runs of before have no checksum
    let recorded = text.lines().find_map(|line| line.strip_prefix(SUM)?.strip_suffix('"'));
    let body = text.split_once("\n\n").map_or("", |(_, body)| body);
    match recorded {
        Some(recorded) if recorded != sum(body) => Err(LabError::Usage(format!(
            "`{}` has been changed since it made the run, and its numbers are of the settings of before: undo the change, or give \
             other settings by `--config` or `--set`, which make a run of their own",
            file.display()
        ))),
        _ => Ok(()),
    }
}

/// The checksum of a model's areas and links.
pub(super) fn wiring_hash(entry: &dyn Entry) -> String {
    hex(&Sha256::digest(format!("{:?}", entry.wiring()).as_bytes()))
}

impl<'a> Run<'a> {
    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of its folder.
    pub fn name(&self) -> String {
        self.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The checksum of all that determines what is computed.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Its model.
    ///
    /// # Errors
    ///
    /// A model that the laboratory does not have.
    pub fn entry(&self) -> Result<&'a dyn Entry, LabError> {
        self.place.models.get(&self.config.settings.model)
    }

    pub(super) fn parts(&self) -> Result<&Parts, LabError> {
        if let Some(parts) = self.data.get() {
            return Ok(parts);
        }
        let Settings { data, model, .. } = &self.config.settings;
        let loaded = self.place.load(data, model, self.entry()?)?;
        let train = &loaded.train;
        let checksum = format!("{}-{}", loaded.checksum, data.validation);
        let divided = if data.validation > 0.0 {
            let divided = train.split(1.0 - data.validation, self.config.settings.seed).map_err(|_| {
                LabError::Usage(format!(
                    "`data.validation` is {}: of {} training images that leaves none to train on, or none to hold out; hold out \
                     another part, or 0 for none",
                    data.validation,
                    train.len()
                ))
            })?;
            Some(divided)
        } else {
            None
        };
        Ok(self.data.get_or_init(|| Parts { loaded, divided, checksum }))
    }

    /// Whether its images are adapted to the model.
    pub(crate) fn is_adapted(&self) -> bool {
        self.place.sets.get(&self.config.settings.data.name).is_ok_and(|set| set.shape.is_none())
    }

    /// The test images.
    ///
    /// # Errors
    ///
    /// Those of the data.
    pub fn test_images(&self) -> Result<&Images, LabError> {
        Ok(self.parts()?.test())
    }

    /// How many images it is trained on, and evaluated on meanwhile.
    ///
    /// # Errors
    ///
    /// Those of the data.
    pub fn counts(&self) -> Result<(usize, usize), LabError> {
        let parts = self.parts()?;
        Ok((parts.train().len(), parts.held_out().map_or(0, Images::len)))
    }

    /// The last checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoints").join("last.safetensors")
    }

    /// Writes settings and provenance, if they are not there.
    pub(super) fn describe(&self) -> Result<(), LabError> {
        let file = self.folder.join("run.toml");
        if !file.is_file() {
            std::fs::create_dir_all(&self.folder).map_err(LabError::file("make the folder", &self.folder))?;
            let mut table = toml::Table::new();
            table.insert("settings".into(), toml::Value::Table(self.config.table()));
            let sources = self.config.values().map(|(path, _, source)| (path.into(), source.to_string().into()));
            table.insert("sources".into(), toml::Value::Table(sources.collect()));
            let body = toml::to_string(&table).map_err(|error| LabError::Failed(error.to_string()))?;
            let text = format!(
                "# What made this run. A run of other settings has another folder.\nhash = \"{}\"\n{SUM}{}\"\n\n{body}",
                self.hash,
                sum(&body)
            );
            write(&file, text.as_bytes())?;
        }
        let file = self.folder.join("provenance.json");
        if !file.is_file() {
            write_json(&file, &super::Provenance::of(self)?)?;
        }
        Ok(())
    }
}

/// Writes a file, whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), LabError> {
    let written: std::io::Result<()> = atomic::write(path, |file| file.write_all(bytes));
    written.map_err(LabError::file("write", path))
}

/// Writes JSON, whole or not at all.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), LabError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| LabError::Failed(error.to_string()))?;
    write(path, (text + "\n").as_bytes())
}

/// Reads JSON, if the file is there.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LabError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LabError::file("read", path)(error)),
    };
    let read = serde_json::from_str(&text);
    let damaged =
        |error| LabError::Failed(format!("`{}` is damaged: {error}; remove it to have it made again", path.display()));
    read.map(Some).map_err(damaged)
}
