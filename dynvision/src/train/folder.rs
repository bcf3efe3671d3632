//! The folder that checkpoints are written to: made, tried and locked before the first batch.

use super::TrainError;
use crate::file::{FolderLock, atomic};
use std::io;
use std::path::Path;

/// Makes the folder if there is none, takes it for this training alone, and tries whether files can be written there.
///
/// # Errors
/// A folder that cannot be made, written or named in a checkpoint; one that another training writes to.
pub(super) fn take(path: &Path) -> Result<FolderLock, TrainError> {
    let folder = path.to_path_buf();
    if path.to_str().is_none() {
        // a checkpoint holds the settings of its training as text
        let source = io::Error::new(io::ErrorKind::InvalidInput, "its name is no valid UTF-8; give it another");
        return Err(TrainError::Folder { folder, source });
    }
    let lock = match FolderLock::take(path) {
        Ok(lock) => lock,
        Err(source) if source.kind() == io::ErrorKind::WouldBlock => {
            return Err(TrainError::FolderInUse { folder, source });
        }
        Err(source) => return Err(TrainError::Folder { folder, source }),
    };
    match atomic::prepare(path) {
        Ok(()) => Ok(lock),
        Err(source) => Err(TrainError::Folder { folder, source }),
    }
}
