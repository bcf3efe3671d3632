//! The settings of a training.

use super::{EarlyStopping, Logs, Monitor, TrainError, TrainingLog};
use crate::data::{Order, Presentation, Seed};
use crate::optim::{Average, Clip, Groups, LrScaling, OptimizerConfig, Schedule, UpdateRule};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The settings of a training, as a table of TOML or a struct.
///
/// ```
/// use dynvision::optim::{Group, Groups};
/// use dynvision::train::TrainConfig;
/// let config = TrainConfig::from_toml(r#"
///     epochs = 20
///     steps = 8
///     groups = [{ pattern = "recurrence", lr = 0.2 }]
///     [optimizer]
///     method = "adam"
///     lr = 1e-3
///     [presentation]
///     pattern = "1011"
///     reaction_steps = 2
/// "#)?;
/// assert_eq!(config.groups, Groups::new([Group::named("recurrence").lr(0.2)]));
/// let error = TrainConfig::from_toml("epoch = 3").unwrap_err().to_string();
/// assert!(error.contains("unknown field `epoch`"), "{error}");
/// # Ok::<(), dynvision::train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// How often all images are seen.
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub epochs: usize,
    /// Images in a batch.
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub batch_size: usize,
    /// Batches whose gradients are averaged for one update.
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub accumulate: usize,
    /// Determines all that is left to chance: with it, the images and the first weights, the whole run is given.
    pub seed: Seed,
    /// Timesteps for which an image is presented. As many steps as the model's feedforward delays take in all are added.
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub steps: usize,
    /// When the image is shown, and when its label counts.
    pub presentation: Presentation,
    /// In which order the images are seen.
    pub order: Order,
    /// How weights are updated.
    pub optimizer: OptimizerConfig,
    /// How the optimizer's learning rate grows with the images of an update, `batch_size` times `accumulate`; not at all unless
    /// asked for. [`Trainer::lr`](super::Trainer::lr) is what comes out.
    pub lr_scaling: LrScaling,
    /// Learning rates, weight decay and freezing by the names of parameters.
    pub groups: Groups,
    /// The areas whose batch norms keep to their running moments, as
    /// [`Stimulus::freeze_statistics`](crate::unroll::Stimulus::freeze_statistics) says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frozen_statistics: Vec<String>,
    /// The average of the weights that is evaluated and kept besides them, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<Average>,
    /// How gradients are kept from growing too large; a limit of infinity only measures them.
    pub clip: Clip,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// What a step of the schedule is.
    pub schedule_by: Interval,
    /// After how many epochs the model is evaluated; the last is always.
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub evaluate_every: usize,
    /// What progress is measured by.
    pub monitor: Monitor,
    /// When to end before the last epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Where checkpoints are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<Checkpoints>,
    /// What is written of the training beside the checkpoints.
    pub logs: Logs,
    /// Whether a bar shows how far an epoch is; never shown where the standard error is no terminal.
    pub progress: bool,
}

impl Default for TrainConfig {
    /// 10 epochs in shuffled batches of 64, 4 steps, Adam, gradients clipped to norm 1.
    fn default() -> Self {
        TrainConfig {
            epochs: 10,
            batch_size: 64,
            accumulate: 1,
            seed: Seed(0),
            steps: 4,
            presentation: Presentation::default(),
            order: Order::Shuffled,
            optimizer: OptimizerConfig::default(),
            lr_scaling: LrScaling::None,
            groups: Groups::default(),
            frozen_statistics: Vec::new(),
            average: None,
            clip: Clip::Norm(1.0),
            schedule: Schedule::Constant,
            schedule_by: Interval::Update,
            evaluate_every: 1,
            monitor: Monitor::default(),
            early_stopping: None,
            checkpoints: None,
            logs: Logs::default(),
            progress: true,
        }
    }
}

/// The longest presentation: what is known of each step takes memory before the first one.
const MAX_STEPS: usize = 1 << 20;

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// Updates of the weights.
    #[default]
    Update,
    /// Epochs.
    Epoch,
}

