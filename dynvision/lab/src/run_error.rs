//! Why an experiment cannot be run.

use dynvision::data::DataError;
use dynvision::protocol::ProtocolError;
use std::path::{Path, PathBuf};

/// Why an experiment cannot be run, or its results not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A measure, a statistic or an intervention.
    #[error(transparent)]
    Measure(#[from] crate::Error),
    /// A protocol or the experiment itself.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The model.
    #[error(transparent)]
    Model(#[from] dynvision::error::Error),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A figure.
    #[error(transparent)]
    Figure(#[from] crate::figure::FigureError),
    /// The file system.
    #[error("cannot {what} `{}`: {source}", .path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A table that cannot be written or read.
    #[error("the table `{}`: {reason}", .path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Settings that do not go together, or a size that does not fit.
    #[error("{0}")]
    Setting(String),
    /// It was asked to stop. What is finished is kept, and running it again goes on.
    #[error("stopped after {done} of {of} conditions; run it again to go on")]
    Stopped {
        /// Conditions that are finished.
        done: usize,
        /// Conditions of the experiment.
        of: usize,
    },
}

impl RunError {
    /// The error of a file, for `map_err`.
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> RunError {
        let path = path.to_path_buf();
        move |source| RunError::File { what, path, source }
    }
}
