//! Everything that a run needs to go on, in one file.

use super::diagnosis::SMALLER;
use super::journal::{self, Position};
use super::pace::Pace;
use super::window::Window;
use super::{Epoch, Partial, TrainConfig, TrainError, Trainer, TrainingLog};
use crate::file::StateNumber;
use crate::interop::{self, FileError, StateDict, StateError, Weights};
use crate::kernels::{Element, VisionDevice};
use crate::loss::{Loss, Target};
use crate::model::DynModel;
use crate::optim::{ParameterKernel, UpdateRule, check_lr};
use crate::time::{Dynamics, Wiring};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What a file says it is.
const FORMAT: &str = "dynvision checkpoint 3";
/// What the files of earlier versions say, which hold their whole history.
const BEFORE: &str = "dynvision checkpoint 2";
/// What the tensors of a model and of its optimizer begin with.
const MODEL: &str = "model";
const OPTIMIZER: &str = "optimizer";
/// What the tensors of the averaged weights begin with.
const AVERAGE: &str = "average";
/// What the curves of the history begin with.
const HISTORY: &str = "history";

/// A state of a training: one safetensors file with the model's tensors under `model.`, the optimizer's under
/// `optimizer.`, and the rest as texts. Other programs can read its tensors.
///
/// It is what [`Trainer::save`] writes. To use a trained model, [`Checkpoint::load_into`] takes up its weights and
/// dynamics:
///
/// ```no_run
/// # use dynvision::prelude::*;
/// use dynvision::train::Checkpoint;
/// # #[dyn_model(input = [1, 8, 8], operations = [layer, tstep, nonlin, record, delay])]
/// # struct Net { #[area] v1: RConv2d<1, 4>, #[readout] classifier: Classifier<4, 10> }
/// let mut net = Cpu::default().build_module::<Net, f32>();
/// Checkpoint::read("runs/digits/best.safetensors")?.load_into(&mut net)?;
/// # Ok::<(), dynvision::train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The model's tensors.
    pub model: StateDict,
    /// What the optimizer keeps.
    pub optimizer: StateDict,
    /// The model's tensors with the average of the weights, if they are averaged.
    pub average: Option<StateDict>,
    /// Everything else.
    pub about: About,
}

/// What a checkpoint says of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The version of this crate that wrote it.
    pub version: String,
    /// The name of the model.
    pub name: String,
    /// The areas and links of the model, a line for each.
    pub wiring: Vec<String>,
    /// Updates of the weights so far.
    pub updates: u64,
    /// Batches presented so far. With the seed, these two numbers and the history are all that chance depends on.
    pub batches: u64,
    /// The time constants of the model.
    pub dynamics: Dynamics,
    /// The loss with its settings.
    pub loss: String,
    /// The rule with its settings.
    pub rule: String,
    /// The learning rate that the schedule multiplies, as it was last set.
    pub lr: f64,
    /// The images of the training, if `fit` has seen some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<String>,
    /// The settings of the training.
    pub config: TrainConfig,
    /// The epoch that this checkpoint breaks off, if it is not between epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
    /// The updates that no line of the log is about yet.
    #[serde(default)]
    window: Window,
    /// Up to where the history stands in the `metrics.jsonl` beside the file, if the file does not hold it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Position>,
    /// All epochs so far.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub history: TrainingLog,
    /// Where the `metrics.jsonl` is that the history was read from.
    #[serde(skip)]
    journal: Option<PathBuf>,
    /// Why it could not be read.
    #[serde(skip)]
    lost: Option<String>,
}

fn is_empty(history: &TrainingLog) -> bool {
    history.epochs.is_empty()
}