/// Where checkpoints are written: `last.safetensors`, and what is asked for of `best.safetensors`, the best epoch so far by
/// [`TrainConfig::monitor`]; `best-0005.safetensors` and the like, the best few with their values in `best.csv`; and
/// `epoch-0005.safetensors` and the like, which stay. Beside them the history of the training is appended to
/// `metrics.jsonl` (see [`Logs`]), on which they count: a checkpoint holds how far the history was, and to
/// [`resume`](super::Trainer::resume) it both files are needed. [`Trainer::save`](super::Trainer::save) writes one that stands
/// alone.
///
/// A training that keeps checkpoints ends by SIGINT, SIGTERM or SIGHUP after the update in hand with a `last.safetensors` that
/// resumes exactly; a second signal ends the process at once.
///
/// ```
/// use dynvision::train::{Checkpoints, TrainConfig};
/// let config = TrainConfig::from_toml("checkpoints = { folder = 'runs/a', every_batches = 100 }")?;
/// let expected = Checkpoints { every_batches: Some(100), ..Checkpoints::to("runs/a") };
/// assert_eq!(config.checkpoints, Some(expected));
/// # Ok::<(), dynvision::train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoints {
    /// The folder; it is made if there is none.
    pub folder: PathBuf,
    /// After how many epochs; after the last always.
    #[serde(default = "one")]
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub every: usize,
    /// After how many batches within an epoch, too: at the first update from there on. A process that is killed loses no
    /// more than these.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "crate::file::count::serialize_some")]
    pub every_batches: Option<usize>,
    /// After how many minutes, too: at the first update from there on, or before an evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_minutes: Option<f64>,
    /// Whether the best is kept as well.
    #[serde(default)]
    pub best: bool,
    /// How many of the best epochs are kept, each in a file of its own.
    #[serde(default)]
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub keep_best: usize,
    /// After how many epochs a checkpoint is written that stays.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "crate::file::count::serialize_some")]
    pub keep_every: Option<usize>,
}

impl Checkpoints {
    /// After every epoch, to this folder; the best is not kept.
    pub fn to(folder: impl Into<PathBuf>) -> Self {
        Checkpoints {
            folder: folder.into(),
            every: 1,
            every_batches: None,
            every_minutes: None,
            best: false,
            keep_best: 0,
            keep_every: None,
        }
    }
}

const fn one() -> usize {
    1
}

impl TrainConfig {
    /// Reads a table of TOML and checks it.
    ///
    /// # Errors
    /// What is no TOML, an unknown key, a setting out of its range.
    pub fn from_toml(text: &str) -> Result<Self, TrainError> {
        let config: TrainConfig = toml::from_str(text)?;
        config.check()?;
        Ok(config)
    }

