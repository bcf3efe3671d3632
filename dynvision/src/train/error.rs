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
    #[error("{what} is not finite; {mend}")]
    NotFinite {
        /// The first thing that is not finite.
        what: String,
        /// What to do about it.
        mend: &'static str,
    },
    /// The mean over nothing is no number.
    #[error(
        "no label or response counts in {images} images: there is nothing to average; a longer presentation, a shorter reaction time, or a \
         pattern that is not shuffled leave steps whose label counts"
    )]
    NothingCounts {
        /// Number of images seen.
        images: usize,
    },
    /// A loss whose backward pass does not exist.
    #[error(
        "the loss `{loss}` combines a tensor with a clone of itself, as in `x.try_sub(x.clone())`: dfdx keeps one gradient for \
         both and cannot tell them apart; make the second a tensor of its own first, by \
         `cx.run(x.clone(), |x| x.try_mul(E::one()))` where gradients are to flow through it, or by `ops::stop_gradient`"
    )]
    SameTensor {
        /// The loss.
        loss: String,
    },
    /// A batch without images.
    #[error("the batch has no images; give at least one, or leave the batch out")]
    EmptyBatch,
    /// A signal ended the training; what was done is kept.
    #[error("ended by a signal after batch {batch} of epoch {epoch}; all of it is kept in `{}`: `resume` it and `fit` to go on", .kept.display())]
    Interrupted {
        /// The epoch, from 1.
        epoch: usize,
        /// The batches of it that are done; 0 between epochs.
        batch: usize,
        /// The checkpoint.
        kept: std::path::PathBuf,
    },
    /// Another training writes to the folder.
    #[error("{source}")]
    FolderInUse {
        /// The folder.
        folder: std::path::PathBuf,
        /// Who writes to it.
        source: std::io::Error,
    },
    /// A folder for checkpoints that cannot be written, found before the first batch, or a history that cannot be appended to.
    #[error("cannot write checkpoints to the folder `{}`: {source}", .folder.display())]
    Folder {
        /// The folder.
        folder: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
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
    Optimizer(#[from] OptimError),
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
