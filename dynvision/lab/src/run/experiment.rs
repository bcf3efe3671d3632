//! Experiments on a run.

use super::Run;
use super::place::{read_json, write_json};
use super::provenance::noted;
use crate::config::Settings;
use crate::experiment::{Experiment, Progress, Results, Runner, hex, is_finished, named};
use crate::gallery::Gallery;
use crate::lab_error::LabError;
use crate::models::WeightSource;
use crate::sets::first_of_each;
use crate::subject::Subject;
use crate::table::write_csv;
use dynvision::data::Images;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;

/// An experiment with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// What is done.
    pub experiment: Experiment,
}

impl Named {
    /// An experiment that comes with the library, or that a TOML file holds: what ends in `.toml` or has a folder is a file.
    ///
    /// # Errors
    ///
    /// A name that none has; a file that cannot be read or is no experiment.
    ///
    /// ```
    /// use dynvision_lab::run::Named;
    ///
    /// assert_eq!(Named::read("contrast")?.name, "contrast");
    /// assert!(Named::read("contrats").is_err_and(|error| error.to_string().contains("did you mean `contrast`?")));
    /// # Ok::<(), dynvision_lab::LabError>(())
    /// ```
    pub fn read(name: &str) -> Result<Self, LabError> {
        let path = Path::new(name);
        let is_file = path.extension().is_some_and(|ending| ending == "toml") || path.components().count() > 1;
        if !is_file {
            return Ok(Named { name: name.into(), experiment: named(name)? });
        }
        let text = std::fs::read_to_string(path)
            .map_err(|error| LabError::Usage(format!("cannot read the experiment `{name}`: {error}")))?;
        let experiment = Experiment::parse(&text).map_err(|error| LabError::Usage(format!("{name}: {error}")))?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Named { name, experiment })
    }

    /// The epochs of a training at which it runs the model.
    fn statuses(&self) -> Vec<String> {
        let all: Vec<&toml::Value> = match self.experiment.vary.get("model.status") {
            Some(values) => values.iter().collect(),
            None => self.experiment.model.get("status").into_iter().collect(),
        };
        all.into_iter().filter_map(|status| status.as_str().map(String::from)).collect()
    }
}

/// The tables of a folder, with their checksums.
fn files(folder: &Path) -> Result<Value, LabError> {
    let mut files = serde_json::Map::new();
    for entry in std::fs::read_dir(folder).map_err(LabError::file("read", folder))?.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.extension().is_some_and(|ending| ending == "csv" || ending == "parquet") {
            files.insert(name, checksum(&path)?.into());
        }
    }
    Ok(files.into())
}

fn checksum(path: &Path) -> Result<String, LabError> {
    let mut digest = Sha256::new();
    let mut file = std::fs::File::open(path).map_err(LabError::file("read", path))?;
    let mut part = vec![0; 1 << 16];
    loop {
        match file.read(&mut part).map_err(LabError::file("read", path))? {
            0 => return Ok(hex(&digest.finalize())),
            n => digest.update(part.get(..n).unwrap_or_default()),
        }
    }
}

/// Whether the tables that `done` names are there as they were written. Runs of before name none: then `long.csv` is there.
fn is_unchanged(folder: &Path, done: &Value) -> Result<bool, LabError> {
    let Some(files) = done.get("files").and_then(Value::as_object) else {
        return Ok(folder.join("long.csv").is_file());
    };
    for (name, sum) in files {
        let path = folder.join(name);
        if !path.is_file() || Some(checksum(&path)?.as_str()) != sum.as_str() {
            return Ok(false);
        }
    }
    Ok(!files.is_empty())
}

/// Whether the experiment of a folder is done: all that its `done.json` names is there.
pub(super) fn is_done(experiments: &Path, name: &str) -> Result<bool, LabError> {
    let folder = experiments.join(name);
    let Some(done) = read_json::<Value>(&folder.join("done.json"))? else { return Ok(false) };
    let cells = done.get("cells").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let store = experiments.join("cells");
    let there = cells.iter().all(|cell| cell.as_str().is_some_and(|cell| is_finished(&store, cell)));
    Ok(there && is_unchanged(&folder, &done)?)
}