impl Checkpoint {
    /// Reads a checkpoint, and its history where that stands in the `metrics.jsonl` beside it. Without that file the history
    /// is empty, and the checkpoint can be used but not resumed.
    ///
    /// # Errors
    /// Those of the file system; a file that is damaged or no checkpoint.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TrainError> {
        Checkpoint::read_at(path.as_ref())
    }

    /// Not generic over the path, so that the reader of settings and history is compiled in this crate alone.
    fn read_at(path: &Path) -> Result<Self, TrainError> {
        let mut state = interop::read(path)?;
        let file = path.display();
        match state.text("format") {
            Ok(FORMAT | BEFORE) => {}
            Ok(other) => {
                return Err(TrainError::Checkpoint(format!(
                    "`{file}` says it is {other:?}; this version reads {FORMAT:?}"
                )));
            }
            Err(_) => {
                return Err(TrainError::Checkpoint(format!(
                    "`{file}` is none: it is a safetensors file that no training has written; weights alone are read by \
                     `load_weights`"
                )));
            }
        }
        let text = state.text("about").map_err(|source| FileError::State { file: file.to_string(), source })?;
        let mut about: About = toml::from_str(text)
            .map_err(|error| TrainError::Checkpoint(format!("`{file}` cannot be read by this version: {error}")))?;
        let texts = state.unnest(HISTORY);
        match &about.log {
            None => take_up_in_time(&mut about.history, &texts)
                .map_err(|source| FileError::State { file: file.to_string(), source })?,
            Some(position) => {
                let beside = path.with_file_name(journal::NAME);
                match journal::history_at(&beside, position) {
                    Ok(history) => about.history = history,
                    Err(TrainError::Checkpoint(why)) => about.lost = Some(why),
                    Err(error) => return Err(error),
                }
                about.journal = Some(beside);
            }
        }
        let average = Some(state.unnest(AVERAGE)).filter(|average| *average != StateDict::default());
        Ok(Checkpoint { model: state.unnest(MODEL), optimizer: state.unnest(OPTIMIZER), average, about })
    }

    /// Writes a checkpoint that stands alone, with its history; nobody ever sees half of it.
    ///
    /// # Errors
    /// Those of the file system; [`TrainError::Checkpoint`] of one whose history could not be read.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), TrainError> {
        self.write_alone(path.as_ref())
    }

    fn write_alone(&self, path: &Path) -> Result<(), TrainError> {
        if let Some(why) = &self.about.lost {
            return Err(TrainError::Checkpoint(why.clone()));
        }
        self.write_as(path, About { log: None, ..self.about.clone() })
    }

    /// What is not finite cannot be gone on with, and must not take the place of what can.
    fn check_finite(&self) -> Result<(), TrainError> {
        let parts =
            [("", Some(&self.model)), ("optimizer's ", Some(&self.optimizer)), ("averaged ", self.average.as_ref())];
        for (of, state) in parts {
            for name in state.into_iter().flat_map(StateDict::names) {
                let Some(Err(StateError::NotFinite { count, of: all, .. })) =
                    state.map(|state| state.check_finite(name))
                else {
                    continue;
                };
                let what = format!(
                    "no checkpoint is written, so that those before it stay: the {of}`{name}`, in {count} of {all} elements,"
                );
                return Err(TrainError::NotFinite { what, mend: SMALLER });
            }
        }
        Ok(())
    }

    fn write_as(&self, path: &Path, mut about: About) -> Result<(), TrainError> {
        self.check_finite()?;
        let in_time = take_out_in_time(&mut about.history);
        let about = toml::to_string(&about)
            .map_err(|error| TrainError::Checkpoint(format!("`{}` cannot be written: {error}", path.display())))?;
        let mut state = StateDict::default();
        state.set("format", FORMAT);
        state.set("about", about);
        state.nest(HISTORY, in_time);
        state.nest(MODEL, self.model.clone());
        state.nest(OPTIMIZER, self.optimizer.clone());
        if let Some(average) = &self.average {
            state.nest(AVERAGE, average.clone());
        }
        Ok(interop::write(path, &state)?)
    }

    /// Takes up the weights, or their average where they are averaged, and the dynamics: the model that was evaluated.
    ///
    /// # Errors
    /// Another model; all tensors that are missing, too many, or of another shape or type. The model is then as before.
    pub fn load_into<M, E, D>(&self, net: &mut M) -> Result<(), TrainError>
    where
        M: DynModel<E, D>,
        E: Element + StateNumber,
        D: VisionDevice<E>,
    {
        self.check_wiring(&M::WIRING)?;
        net.set_weights(self.average.as_ref().unwrap_or(&self.model))?;
        *net.dynamics_mut() = self.about.dynamics.clone();
        Ok(())
    }

    fn check_wiring(&self, wiring: &Wiring) -> Result<(), TrainError> {
        let (About { name, wiring: saved, .. }, here) = (&self.about, lines(wiring));
        let differs = |a: Option<&String>, b: Option<&String>| {
            let say = |line: Option<&String>| line.map_or("nothing".to_string(), |line| format!("`{line}`"));
            format!("is of `{name}` with {}, and the model `{}` has {}", say(a), wiring.name, say(b))
        };
        if *name != wiring.name {
            return Err(TrainError::Checkpoint(format!("is of the model `{name}`, not of `{}`", wiring.name)));
        }
        let both = 0..saved.len().max(here.len());
        match both.map(|i| (saved.get(i), here.get(i))).find(|(a, b)| a != b) {
            Some((a, b)) => Err(TrainError::Checkpoint(differs(a, b))),
            None => Ok(()),
        }
    }
}

