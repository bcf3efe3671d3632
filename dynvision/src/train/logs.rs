//! What is written of a training besides its checkpoints.

use serde::{Deserialize, Serialize};

/// What a training writes to the folder of its checkpoints besides them: `metrics.jsonl`, to which a line is appended for
/// each epoch and for every so many updates; `metrics.csv`, a table of the epochs; and TensorBoard's event files.
///
/// A line of `metrics.jsonl` is a [`Step`](super::Step) or an [`Epoch`](super::Epoch), told by its `kind`. A line goes to
/// the system at once, and the file is forced to the disk (`fsync`) before each checkpoint that counts on it. A resumed
/// training cuts what stands behind its checkpoint, so that the file becomes that of a training which was never interrupted;
/// only what a clock or the system says (`seconds`, `images_per_second`, `memory`) differs. A training that begins anew
/// replaces the files.
///
/// ```
/// use dynvision::train::{Logs, TrainConfig};
/// let config = TrainConfig::from_toml("checkpoints = { folder = 'runs/a' }\nlogs = { every = 100, tensorboard = true }")?;
/// assert_eq!(config.logs, Logs { every: 100, tensorboard: true });
/// # Ok::<(), dynvision::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logs {
    /// After how many updates there is a line about them; 0 for lines about epochs alone.
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub every: u64,
    /// Whether event files for TensorBoard are written.
    pub tensorboard: bool,
}

impl Default for Logs {
    /// A line every 20 updates, as the original's.
    fn default() -> Self {
        Logs { every: 20, tensorboard: false }
    }
}
