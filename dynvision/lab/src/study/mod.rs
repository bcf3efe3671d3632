//! Several runs as one study: their experiments together, with intervals over seeds, their figures and their report.

mod activity;
mod findings;
mod growth;
mod methods;
mod report;

pub use findings::{Direction, Finding, Judged, Statistic, Verdict};

use crate::experiment::Results;
use crate::figure::{Drawing, Options, Registry, Table};
use crate::lab_error::LabError;
use crate::run::{Named, Run, write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Runs that are looked at together.
#[derive(Debug)]
pub struct Study<'a> {
    /// The runs.
    pub runs: Vec<Run<'a>>,
    /// Where its figures and its report are written.
    pub folder: PathBuf,
    /// What is claimed of them: the report judges each.
    pub findings: Vec<Finding>,
}

impl<'a> Study<'a> {
    /// Of some runs: one run has its figures in its own folder, several have theirs in `study` of the folder of runs.
    pub fn new(runs: Vec<Run<'a>>, folder: Option<&Path>) -> Self {
        let own = || match runs.as_slice() {
            [only] => only.folder().to_path_buf(),
            several => several.first().and_then(|run| run.folder().parent()).unwrap_or(Path::new("runs")).join("study"),
        };
        let folder = folder.map_or_else(own, Path::to_path_buf);
        Study { runs, folder, findings: Vec::new() }
    }

    /// The experiments that the settings of the runs name, each once.
    ///
    /// # Errors
    ///
    /// A name that none has.
    pub fn experiments(&self) -> Result<Vec<Named>, LabError> {
        let mut all: Vec<Named> = Vec::new();
        for name in self.runs.iter().flat_map(|run| &run.config.settings.experiments.names) {
            let named = Named::read(name)?;
            if !all.contains(&named) {
                all.push(named);
            }
        }
        Ok(all)
    }

    /// The results of an experiment on all runs; what is missing is made.
    ///
    /// # Errors
    ///
    /// Those of [`Run::experiment`].
    pub fn results(&self, named: &Named, stop: &AtomicBool) -> Result<Results, LabError> {
        self.runs.iter().try_fold(Results::default(), |all, run| Ok(all.and(run.experiment(named, stop)?)))
    }

    /// How figures of an experiment look.
    fn look(&self, named: &Named, level: f64) -> Result<Options, LabError> {
        let mut options = Options { level, ..Options::default() };
        if let Some(run) = self.runs.first() {
            let entry = run.entry()?;
            options.chance = Some(1.0 / entry.classes().max(1) as f64);
            options.areas = entry.wiring().areas.iter().map(|area| area.name.to_string()).collect();
            options.tau_ms = Some(run.config.settings.dynamics.tau);
        }
        if let Some(path) = named.experiment.vary.keys().next() {
            options.parameter = path.rsplit('.').next().unwrap_or(path).into();
        }
        let mut seeds: Vec<u64> = self.runs.iter().map(|run| run.config.settings.seed.0).collect();
        seeds.sort_unstable();
        seeds.dedup();
        let images = self.runs.first().map_or(0, |run| run.config.settings.experiments.images);
        options.caption = format!("{}; {} seed(s), up to {images} images", named.experiment.about, seeds.len());
        Ok(options)
    }

    /// Draws a figure of an experiment.
    ///
    /// # Errors
    ///
    /// A figure that there is not, or that needs what was not measured.
    pub fn figure(&self, named: &Named, results: &Results, figure: &str) -> Result<Drawing, LabError> {
        Ok(results.draw(figure, &self.look(named, 0.95)?)?)
    }

    /// Draws the figures of an experiment and writes each, with its numbers, into `figures` of the folder.
    ///
    /// # Errors
    ///
    /// Those of [`figure`](Study::figure) and of the file system.
    pub fn draw(&self, named: &Named, figures: &[String], stop: &AtomicBool) -> Result<Vec<PathBuf>, LabError> {
        let results = self.results(named, stop)?;
        let folder = self.folder.join("figures");
        let mut written = Vec::new();
        for figure in figures {
            let drawing = self.figure(named, &results, figure).map_err(|error| {
                LabError::Failed(format!(
                    "the figure `{figure}` cannot be drawn of `{}`, which measures {}: {error}",
                    named.name,
                    named.experiment.measures.join(", ")
                ))
            })?;
            std::fs::create_dir_all(&folder).map_err(LabError::file("make the folder", &folder))?;
            let path = folder.join(format!("{}-{figure}.svg", named.name));
            drawing.save(&path).map_err(crate::RunError::from)?;
            written.push(path);
        }
        Ok(written)
    }

    /// The curves of training of all runs.
    ///
    /// # Errors
    ///
    /// Runs of which none has an epoch.
    pub fn training(&self) -> Result<Drawing, LabError> {
        let mut rows: Vec<(f64, String, &str, u64, String, f64)> = Vec::new();
        for run in &self.runs {
            let (seed, category) = (run.config.settings.seed.0, run.category());
            for epoch in run.history().epochs {
                let mut put = |split: &str, measure: &str, value: Option<f64>| {
                    if let Some(value) = value {
                        rows.push((epoch.epoch as f64, measure.into(), category, seed, split.into(), value));
                    }
                };
                put("training", "accuracy", epoch.train.last_accuracy);
                put("training", "loss", Some(epoch.train.loss));
                put("training", "learning_rate", Some(epoch.lr));
                if let Some(valid) = &epoch.valid {
                    put("validation", "accuracy", valid.last_accuracy);
                    put("validation", "loss", Some(valid.loss));
                }
            }
        }
        // accuracies first: panels are in the order of the table
        rows.sort_by_key(|row| ["accuracy", "loss", "learning_rate"].iter().position(|m| *m == row.1));
        let draw = || {
            let table = Table::new()
                .numbers("epoch", rows.iter().map(|row| Some(row.0)))?
                .text("measure", rows.iter().map(|row| row.1.as_str()))?
                .text("category", rows.iter().map(|row| row.2))?
                .text("split", rows.iter().map(|row| row.4.as_str()))?
                .whole("seed", rows.iter().map(|row| Some(i128::from(row.3))))?
                .numbers("value", rows.iter().map(|row| Some(row.5)))?;
            Registry::built_in().get("training")?.draw(&table, &Options::default())
        };
        draw().map_err(|error| crate::RunError::from(error).into())
    }

    /// Writes a text of the study.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, LabError> {
        std::fs::create_dir_all(&self.folder).map_err(LabError::file("make the folder", &self.folder))?;
        let path = self.folder.join(name);
        write(&path, bytes)?;
        Ok(path)
    }
}