    /// Checks the settings; those of groups are checked against the model's parameters by the trainer.
    ///
    /// # Errors
    /// The first that is out of its range.
    pub fn check(&self) -> Result<(), TrainError> {
        let positive = [
            ("batch_size", self.batch_size),
            ("accumulate", self.accumulate),
            ("steps", self.steps),
            ("evaluate_every", self.evaluate_every),
            ("checkpoints.every_batches", self.checkpoints.as_ref().and_then(|c| c.every_batches).unwrap_or(1)),
            ("checkpoints.keep_every", self.checkpoints.as_ref().and_then(|c| c.keep_every).unwrap_or(1)),
            ("checkpoints.every", self.checkpoints.as_ref().map_or(1, |checkpoints| checkpoints.every)),
        ];
        if let Some((setting, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(TrainError::setting(setting, 0, "at least 1"));
        }
        if let Some(minutes) = self.checkpoints.as_ref().and_then(|checkpoints| checkpoints.every_minutes)
            && !(minutes.is_finite() && minutes > 0.0)
        {
            return Err(TrainError::setting("checkpoints.every_minutes", minutes, "a finite number above 0"));
        }
        if self.logs.tensorboard && self.checkpoints.is_none() {
            let expected = "false, unless `checkpoints` names a folder to write to";
            return Err(TrainError::setting("logs.tensorboard", true, expected));
        }
        if self.steps > MAX_STEPS {
            return Err(TrainError::setting("steps", self.steps, "at most 1048576"));
        }
        if !self.presentation.blank.is_finite() {
            return Err(TrainError::setting("presentation.blank", self.presentation.blank, "a finite number"));
        }
        let (Clip::Norm(limit) | Clip::Value(limit)) = self.clip;
        if limit.is_nan() || limit <= 0.0 {
            return Err(TrainError::setting("clip", limit, "a number above 0; inf for no limit"));
        }
        self.average.map_or(Ok(()), |average| average.check())?;
        self.monitor.check()?;
        self.early_stopping.map_or(Ok(()), |stop| stop.check())?;
        if !self.presentation.can_count(self.steps) {
            return Err(TrainError::setting(
                "presentation.reaction_steps",
                self.presentation.reaction_steps,
                "a pattern and a reaction time that leave a step whose label counts",
            ));
        }
        self.optimizer.check()?;
        Ok(self.schedule.check()?)
    }

    /// Whether an epoch's end is one at which something is due that is due every so many epochs.
    pub(super) fn due(&self, epochs: usize, every: usize) -> bool {
        epochs.is_multiple_of(every) || epochs == self.epochs
    }

    /// Whether the training is over.
    pub(super) fn is_over(&self, history: &TrainingLog, monitor: &Monitor) -> bool {
        let tired =
            |stop: EarlyStopping| stop.judge(monitor.mode, monitor.values(history).map(|(_, value)| value)).stop;
        history.epochs.len() >= self.epochs || self.early_stopping.is_some_and(tired)
    }

    /// The settings that determine what a resumed run computes: all but when it ends, and what it shows and writes.
    pub(super) fn determining(&self) -> TrainConfig {
        let fixed = TrainConfig::default();
        // the rates of a plateau are a function of what is measured, and when
        let (monitor, evaluate_every) = match self.schedule {
            Schedule::Plateau(_) => (self.monitor.clone(), self.evaluate_every),
            _ => (fixed.monitor, fixed.evaluate_every),
        };
        TrainConfig {
            monitor,
            epochs: fixed.epochs,
            early_stopping: None,
            checkpoints: None,
            logs: fixed.logs,
            progress: fixed.progress,
            evaluate_every,
            ..self.clone()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_as_they_are_read() {
        let config = TrainConfig {
            early_stopping: Some(EarlyStopping { patience: 3, min_delta: 0.5, threshold: Some(0.25) }),
            checkpoints: Some(Checkpoints {
                folder: "run".into(),
                every: 2,
                every_batches: Some(3),
                every_minutes: Some(2.5),
                best: true,
                keep_best: 2,
                keep_every: Some(5),
            }),
            monitor: Monitor::of("valid_accuracy", crate::optim::MonitorMode::Max),
            lr_scaling: LrScaling::Sqrt,
            average: Some(Average { decay: 0.5, warmup: true }),
            clip: Clip::Value(f64::INFINITY),
            schedule: Schedule::Cosine { steps: 100, floor: 0.1 },
            ..Default::default()
        };
        let text = toml::to_string(&config).unwrap();
        assert_eq!(TrainConfig::from_toml(&text).unwrap(), config);
        assert_eq!(TrainConfig::from_toml("").unwrap(), TrainConfig::default());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("batch_size = 0", "batch_size is 0"),
            ("steps = -1", "steps"),
            ("steps = 10000000000", "steps is 10000000000"),
            ("seed = -1", "a seed from 0"),
            (
                "steps = 4\npresentation = { pattern = \"10\", shuffle = true, reaction_steps = 2 }",
                "leave a step whose label counts",
            ),
            ("checkpoints = { folder = \"a\", every_batches = 0 }", "checkpoints.every_batches"),
            ("checkpoints = { folder = \"a\", every_minutes = 0.0 }", "checkpoints.every_minutes"),
            ("checkpoints = { folder = \"a\", every_minutes = inf }", "checkpoints.every_minutes"),
            ("average = { decay = 1.0 }", "average.decay"),
            ("logs = { tensorboard = true }", "unless `checkpoints` names a folder"),
            ("logs = { every = -1 }", "every"),
            ("clip = { norm = 0.0 }", "clip is 0"),
            ("clip = { norm = nan }", "clip is NaN"),
            ("optimizer = { method = \"adma\" }", "adma"),
            ("optimizer = { method = \"sgd\", lr = nan }", "NaN"),
            ("optimizer = { method = \"adam\", betas = [0.9, 1.0] }", "betas"),
            ("optimizer = { method = \"sgd\", momentum = inf }", "momentum"),
            ("presentation = { reaction_steps = 4 }", "leave a step whose label counts"),
            ("presentation = { pattern = \"0\" }", "leave a step whose label counts"),
            ("presentation = { blank = inf }", "presentation.blank"),
            ("schedule = { kind = \"cosine\", steps = 0 }", "steps is 0"),
            ("checkpoints = { folder = \"a\", every = 0 }", "checkpoints.every"),
            ("checkpoints = { folder = \"a\", keep_every = 0 }", "checkpoints.keep_every"),
            ("early_stopping = { patience = 1, min_delta = -1.0 }", "min_delta"),
            ("early_stopping = { patience = 1, threshold = inf }", "early_stopping.threshold"),
            ("monitor = { metric = \"loss\" }", "`valid_loss`"),
            ("monitor = { mode = \"least\" }", "least"),
            ("lr_scaling = \"cubic\"", "cubic"),
        ] {
            let error = TrainConfig::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
