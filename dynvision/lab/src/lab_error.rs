//! Why the laboratory cannot do what it is asked.

use crate::config::ConfigError;
use crate::report::ReportError;
use crate::run_error::RunError;
use dynvision::data::DataError;
use dynvision::protocol::ProtocolError;
use dynvision::train::TrainError;
use std::path::{Path, PathBuf};

/// Why the laboratory cannot do what it is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// It was asked for something that cannot be asked for.
    #[error("{0}")]
    Usage(String),
    /// A name that nothing has.
    #[error(transparent)]
    Name(#[from] crate::Error),
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An experiment.
    #[error(transparent)]
    Experiment(#[from] RunError),
    /// A training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The model.
    #[error(transparent)]
    Model(#[from] dynvision::error::Error),
    /// A protocol.
    #[error(transparent)]
    Protocol(#[from] dynvision::protocol::ProtocolError),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A report.
    #[error(transparent)]
    Report(#[from] ReportError),
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
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl LabError {
    /// Whether what was asked for is wrong, and not what came of it.
    ///
    /// ```
    /// use dynvision_lab::LabError;
    ///
    /// assert!(LabError::Usage("name a model".into()).is_usage());
    /// assert!(!LabError::Failed("the disk is full".into()).is_usage());
    /// ```
    pub fn is_usage(&self) -> bool {
        let name = |error: &crate::Error| matches!(error, crate::Error::Unknown { .. } | crate::Error::Setting { .. });
        match self {
            LabError::Usage(_) | LabError::Config(_) => true,
            LabError::Name(error) | LabError::Experiment(RunError::Measure(error)) => name(error),
            LabError::Experiment(RunError::Setting(_)) => true,
            LabError::Protocol(error) | LabError::Experiment(RunError::Protocol(error)) => {
                !matches!(error, ProtocolError::Image { .. } | ProtocolError::Source { .. })
            }
            LabError::Experiment(RunError::Figure(crate::figure::FigureError::Unknown { .. })) => true,
            _ => false,
        }
    }

    /// The error of a file, for `map_err`.
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> LabError {
        let path = path.to_path_buf();
        move |source| LabError::File { what, path, source }
    }
}
