//! What can go wrong in a training, and where.

use crate::data::DataError;
use crate::error::Error;
use crate::interop::{FileError, StateError};
use crate::optim::OptimError;

/// Why a training stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting out of its range.
    #[error("{setting} is {found}, expected {expected}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// A configuration that cannot be read.
    #[error("the configuration cannot be read: {0}")]
    Config(#[from] toml::de::Error),
    /// Something became infinite or no number.
    #[error(
        "{what} is not finite; a smaller learning rate, clipping (`clip`), or inputs of a smaller scale keep it finite"
    )]
    NotFinite {
        /// The first thing that is not finite.
        what: String,
    },
    /// A mistake while a batch was trained on.
    #[error("epoch {epoch}, batch {batch}: {source}")]
    Batch {
        /// The epoch, from 1.
        epoch: usize,
        /// The batch in the epoch, from 1.
        batch: usize,
        /// The mistake.
        source: Box<TrainError>,
    },
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model or the loss.
    #[error(transparent)]
    Model(#[from] Error),
    /// The optimizer.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// A file that cannot be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A checkpoint that does not fit.
    #[error("the checkpoint {0}")]
    Checkpoint(String),
    /// A checkpoint whose tensors do not fit.
    #[error("the checkpoint does not fit: {0}")]
    State(#[from] StateError),
}

impl TrainError {
    pub(super) fn setting(setting: &'static str, found: impl std::fmt::Debug, expected: &'static str) -> Self {
        TrainError::Setting { setting, expected, found: format!("{found:?}") }
    }
}