impl Run<'_> {
    /// What its rows are called where several runs are compared: its name, or its model.
    pub fn category(&self) -> &str {
        let settings = &self.config.settings;
        settings.name.as_deref().unwrap_or(&settings.model)
    }

    /// The checkpoints of single epochs that were kept, as experiments name them.
    fn kept(&self) -> Vec<(String, PathBuf)> {
        let entries = std::fs::read_dir(self.folder().join("checkpoints")).into_iter().flatten().flatten();
        let named = |path: PathBuf| {
            let number: usize = path.file_stem()?.to_str()?.strip_prefix("epoch-")?.parse().ok()?;
            Some((format!("trained-epoch={}", number.checked_sub(1)?), path))
        };
        entries.filter_map(|entry| named(entry.path())).collect()
    }

    /// Whether its training keeps the epoch of this name.
    fn keeps(&self, name: &str) -> bool {
        let train = &self.config.settings.train;
        let every = train.checkpoints.as_ref().and_then(|checkpoints| checkpoints.keep_every);
        let epoch = name.strip_prefix("trained-epoch=").and_then(|number| number.parse::<usize>().ok());
        matches!((epoch, every), (Some(epoch), Some(every)) if every > 0 && epoch < train.epochs && (epoch + 1) % every == 0)
    }

    /// Refuses an experiment that cannot be done to the model, before it is trained: the model is made with its first weights, and
    /// nothing is run.
    ///
    /// # Errors
    ///
    /// A measure, figure, intervention or setting that there is not, or that the model does not have; an epoch that the training does
    /// not keep.
    pub fn check(&self, named: &Named) -> Result<(), LabError> {
        let settings = &self.config.settings;
        let Settings { model, dynamics, data, train, experiments, .. } = settings;
        let kept =
            (train.epochs, train.checkpoints.as_ref().and_then(|checkpoints| checkpoints.keep_every), self.kept());
        let key = format!("{model} {dynamics:?} {data:?} {experiments:?} {kept:?} {named:?}");
        let checked = || self.place.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked().contains(&key) {
            return Ok(());
        }
        let experiment = &named.experiment;
        if experiment.measures.is_empty() {
            return Err(LabError::Usage(format!(
                "the experiment `{}` measures nothing: name its `measures`",
                named.name
            )));
        }
        let figures = crate::figure::Registry::built_in();
        for figure in &experiment.figures {
            figures.get(figure).map_err(crate::RunError::from)?;
        }
        let subject = self.entry()?.subject(&settings.dynamics, WeightSource::Seed(settings.seed.0))?;
        let images = self.test_images()?;
        let gallery = Gallery::of(images)?;
        let mut runner = self.runner(subject.as_ref(), &gallery, images);
        for status in named.statuses() {
            if !self.keeps(&status) && !self.kept().iter().any(|(kept, _)| *kept == status) {
                let of = settings.train.epochs;
                return Err(LabError::Usage(format!(
                    "the experiment `{}` runs the model at `{status}`, and the training of {of} epochs does not keep it: \
                     `train.checkpoints.keep_every = N` keeps the epochs N-1, 2N-1, ... from 0",
                    named.name
                )));
            }
            runner = runner.status(&status, subject.as_ref());
        }
        runner.check(experiment)?;
        checked().insert(key);
        Ok(())
    }

    /// What runs experiments on these images, with the settings of the run.
    fn runner<'r>(&self, subject: &'r dyn Subject, gallery: &'r Gallery<'r>, images: &Images) -> Runner<'r> {
        let settings = &self.config.settings;
        let count = settings.experiments.images;
        Runner::new(subject, gallery, self.folder().join("experiments").join("cells"))
            .images(first_of_each(images.labels(), count))
            .batch(settings.experiments.batch)
            .seed(settings.experiments.seed.0)
    }

    /// Runs the conditions of an experiment that are not there yet, trains before if it is not trained, and returns the results of
    /// all. `stop` ends it after the batch in hand; what is finished is kept.
    ///
    /// # Errors
    ///
    /// Those of the experiment on this model; those of training.
    pub fn experiment(&self, named: &Named, stop: &AtomicBool) -> Result<Results, LabError> {
        self.check(named)?;
        self.train()?;
        let work = || -> Result<Results, LabError> {
            let settings = &self.config.settings;
            let subject = self.subject()?;
            // only those that the experiment names are loaded
            let statuses = named.statuses();
            let mut others: Vec<(String, Box<dyn Subject>)> = Vec::new();
            for (status, path) in self.kept().into_iter().filter(|(status, _)| statuses.contains(status)) {
                let other = self.entry()?.subject(&settings.dynamics, WeightSource::Checkpoint(&path))?;
                others.push((status, other));
            }
            let images = self.test_images()?;
            let gallery = Gallery::of(images)?;
            let said = std::cell::Cell::new(usize::MAX);
            let mut runner = self
                .runner(subject.as_ref(), &gallery, images)
                .tag("experiment", named.name.as_str())
                .tag("category", self.category())
                .tag("seed", settings.seed)
                .stop(stop)
                .progress(|progress| self.say(&named.name, progress, &said));
            for (status, other) in &others {
                runner = runner.status(status, other.as_ref());
            }
            let cost = runner.cost(&named.experiment)?;
            if !self.place.quiet && cost.known < cost.conditions {
                let _ = writeln!(std::io::stderr(), "{}: {}: {cost}", self.name(), named.name);
            }
            let results = runner.run(&named.experiment)?;
            self.write_tables(named, &results)?;
            Ok(results)
        };
        // what is known is not noted
        let folder = self.folder();
        if self.is_shown(named)? { work() } else { noted(folder, &format!("experiment {}", named.name), work) }
    }

    /// Whether this experiment is done: its conditions are there, and its tables are those that were written.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub fn is_shown(&self, named: &Named) -> Result<bool, LabError> {
        is_done(&self.folder().join("experiments"), &named.name)
    }

    /// Writes the tables, unless they are there. Those of another experiment of the same name stay beside.
    fn write_tables(&self, named: &Named, results: &Results) -> Result<PathBuf, LabError> {
        let cells: Vec<String> = results
            .folders()
            .filter_map(|folder| folder.file_name().map(|name| name.to_string_lossy().into_owned()))
            .collect();
        let mut of = json!({ "about": named.experiment.about, "cells": cells, "images": self.config.settings.experiments.images });
        let key = hex(&Sha256::digest(cells.join(" ").as_bytes()));
        let experiments = self.folder().join("experiments");
        for folder in [named.name.clone(), format!("{}-{}", named.name, key.get(..8).unwrap_or_default())] {
            let folder = experiments.join(folder);
            let done = folder.join("done.json");
            match read_json::<Value>(&done)? {
                Some(known) if known.get("cells") != of.get("cells") => continue,
                Some(known) if is_unchanged(&folder, &known)? => return Ok(folder),
                // there is none, or some of its tables are lost
                _ => {}
            }
            results.write(&folder)?;
            write_csv(&folder.join("long.csv"), &results.long()?)?;
            of["files"] = files(&folder)?;
            write_json(&done, &of)?;
            return Ok(folder);
        }
        Err(LabError::Failed(format!("the tables of `{}` are there with other cells; remove them", named.name)))
    }

    fn say(&self, name: &str, progress: Progress, said: &std::cell::Cell<usize>) {
        let terminal = std::io::stderr().is_terminal();
        if self.place.quiet || (!terminal && said.get() == progress.done) {
            return;
        }
        said.set(progress.done);
        let Progress { done, of, samples, of_samples, left, .. } = progress;
        let left = left.map_or(String::new(), |left| format!(", about {:.0} s left", left.as_secs_f64()));
        let text = format!("{name}: condition {}/{of}, image {samples}/{of_samples}{left}", done + 1);
        let _ = if terminal {
            let end = if done + 1 == of && samples == of_samples { "\n" } else { "" };
            write!(std::io::stderr(), "\r\x1b[K{text}{end}")
        } else {
            writeln!(std::io::stderr(), "{text}")
        };
    }
}
