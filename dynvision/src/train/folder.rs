//! The folder that checkpoints are written to: made, tried and locked before the first batch.

use super::TrainError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;

/// The name of the file whose lock says that a training writes to its folder. It holds nothing and may stay.
const LOCK: &str = ".training.lock";

/// A folder that this training alone writes to. The system lets go of the lock when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Folder {
    _lock: File,
}

impl Folder {
    /// Makes the folder if there is none, and tries whether files can be written there.
    ///
    /// # Errors
    /// A folder that cannot be made or written; one that another training writes to.
    pub(super) fn open(path: &Path) -> Result<Self, TrainError> {
        let named = |source| TrainError::Folder { folder: path.to_path_buf(), source };
        std::fs::create_dir_all(path).map_err(named)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK)).map_err(named)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(TrainError::FolderInUse { folder: path.to_path_buf() });
            }
            // a file system without locks
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(named(error)),
        }
        // the lock file may be older than what now forbids to write
        let mut probe = tempfile::Builder::new().prefix(".").suffix(".partial").tempfile_in(path).map_err(named)?;
        probe.write_all(&[0; 4096]).and_then(|()| probe.as_file().sync_all()).map_err(named)?;
        Ok(Folder { _lock: lock })
    }
}
