//! Partial files: made beside the file that they are to become, and swept once their writer is dead.
//!
//! A writer holds a lock on its partial file. The system gives the lock back when the process ends, however it ends, so a
//! partial file whose lock is free belongs to nobody. This holds where process numbers do not: over containers and, with
//! locks, over network file systems.

use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::path::Path;
use tempfile::{Builder, NamedTempFile};

const PREFIX: &str = ".dynvision-";
const SUFFIX: &str = ".partial";

/// A partial file of one's own. One that another process has swept between its making and its locking is made again.
pub(super) fn create(folder: &Path, mode: Option<u32>) -> io::Result<NamedTempFile> {
    for _ in 0..100 {
        let file = make(folder, mode)?;
        match file.as_file().try_lock() {
            Ok(()) if file.path().exists() => return Ok(file),
            // a sweep has come between: it holds the lock, or has removed the name
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            // a file system that cannot lock sweeps nothing either
            Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
    Err(io::Error::other("other processes remove partial files as fast as they are made"))
}

fn make(folder: &Path, mode: Option<u32>) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file, the umask applied, where there is none to replace; else at first its owner's alone.
        builder.permissions(Permissions::from_mode(if mode.is_some() { 0o600 } else { 0o666 }));
        let file = builder.tempfile_in(folder)?;
        if let Some(mode) = mode {
            file.as_file().set_permissions(Permissions::from_mode(mode))?;
        }
        Ok(file)
    }
    #[cfg(not(unix))]
    {
        let _: (Option<u32>, Option<Permissions>) = (mode, None);
        builder.tempfile_in(folder)
    }
}

/// Removes the partial files of writers that are no more. What cannot be removed stays: it harms nobody.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
            let _ = remove_if_orphaned(&entry.path());
        }
    }
}

fn remove_if_orphaned(path: &Path) -> io::Result<()> {
    // Not through a link: the name is taken, not what it points to.
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Ok(());
    }
    let file = File::options().read(true).write(true).open(path)?;
    match file.try_lock() {
        // Held while the name goes, so that a writer that has just made the file sees that it is gone.
        Ok(()) => std::fs::remove_file(path),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
