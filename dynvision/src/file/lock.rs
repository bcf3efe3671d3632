//! A folder that one process has for itself.

use super::named::named;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// The file that carries the lock.
const NAME: &str = ".dynvision.lock";

/// Holds a folder for one writer, such as a training with its checkpoints, until it is dropped.
///
/// The system gives the lock back when the process ends, also by `kill -9`: a lock file without its process holds nobody
/// off. Where the file system has no locks (some network file systems), the lock is taken without effect.
///
/// ```
/// use dynvision::file::FolderLock;
/// # let folder = tempfile::tempdir()?;
/// let lock = FolderLock::take(folder.path())?;
/// let error = FolderLock::take(folder.path()).expect_err("the folder is held").to_string();
/// assert!(error.contains("another process") || error.contains("this process"));
/// drop(lock);
/// FolderLock::take(folder.path())?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct FolderLock {
    file: File,
    path: PathBuf,
}

impl FolderLock {
    /// Takes the folder, which is made if it is not there.
    ///
    /// # Errors
    /// A folder that another holds ([`io::ErrorKind::WouldBlock`], with its process number), that cannot be made or written;
    /// each names the folder.
    pub fn take(folder: impl AsRef<Path>) -> io::Result<Self> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|error| named("make the folder", folder, error))?;
        let path = folder.join(NAME);
        for _ in 0..100 {
            let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = open.map_err(|error| named("lock", &path, error))?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(held(folder, &mut file)),
                // no locks here
                Err(TryLockError::Error(_)) => return Ok(FolderLock { file, path }),
                // The holder before may have removed the name between the opening and the locking.
                Ok(()) if is_at(&file, &path) => {
                    let written = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
                    written.map_err(|error| named("lock", &path, error))?;
                    return Ok(FolderLock { file, path });
                }
                Ok(()) => {}
            }
        }
        Err(named("lock", &path, io::Error::other("others take and leave it without end")))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // The name goes while the lock is held: whoever opened the file meanwhile sees that it has no name.
        if is_at(&self.file, &self.path) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn held(folder: &Path, file: &mut File) -> io::Error {
    let mut process = String::new();
    // a number and no more; the error stands without it
    let _ = file.rewind().and_then(|()| file.take(20).read_to_string(&mut process));
    let who = match process.trim().parse::<u32>() {
        Ok(number) if number == std::process::id() => "this process".to_string(),
        Ok(number) => format!("another process ({number})"),
        Err(_) => "another process".to_string(),
    };
    let text = format!(
        "the folder `{}` is being written by {who}: wait until it has ended, or give this run a folder of its own",
        folder.display()
    );
    io::Error::new(io::ErrorKind::WouldBlock, text)
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |data: std::fs::Metadata| (data.dev(), data.ino());
    file.metadata().map(id).ok() == std::fs::symlink_metadata(path).map(id).ok()
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_and_then_the_next_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        let lock = FolderLock::take(&inner).unwrap();
        assert_eq!(lock.folder(), inner);
        let error = FolderLock::take(&inner).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(error.to_string().contains("a/b` is being written by this process"), "{error}");
        drop(lock);
        assert_eq!(std::fs::read_dir(&inner).unwrap().count(), 0);
        drop(FolderLock::take(&inner).unwrap());
    }

    #[test]
    fn a_file_that_a_dead_process_left_holds_nobody_off() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NAME), "4294967295").unwrap();
        drop(FolderLock::take(folder.path()).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn of_many_at_a_time_one_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let inside = std::sync::atomic::AtomicUsize::new(0);
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if let Ok(lock) = FolderLock::take(folder.path()) {
                            assert_eq!(inside.fetch_add(1, order), 0);
                            inside.fetch_sub(1, order);
                            drop(lock);
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = FolderLock::take(file.join("runs")).unwrap_err().to_string();
        assert!(error.contains("file/runs"), "{error}");
    }
}