/// Refuses settings that would make another run of it.
fn check_settings(config: &TrainConfig, loss: &str, rule: &str, saved: &About) -> Result<(), TrainError> {
    let table = |config: &TrainConfig, loss: &str, rule: &str| -> Result<toml::Table, TrainError> {
        let written = toml::Table::try_from(config.determining());
        let mut table = written
            .map_err(|error| TrainError::Checkpoint(format!("cannot be compared with the settings: {error}")))?;
        table.insert("loss".into(), loss.into());
        table.insert("rule".into(), rule.into());
        Ok(table)
    };
    let here = table(config, loss, rule)?;
    let saved = table(&saved.config, &saved.loss, &saved.rule)?;
    let keys: std::collections::BTreeSet<&String> = saved.keys().chain(here.keys()).collect();
    let text = |value: Option<&toml::Value>| value.map_or("nothing".to_string(), ToString::to_string);
    let differs: Vec<String> = keys
        .into_iter()
        .filter(|key| saved.get(*key) != here.get(*key))
        .map(|key| format!("`{key}` ({}, here {})", text(saved.get(key)), text(here.get(key))))
        .collect();
    if differs.is_empty() {
        return Ok(());
    }
    Err(TrainError::Checkpoint(format!(
        "is of a run with other settings: {}; take up its settings, or only its weights by `Checkpoint::load_into`",
        differs.join(", ")
    )))
}

/// The accuracies in time of all epochs, as one row of numbers and the number of steps of each: a number for each step of each
/// epoch is too much for the head of a file, whose length readers limit.
fn take_out_in_time(history: &mut TrainingLog) -> StateDict {
    let (mut values, mut steps) = (Vec::new(), Vec::new());
    for metrics in history.epochs.iter_mut().flat_map(Epoch::metrics_mut) {
        steps.push(metrics.in_time.len() as f64);
        values.append(&mut metrics.in_time);
    }
    let mut state = StateDict::default();
    state.insert("in_time", &[values.len()], &values);
    state.insert("in_time_steps", &[steps.len()], &steps);
    state
}

/// Puts them back.
fn take_up_in_time(history: &mut TrainingLog, state: &StateDict) -> Result<(), StateError> {
    let count = history.epochs.iter_mut().flat_map(Epoch::metrics_mut).count();
    let steps: Vec<f64> = state.get("in_time_steps", &[count])?;
    let total: f64 = steps.iter().sum();
    let values: Vec<f64> = state.get("in_time", &[total as usize])?;
    let mut rest = values.into_iter();
    for (metrics, steps) in history.epochs.iter_mut().flat_map(Epoch::metrics_mut).zip(steps) {
        metrics.in_time = rest.by_ref().take(steps as usize).collect();
    }
    Ok(())
}

/// The name of the file of one of the best epochs.
fn of_best(epoch: usize) -> String {
    format!("best-{epoch:04}.safetensors")
}

