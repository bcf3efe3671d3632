//! The keys that there are.

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number from 0 on.
    Count,
    /// A whole number of 64 bits, or its digits as text, for those above 2^63 - 1 that TOML has no number for.
    Seed,
    /// A number.
    Real,
    /// A time: `10 ms`, `0.01 s`, `2 steps`, or a number of ms.
    Time,
    /// A number of steps: `4 steps`, a number, or a time that is so many steps long.
    Steps,
    /// A list of texts.
    Texts,
    /// A table or value that its own type reads.
    Value,
}

impl Kind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Flag => "true or false",
            Kind::Count => "a whole number from 0 on",
            Kind::Seed => "a whole number from 0 to 18446744073709551615",
            Kind::Real => "a number",
            Kind::Time => "a time such as `10 ms`, `2 steps`, or a number of ms",
            Kind::Steps => "a number of steps, or a time such as `20 ms`",
            Kind::Texts => "a list of texts",
            Kind::Value => "a value or table",
        }
    }
}

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its path; `*` stands for any name.
    pub path: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it means.
    pub about: &'static str,
}

const fn key(path: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { path, kind, about }
}

/// All settings.
pub const KEYS: &[Key] = &[
    key("name", Kind::Text, "a readable beginning of the run's folder; the model and data if it is not set"),
    key("model", Kind::Text, "the model, a name of `models`"),
    key("seed", Kind::Seed, "determines all that is left to chance"),
    key("dynamics.dt", Kind::Time, "time step of the solver"),
    key("dynamics.tau", Kind::Time, "time constant of every area that has none of its own"),
    key("dynamics.t_feedforward", Kind::Time, "delay from an area to the next"),
    key("dynamics.t_recurrence", Kind::Time, "delay of an area's recurrence, at least a step"),
    key("dynamics.t_skip", Kind::Time, "delay of skip connections"),
    key("dynamics.t_feedback", Kind::Time, "delay of feedback connections, at least a step"),
    key("dynamics.idle_steps", Kind::Steps, "steps without input before the stimulus"),
    key("dynamics.non_input", Kind::Real, "what every unit of a frame without input is"),
    key("dynamics.truncate_steps", Kind::Steps, "gradients are cut after so many steps; 0 for never"),
    key("dynamics.recompute_steps", Kind::Steps, "steps whose responses are computed again for gradients; 0 for none"),
    key("dynamics.feedforward_only", Kind::Flag, "switches recurrence, skip and feedback off"),
    key("dynamics.areas.*.tau", Kind::Time, "time constant of an area"),
    key("dynamics.areas.*.t_feedforward", Kind::Time, "delay of an area to the next"),
    key("dynamics.areas.*.t_recurrence", Kind::Time, "delay of an area's recurrence"),
    key("dynamics.links.*", Kind::Time, "delay of a link, such as `v4_skip_v1`"),
    key("data.name", Kind::Text, "the data set, a name of `data`"),
    key("data.folder", Kind::Text, "where the files of the data set are"),
    key("data.train", Kind::Count, "train on so many images at most, of each class alike; 0 for all"),
    key("data.test", Kind::Count, "test on so many images at most, of each class alike; 0 for all"),
    key("data.validation", Kind::Real, "the part of the training images that are held out to evaluate on meanwhile"),
    key("data.seed", Kind::Seed, "determines which images of a folder that is not divided are tested on"),
    key("data.skip_corrupt", Kind::Flag, "whether files of a folder that cannot be decoded are left out and counted"),
    key("data.memory_gb", Kind::Real, "how many gigabytes the images of a folder may take in memory"),
    key("train.epochs", Kind::Count, "how often all images are seen"),
    key("train.batch_size", Kind::Count, "images in a batch"),
    key("train.accumulate", Kind::Count, "batches whose gradients are averaged for one update"),
    key("train.steps", Kind::Steps, "for how long an image is presented"),
    key(
        "train.protocol",
        Kind::Value,
        "what is shown, in place of steps and pattern: a protocol as experiments have it, or the name of an experiment",
    ),
    key("train.presentation.pattern", Kind::Text, "when the image is shown, such as \"1011\""),
    key("train.presentation.shuffle", Kind::Flag, "whether the pattern is shuffled for each batch"),
    key("train.presentation.reaction_steps", Kind::Steps, "for how long after an onset the label does not count"),
    key("train.presentation.blank", Kind::Real, "the value of pixels of blank frames"),
    key("train.order", Kind::Text, "sequential, shuffled, round_robin or balanced"),
    key("train.optimizer", Kind::Value, "the rule: `method` with its settings"),
    key("train.lr_scaling", Kind::Text, "how the learning rate grows with the batch: none, sqrt or linear"),
    key("train.groups", Kind::Value, "learning rates, decay and freezing by patterns of names"),
    key("train.frozen_statistics", Kind::Texts, "areas whose batch norms keep to their running moments"),
    key("train.average", Kind::Value, "the average of weights that is evaluated"),
    key("train.clip", Kind::Value, "limit of gradients: `norm` or `value`"),
    key("train.schedule", Kind::Value, "how the learning rate changes: `kind` with its settings"),
    key("train.schedule_by", Kind::Text, "what a step of the schedule is: update or epoch"),
    key("train.evaluate_every", Kind::Count, "epochs between evaluations"),
    key("train.monitor", Kind::Value, "what progress is measured by"),
    key("train.early_stopping", Kind::Value, "when to end before the last epoch"),
    key("train.logs.every", Kind::Count, "updates between lines of the history; 0 for none"),
    key("train.logs.tensorboard", Kind::Flag, "whether event files for TensorBoard are written"),
    key("train.checkpoints.every", Kind::Count, "epochs between checkpoints"),
    key("train.checkpoints.every_batches", Kind::Count, "batches between checkpoints within an epoch"),
    key("train.checkpoints.every_minutes", Kind::Real, "minutes between checkpoints"),
    key("train.checkpoints.best", Kind::Flag, "whether the best epoch is kept"),
    key("train.checkpoints.keep_best", Kind::Count, "how many of the best epochs are kept"),
    key("train.checkpoints.keep_every", Kind::Count, "epochs between checkpoints that stay"),
    key("losses.activity", Kind::Real, "the weight of the mean activity of all areas"),
    key("losses.smoothness", Kind::Real, "the weight of the change of activity in time"),
    key("experiments.names", Kind::Texts, "experiments, by name or file"),
    key("experiments.images", Kind::Count, "so many test images are shown, of each class alike"),
    key("experiments.batch", Kind::Count, "images that are shown at once"),
    key("experiments.seed", Kind::Seed, "determines noise and masks"),
];

