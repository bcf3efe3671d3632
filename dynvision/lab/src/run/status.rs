//! How far runs are.

use super::experiment::is_done;
use super::place::read_json;
use super::provenance::sessions;
use super::{Run, Session, Tested, Trained};
use crate::lab_error::LabError;
use dynvision::train::TrainingLog;
use serde::Serialize;
use std::path::Path;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A process trains it.
    Running,
    /// It was begun; the same command goes on.
    Stopped,
    /// The last command that worked on it failed.
    Failed,
    /// It is trained.
    Trained,
    /// It is trained and tested.
    Tested,
}

/// What is known of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The name of its folder.
    pub run: String,
    /// How far it is.
    pub state: State,
    /// Epochs that are done.
    pub epochs: usize,
    /// Epochs of the training.
    pub of: usize,
    /// Accuracy on the test images, at the last step.
    pub accuracy: Option<f64>,
    /// Experiments whose tables are there.
    pub experiments: Vec<String>,
    /// Why the last command failed.
    pub reason: Option<String>,
    /// Seconds that commands worked on it.
    pub seconds: f64,
}

/// Whether a process holds the folder.
fn is_held(folder: &Path) -> bool {
    let pid = std::fs::read_to_string(folder.join(".dynvision.lock")).unwrap_or_default();
    let pid: Option<u32> = pid.trim().parse().ok();
    pid.is_some_and(|pid| Path::new("/proc").join(pid.to_string()).exists())
}

impl Status {
    /// Of the run in a folder, read from its files alone: no model is needed.
    ///
    /// # Errors
    ///
    /// Files that are damaged.
    pub fn of(folder: &Path) -> Result<Self, LabError> {
        let trained: Option<Trained> = read_json(&folder.join("trained.json"))?;
        let tested: Option<Tested> = read_json(&folder.join("test.json"))?;
        let sessions = sessions(folder);
        let failed = sessions.last().and_then(|session| session.failed.clone());
        let is_stop = failed.as_ref().is_some_and(|reason| reason.starts_with("stopped"));
        let state = match (&trained, &tested) {
            _ if is_held(folder) => State::Running,
            _ if failed.is_some() && !is_stop => State::Failed,
            (_, Some(_)) => State::Tested,
            (Some(_), None) => State::Trained,
            (None, None) => State::Stopped,
        };
        let file = folder.join("run.toml");
        let text = std::fs::read_to_string(&file).map_err(LabError::file("read", &file))?;
        let settings: toml::Table = toml::from_str(&text)
            .map_err(|error| LabError::Failed(format!("`{}` is damaged: {}", file.display(), error.message())))?;
        super::place::unchanged(&text, &file)?;
        let epochs_of = |table: &toml::Table| table.get("settings")?.get("train")?.get("epochs")?.as_integer();
        let of = epochs_of(&settings);
        let history = folder.join("checkpoints").join("metrics.jsonl");
        let epochs = match &trained {
            Some(trained) => trained.epochs,
            None => TrainingLog::read_jsonl(history).map_or(0, |log| log.epochs.len()),
        };
        let mut experiments: Vec<String> = std::fs::read_dir(folder.join("experiments"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            // one whose description is damaged is not done; the command that makes it again says so
            .filter(|name| is_done(&folder.join("experiments"), name).unwrap_or_default())
            .collect();
        experiments.sort();
        Ok(Status {
            run: folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            state,
            epochs,
            of: of.and_then(|of| usize::try_from(of).ok()).unwrap_or_default(),
            accuracy: tested.and_then(|tested| tested.metrics.last_accuracy),
            experiments,
            reason: failed,
            seconds: sessions.iter().map(|session| session.seconds).sum(),
        })
    }
}

impl Run<'_> {
    /// The commands that worked on it.
    pub fn sessions(&self) -> Vec<Session> {
        sessions(self.folder())
    }
}