/// Removes the files of best epochs that no longer are: what this epoch took the place of, and what a killed training had left.
fn give_up(folder: &Path, kept: &[usize]) -> Result<(), TrainError> {
    let failed = |source| TrainError::Folder { folder: folder.to_path_buf(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("best-")?.strip_suffix(".safetensors"));
        let Some(epoch) = number.and_then(|number| number.parse().ok()) else { continue };
        if !kept.contains(&epoch) && name.to_str() == Some(&of_best(epoch)) {
            match std::fs::remove_file(entry.path()) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => return Err(failed(source)),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Areas and links, a line for each.
fn lines(wiring: &Wiring) -> Vec<String> {
    let areas = wiring.areas.iter().map(|area| {
        let times = [area.times.tau, area.times.t_feedforward, area.times.t_recurrence]
            .map(|t| t.map_or("-".into(), |t| t.to_string()));
        let (operations, times) = (area.operations.join(" "), times.join(" "));
        let crate::time::Area { name, layer, input, response, output, .. } = area;
        format!("{name}: {layer}, {input} to {response} to {output}, {operations}, {times}")
    });
    let links = wiring.links.iter().map(|link| {
        format!("{}, {}", link.name(wiring), link.delay.map_or("-".to_string(), |delay| delay.to_string()))
    });
    areas.chain(links).collect()
}

impl<M, E, D, L, R, Y> Trainer<M, E, D, L, R, Y>
where
    M: DynModel<E, D>,
    E: Element + StateNumber,
    D: VisionDevice<E> + ParameterKernel<E>,
    L: Loss<M, E, D, Y>,
    R: UpdateRule,
    Y: Target,
{
    /// The state of the training.
    ///
    /// # Errors
    /// Those of the device.
    pub fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        self.checkpoint_with(self.history.clone())
    }

    fn checkpoint_with(&self, history: TrainingLog) -> Result<Checkpoint, TrainError> {
        let about = About {
            version: env!("CARGO_PKG_VERSION").into(),
            name: M::WIRING.name.into(),
            wiring: lines(&M::WIRING),
            updates: self.updates,
            batches: self.batches,
            dynamics: self.net.dynamics().clone(),
            loss: self.loss.describe(),
            rule: self.rule.clone(),
            lr: self.lr,
            images: self.images.clone(),
            partial: self.partial.clone(),
            config: self.config.clone(),
            window: self.log.window.kept(),
            log: None,
            history,
            journal: None,
            lost: None,
        };
        let average = self.average.as_ref().map(Weights::weights);
        Ok(Checkpoint { model: self.net.weights(), optimizer: self.optim.state()?, average, about })
    }

    /// Writes the state of the training to a file that stands alone, with the whole history; nobody ever sees half of it.
    ///
    /// # Errors
    /// Those of the device and of the file system.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), TrainError> {
        self.checkpoint()?.write(path)
    }

    /// Goes on where the training in a file had come to. On the CPU the rest of the run is the same, bit by bit, as if it
    /// had never been interrupted.
    ///
    /// # Errors
    /// As [`restore`](Trainer::restore), and those of [`Checkpoint::read`].
    pub fn resume(&mut self, path: impl AsRef<Path>) -> Result<(), TrainError> {
        self.restore(&Checkpoint::read(path)?)
    }

    /// Takes up the state of a training.
    ///
    /// # Errors
    /// Another model; settings that would make another run of it (more epochs are fine); all tensors that are missing, too
    /// many, or of another shape or type. The trainer is then as before.
    pub fn restore(&mut self, saved: &Checkpoint) -> Result<(), TrainError> {
        saved.check_wiring(&M::WIRING)?;
        check_lr(saved.about.lr)?;
        check_settings(&self.config, &self.loss.describe(), &self.rule, &saved.about)?;
        if let Some(why) = &saved.about.lost {
            return Err(TrainError::Checkpoint(why.clone()));
        }
        // what does not fit is told together, and nothing is taken up before all fits
        let weights = self.net.check_weights(&saved.model);
        let optimizer = self.optim.check_state(&saved.optimizer);
        match (weights, optimizer) {
            (Ok(()), Ok(())) => {}
            (Err(weights), Ok(())) => return Err(weights.into()),
            (Ok(()), Err(optimizer)) => return Err(optimizer.into()),
            (Err(weights), Err(crate::optim::OptimError::State(optimizer))) => {
                return Err(StateError::All(vec![weights, optimizer]).into());
            }
            (Err(_), Err(optimizer)) => return Err(optimizer.into()),
        }
        let averaged = saved.average.as_ref().map(|average| {
            let mut averaged = self.net.clone();
            averaged.set_weights(average).map(|()| averaged)
        });
        let averaged = averaged.transpose()?;
        self.optim.load_state(&saved.optimizer)?;
        self.net.set_weights(&saved.model)?;
        *self.net.dynamics_mut() = saved.about.dynamics.clone();
        self.average = averaged;
        (self.updates, self.batches) = (saved.about.updates, saved.about.batches);
        self.history = saved.about.history.clone();
        (self.images, self.partial) = (saved.about.images.clone(), saved.about.partial.clone());
        self.log.window = saved.about.window.clone();
        self.log.from = saved.about.journal.clone().zip(saved.about.log.clone());
        self.lr = saved.about.lr;
        self.optim.set_lr(self.lr)?;
        self.gradients = None;
        Ok(())
    }

    /// Writes what [`TrainConfig::checkpoints`] asks for after an epoch.
    pub(super) fn write_checkpoints(&mut self) -> Result<(), TrainError> {
        let (Some(checkpoints), Some(last)) = (self.config.checkpoints.clone(), self.history.last()) else {
            return Ok(());
        };
        let epoch = last.epoch;
        let best = self.monitor.best(&self.history, 1);
        let is_best = checkpoints.best && best == [epoch];
        let over = self.config.is_over(&self.history, &self.monitor);
        let due = self.config.due(epoch, checkpoints.every) || over || self.log.pace.is_due(&checkpoints);
        let kept = self.monitor.best(&self.history, checkpoints.keep_best);
        let folder = &checkpoints.folder;
        // the last at the end: a training that is killed in between goes on from the last before it, and does the rest again
        if is_best {
            self.save_beside(&folder.join("best.safetensors"))?;
        }
        if kept.contains(&epoch) {
            self.save_beside(&folder.join(of_best(epoch)))?;
            self.write_index(folder, &kept)?;
        }
        if checkpoints.keep_every.is_some_and(|every| epoch.is_multiple_of(every)) {
            self.save_beside(&folder.join(format!("epoch-{epoch:04}.safetensors")))?;
        }
        if due {
            self.write_last()?;
        }
        if checkpoints.keep_best > 0 { give_up(folder, &kept) } else { Ok(()) }
    }

    /// Writes where the training is, with how far the history beside it has come in place of the history.
    fn save_beside(&self, path: &Path) -> Result<(), TrainError> {
        let log = Some(self.log.position()?);
        let saved = self.checkpoint_with(TrainingLog::default())?;
        saved.write_as(path, About { log, ..saved.about.clone() })
    }

    /// Writes the values of the best, in full, beside them.
    fn write_index(&self, folder: &Path, kept: &[usize]) -> Result<(), TrainError> {
        let mut text = String::from("epoch,metric,value,file\n");
        let metric = self.monitor.metric.as_deref().unwrap_or_default();
        for (epoch, value) in self.monitor.values(&self.history).filter(|(epoch, _)| kept.contains(epoch)) {
            let metric = super::csv::quoted(metric);
            text.push_str(&format!("{epoch},{metric},{value},{}\n", of_best(epoch)));
        }
        let written = interop::atomic::write(folder.join("best.csv"), |file| file.write_all(text.as_bytes()));
        written.map_err(|source| TrainError::Folder { folder: folder.to_path_buf(), source })
    }

    /// Writes where the training is, and gives the file.
    pub(super) fn write_last(&mut self) -> Result<PathBuf, TrainError> {
        let folder = self.config.checkpoints.as_ref().map(|checkpoints| checkpoints.folder.as_path());
        let path = folder.unwrap_or(Path::new("")).join("last.safetensors");
        self.save_beside(&path)?;
        self.log.pace = Pace::default();
        Ok(path)
    }
}