impl Key {
    /// Whether a path is this key's, or lies in the table that it is.
    pub(super) fn holds(&self, path: &str) -> bool {
        let (mut own, mut given) = (self.path.split('.'), path.split('.'));
        loop {
            match (own.next(), given.next()) {
                (None, None) => return true,
                (None, Some(_)) => return self.kind == Kind::Value,
                (Some(own), Some(given)) if own == "*" || own == given => {}
                _ => return false,
            }
        }
    }
}

/// The key of a path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.holds(path))
}

/// The nearest key to one that there is not, and a sentence of what there is in its section.
pub(super) fn near(path: &str) -> (Option<String>, String) {
    let distance = |key: &&Key| (strsim::damerau_levenshtein(path, key.path), key.path);
    let limit = 2 + path.chars().count() / 4;
    let nearest = KEYS.iter().filter(|key| !key.path.contains('*')).map(|key| distance(&key)).min();
    let suggestion = nearest.filter(|(distance, _)| *distance <= limit).map(|(_, path)| path.to_string());
    let mut section = path;
    while let Some((outer, _)) = section.rsplit_once('.') {
        section = outer;
        let inside: Vec<&str> =
            KEYS.iter().filter_map(|key| key.path.strip_prefix(section)?.strip_prefix('.')).collect();
        if !inside.is_empty() {
            return (suggestion, format!("in `{section}` there are {}", inside.join(", ")));
        }
    }
    let mut tops: Vec<&str> = KEYS.iter().filter_map(|key| key.path.split('.').next()).collect();
    tops.dedup();
    (suggestion, format!("there are {}, profile", tops.join(", ")))
}
