//! One cell of a grid on disk.

use crate::run_error::RunError;
use serde_json::Value;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder of a cell while it is being written. It takes its place when it is finished, and is gone if it is not.
#[derive(Debug)]
pub(super) struct Unfinished {
    folder: PathBuf,
    place: PathBuf,
    /// Held as long as the process lives.
    lock: File,
}

const PARTIAL: &str = ".unfinished-";
const LOCK: &str = "lock";

/// The folder of a finished cell.
pub(super) fn folder(store: &Path, key: &str) -> PathBuf {
    store.join(key)
}

/// Whether a cell is finished: its description is written last, and its tables are still there.
pub(crate) fn is_finished(store: &Path, key: &str) -> bool {
    is_whole(&folder(store, key))
}

fn is_whole(folder: &Path) -> bool {
    ["cell.json", "steps.parquet", "samples.parquet"].iter().all(|name| folder.join(name).is_file())
}

/// Makes the store, and removes what processes that are gone have left in it.
pub(super) fn sweep(store: &Path) -> Result<(), RunError> {
    std::fs::create_dir_all(store).map_err(RunError::file("make the folder", store))?;
    let entries = std::fs::read_dir(store).map_err(RunError::file("read", store))?;
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PARTIAL)) {
        let lock = File::options().write(true).open(entry.path().join(LOCK));
        // one without its lock file is being made, or nothing was done in it
        if lock.is_err() && age(&entry.path()).is_some_and(|age| age > Duration::from_secs(60)) {
            let _ = std::fs::remove_dir(entry.path());
        }
        let held = lock.as_ref().is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
        if !held && lock.is_ok() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// How long a folder has been as it is.
fn age(folder: &Path) -> Option<Duration> {
    std::fs::metadata(folder).ok()?.modified().ok()?.elapsed().ok()
}

impl Unfinished {
    /// Begins a cell.
    pub(super) fn new(store: &Path, key: &str) -> Result<Self, RunError> {
        let made = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(store);
        let folder = made.map_err(RunError::file("make a folder in", store))?.keep();
        let path = folder.join(LOCK);
        let lock = File::create(&path).map_err(RunError::file("write", &path))?;
        // where there are no locks, nothing of others is swept either
        let _ = lock.try_lock();
        Ok(Unfinished { folder, place: super::cell::folder(store, key), lock })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the description and puts the cell in its place. Where another process was faster, its cell stays.
    pub(super) fn finish(self, description: &Value) -> Result<(), RunError> {
        let path = self.folder.join("cell.json");
        let text = format!("{description:#}\n");
        std::fs::write(&path, text).map_err(RunError::file("write", &path))?;
        File::open(&path).and_then(|file| file.sync_all()).map_err(RunError::file("write", &path))?;
        if self.place.is_dir() && !is_whole(&self.place) {
            // what somebody has taken parts of
            std::fs::remove_dir_all(&self.place).map_err(RunError::file("remove", &self.place))?;
        }
        // the lock goes with it: at no moment is there a folder that nobody would sweep
        match std::fs::rename(&self.folder, &self.place) {
            Err(_) if is_whole(&self.place) => return Ok(()),
            moved => moved.map_err(RunError::file("write", &self.place))?,
        }
        let _ = std::fs::remove_file(self.place.join(LOCK));
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = self.lock.unlock();
        // a finished one is no longer there
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn names(store: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(store).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_cell_is_there_whole_or_not_at_all() {
        let store = tempfile::tempdir().unwrap();
        let store = store.path();
        let begun = Unfinished::new(store, "abc").unwrap();
        std::fs::write(begun.folder().join("steps.parquet"), "half").unwrap();
        sweep(store).unwrap();
        assert_eq!(names(store).len(), 1, "what is being written stays");
        assert!(!is_finished(store, "abc"));
        drop(begun);
        assert_eq!(names(store).len(), 0);
        let whole = |cell: &Unfinished| {
            ["steps.parquet", "samples.parquet"]
                .iter()
                .for_each(|name| std::fs::write(cell.folder().join(name), "").unwrap());
        };
        let (begun, other) = (Unfinished::new(store, "abc").unwrap(), Unfinished::new(store, "abc").unwrap());
        [&begun, &other].into_iter().for_each(whole);
        begun.finish(&serde_json::json!({ "by": 1 })).unwrap();
        other.finish(&serde_json::json!({ "by": 2 })).unwrap();
        assert!(is_finished(store, "abc"));
        assert_eq!(
            (names(store), names(&store.join("abc"))),
            (vec!["abc".into()], ["cell.json", "samples.parquet", "steps.parquet"].map(String::from).into())
        );
        assert!(std::fs::read_to_string(store.join("abc/cell.json")).unwrap().contains('1'), "the first one stays");
        // one of which somebody removed a part is made again
        std::fs::remove_file(store.join("abc/steps.parquet")).unwrap();
        assert!(!is_finished(store, "abc"));
        let again = Unfinished::new(store, "abc").unwrap();
        whole(&again);
        again.finish(&serde_json::json!({ "by": 3 })).unwrap();
        assert!(
            is_finished(store, "abc") && std::fs::read_to_string(store.join("abc/cell.json")).unwrap().contains('3')
        );
    }

    #[test]
    fn what_a_killed_process_left_is_swept() {
        let store = tempfile::tempdir().unwrap();
        let left = store.path().join(".unfinished-x1");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(LOCK), "").unwrap();
        std::fs::write(left.join("steps.parquet"), [0; 100]).unwrap();
        std::fs::create_dir(store.path().join("finished")).unwrap();
        // killed before it had its lock, long ago and just now
        for (name, ago) in [(".unfinished-x2", 3600), (".unfinished-x3", 0)] {
            let folder = store.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            let then = std::time::SystemTime::now() - Duration::from_secs(ago);
            File::open(&folder).unwrap().set_modified(then).unwrap();
        }
        sweep(store.path()).unwrap();
        assert_eq!(names(store.path()), [".unfinished-x3", "finished"]);
    }
}
