//! Why a file of tensors could not be written or read.

use super::StateError;
use std::path::Path;

/// Why a file of tensors could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file system refused; the message names the file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The file does not hold what it should.
    #[error("`{file}`: {source}")]
    State {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: StateError,
    },
}

impl FileError {
    /// What is wrong with the content of a file.
    pub(crate) fn in_file(path: &Path, source: StateError) -> Self {
        FileError::State { file: path.display().to_string(), source }
    }
}
