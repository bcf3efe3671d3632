//! Training and testing.

use super::Run;
use super::place::{read_json, write_json};
use super::provenance::{machine_memory, noted, peak_memory};
use crate::lab_error::LabError;
use crate::models::{Job, WeightSource};
use crate::subject::Subject;
use dynvision::file::FolderLock;
use dynvision::train::{Metrics, TrainError, TrainingLog};
use serde::{Deserialize, Serialize};
use std::io::Write;

/// What a training came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// Epochs.
    pub epochs: usize,
    /// Seconds, of all sessions.
    pub seconds: f64,
    /// The device that it was done on last, if it was not the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The most memory that the last session held, in bytes.
    pub peak_memory: Option<u64>,
    /// On the images of the training, in the last epoch.
    pub train: Metrics,
    /// On the images held out meanwhile, after it.
    pub valid: Option<Metrics>,
}

/// What a test came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// On the test images.
    pub metrics: Metrics,
}

impl Run<'_> {
    /// What training came to, if it is done.
    ///
    /// # Errors
    ///
    /// A file that is damaged.
    pub fn trained(&self) -> Result<Option<Trained>, LabError> {
        read_json(&self.folder().join("trained.json"))
    }

    /// What the test came to, if it is done.
    ///
    /// # Errors
    ///
    /// A file that is damaged.
    pub fn tested(&self) -> Result<Option<Tested>, LabError> {
        read_json(&self.folder().join("test.json"))
    }

    /// The history of the training so far.
    pub fn history(&self) -> TrainingLog {
        TrainingLog::read_jsonl(self.folder().join("checkpoints").join("metrics.jsonl")).unwrap_or_default()
    }

    fn job(&self) -> Result<Job<'static>, LabError> {
        let settings = &self.config.settings;
        let mut config = settings.train.clone();
        config.progress = !self.place.quiet;
        if let Some(checkpoints) = &mut config.checkpoints {
            checkpoints.folder = self.folder().join("checkpoints");
        }
        Ok(Job {
            config,
            dynamics: settings.dynamics.clone(),
            losses: settings.losses,
            protocol: settings.shown()?,
            resume: None,
            device: self.place.device.clone(),
        })
    }

    /// Trains it, unless it is trained: goes on where another process stopped. The bits are those of a training that was never
    /// stopped.
    ///
    /// # Errors
    ///
    /// A folder in which another process trains; those of the training; a signal, after which the same call goes on.
    pub fn train(&self) -> Result<Trained, LabError> {
        if let Some(trained) = self.trained()? {
            return Ok(trained);
        }
        self.describe()?;
        let lock = FolderLock::take(self.folder()).map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => LabError::Failed(format!("{error}; it trains this run")),
            _ => LabError::file("lock", self.folder())(error),
        })?;
        // another one may have finished meanwhile
        if let Some(trained) = self.trained()? {
            return Ok(trained);
        }
        let cost = self.training_cost()?;
        cost.refuse(machine_memory())?;
        if !self.place.quiet {
            let _ = writeln!(std::io::stderr(), "{}: {cost}", self.name());
        }
        let trained = noted(self.folder(), "train", || {
            let parts = self.parts()?;
            let last = self.checkpoint();
            let job = Job { resume: last.is_file().then_some(last.as_path()), ..self.job()? };
            let epochs = job.config.epochs;
            let mut each = |epoch: &dynvision::train::Epoch| {
                if !self.place.quiet {
                    let left = epoch.seconds * (epochs.saturating_sub(epoch.epoch)) as f64;
                    let _ = writeln!(std::io::stderr(), "{}: {epoch}; about {left:.0} s left", self.name());
                }
            };
            let log = match self.entry()?.train(&job, parts.train(), parts.held_out(), &mut each) {
                Err(TrainError::Interrupted { epoch, batch, .. }) => {
                    return Err(LabError::Failed(format!(
                        "stopped after batch {batch} of epoch {epoch}; the same command goes on"
                    )));
                }
                log => log?,
            };
            let last = log.last().cloned().unwrap_or_default();
            let seconds = log.epochs.iter().map(|epoch| epoch.seconds).sum();
            let trained = Trained {
                epochs: log.epochs.len(),
                seconds,
                device: Some(self.place.device.clone()).filter(|device| device != "cpu"),
                peak_memory: peak_memory(),
                train: last.train,
                valid: last.valid,
            };
            write_json(&self.folder().join("trained.json"), &trained)?;
            Ok(trained)
        });
        drop(lock);
        trained
    }

    /// Tests it, unless it is tested; trains it before, unless it is trained.
    ///
    /// # Errors
    ///
    /// As [`train`](Run::train).
    pub fn test(&self) -> Result<Tested, LabError> {
        if let Some(tested) = self.tested()? {
            return Ok(tested);
        }
        self.train()?;
        noted(self.folder(), "test", || {
            let evaluated = self.entry()?.evaluate(&self.job()?, &self.checkpoint(), self.parts()?.test());
            let metrics = evaluated.map_err(|error| self.lost(error.into()))?;
            let tested = Tested { metrics };
            write_json(&self.folder().join("test.json"), &tested)?;
            Ok(tested)
        })
    }

    /// The trained model, as a subject of experiments.
    ///
    /// # Errors
    ///
    /// A run that is not trained.
    pub fn subject(&self) -> Result<Box<dyn Subject>, LabError> {
        let checkpoint = self.checkpoint();
        let subject = self.entry()?.subject(&self.config.settings.dynamics, WeightSource::Checkpoint(&checkpoint));
        subject.map_err(|error| self.lost(error))
    }

    /// What to do where the weights of a trained run cannot be read.
    fn lost(&self, error: LabError) -> LabError {
        let file = matches!(error, LabError::Train(TrainError::File(_) | TrainError::State(_)));
        match self.trained() {
            Ok(Some(_)) if file => LabError::Failed(format!(
                "{error}; the run is trained, but its weights are lost: put them back, or remove its folder `{}` to have it trained \
                 again",
                self.folder().display()
            )),
            _ => error,
        }
    }
}
