//! Writing a file so that nobody ever sees half of it.

use super::named::named;
use super::partial;
use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Writes a file by `content`: into a partial file beside it, which is flushed to the disk and then takes the place of
/// `path`. If anything fails, what stood at `path` before stands there still, and no other file is left behind.
///
/// A symbolic link stays one: what it points to is replaced. The mode of a file that is replaced stays. Partial files that
/// killed processes have left in the folder are removed; those of living ones are left alone. What is no regular file,
/// such as `/dev/null` or a pipe, is written as it is.
///
/// ```
/// use dynvision::file::atomic;
/// use std::io::Write;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("results.csv");
/// atomic::write(&path, |file| writeln!(file, "step,loss"))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "step,loss\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of the file system, with the path, those while `content` writes included, and those of `content` itself.
pub fn write<E: From<io::Error>>(
    path: impl AsRef<Path>,
    content: impl FnOnce(&mut Writer<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let path = path.as_ref();
    let failed = |error: io::Error| named("write", path, error);
    let target = target(path).map_err(failed)?;
    let replaced = match std::fs::metadata(&target) {
        Ok(data) if data.is_dir() => return Err(failed(io::Error::other("it is a folder")).into()),
        Ok(data) if !data.is_file() => return write_in_place(path, &target, content),
        Ok(data) => Some(data),
        Err(_) => None,
    };
    let folder = folder_of(&target);
    partial::sweep(folder);
    let file = partial::create(folder, replaced.as_ref().and_then(mode)).map_err(failed)?;
    let mut writer = Writer { inner: BufWriter::new(file.as_file()), path };
    content(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&target).map_err(|error| failed(error.error))?;
    sync_folder(folder);
    Ok(())
}

/// Makes a folder and tries it: writes a file of a page and removes it again, before an hour is spent on what goes there.
/// Partial files that killed processes have left are removed.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let runs = folder.path().join("runs");
/// dynvision::file::atomic::prepare(&runs)?;
/// assert_eq!(std::fs::read_dir(&runs)?.count(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of the file system, with the folder.
pub fn prepare(folder: impl AsRef<Path>) -> io::Result<()> {
    fn prepare(folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder).map_err(|error| named("make the folder", folder, error))?;
        partial::sweep(folder);
        let tried = partial::create(folder, None).and_then(|mut file| {
            file.write_all(&[0; 4096])?;
            file.as_file().sync_all()?;
            file.close()
        });
        tried.map_err(|error| named("write into the folder", folder, error))
    }
    prepare(folder.as_ref())
}

/// What [`write()`] gives to write to. Its errors name the file.
#[derive(Debug)]
pub struct Writer<'a> {
    inner: BufWriter<&'a File>,
    path: &'a Path,
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes).map_err(|error| named("write", self.path, error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush().map_err(|error| named("write", self.path, error))
    }
}

impl Seek for Writer<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to).map_err(|error| named("write", self.path, error))
    }
}

fn write_in_place<E: From<io::Error>>(
    path: &Path,
    target: &Path,
    content: impl FnOnce(&mut Writer<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let file = File::options().write(true).open(target).map_err(|error| named("write", path, error))?;
    let mut writer = Writer { inner: BufWriter::new(&file), path };
    content(&mut writer)?;
    Ok(writer.flush()?)
}

/// Where a path leads to by symbolic links, the last of which may point to a file that is not there yet.
fn target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    // as many as Linux follows
    for _ in 0..40 {
        match std::fs::read_link(&path) {
            Ok(next) => path = folder_of(&path).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("symbolic links without end"))
}

/// A relative name without a folder has the empty path as its parent.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn mode(data: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(data.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode(_: &Metadata) -> Option<u32> {
    None
}

/// Makes the renaming itself last over a loss of power, where the system can. The file is complete without it.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write(&path, |file| {
            file.write_all(&[0; 100_000])?;
            Err(io::Error::other("stopped"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "stopped");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["file"]);
        write(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("file");
        let error = write(&path, |file| file.write_all(b"")).unwrap_err().to_string();
        assert!(error.contains("missing"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_as_readable_as_any_new_one() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        std::fs::write(folder.path().join("plain"), "").unwrap();
        write(folder.path().join("atomic"), |file| file.write_all(b"")).unwrap();
        assert_eq!(mode("atomic"), mode("plain"));
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_what_they_point_to_is_replaced() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("elsewhere")).unwrap();
        std::fs::write(at("elsewhere/file"), "old").unwrap();
        symlink("elsewhere/file", at("one")).unwrap();
        symlink(at("one"), at("two")).unwrap();
        write(at("two"), |file| file.write_all(b"new")).unwrap();
        assert!(at("one").is_symlink() && at("two").is_symlink() && !at("elsewhere/file").is_symlink());
        assert_eq!(std::fs::read(at("elsewhere/file")).unwrap(), b"new");
        assert_eq!(names(&at("elsewhere")), ["file"]);
        // one that points to nothing yet, and one that never ends
        symlink("elsewhere/later", at("three")).unwrap();
        write(at("three"), |file| file.write_all(b"made")).unwrap();
        assert_eq!(std::fs::read(at("elsewhere/later")).unwrap(), b"made");
        symlink("four", at("four")).unwrap();
        let error = write(at("four"), |file| file.write_all(b"")).unwrap_err().to_string();
        assert!(error.contains("four") && error.contains("without end"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn the_mode_of_what_is_replaced_stays() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for mode in [0o600, 0o640, 0o444, 0o755, 0o666] {
            std::fs::write(&path, "old").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            write(&path, |file| file.write_all(b"new")).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn partial_files_of_the_dead_are_swept_and_those_of_the_living_stay() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at(".dynvision-aB3xYz.partial"), [0; 100]).unwrap();
        std::fs::write(at(".others-aB3xYz.partial"), "not ours").unwrap();
        write(at("outer"), |file| {
            file.write_all(b"outer")?;
            // while the outer file is being written
            for i in 0..3 {
                write(at(&format!("inner{i}")), |file| file.write_all(b"inner"))?;
            }
            io::Result::Ok(())
        })
        .unwrap();
        assert_eq!(std::fs::read(at("outer")).unwrap(), b"outer");
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, [".others-aB3xYz.partial", "inner0", "inner1", "inner2", "outer"]);
        std::fs::write(at(".dynvision-000000.partial"), "").unwrap();
        prepare(folder.path()).unwrap();
        assert!(!at(".dynvision-000000.partial").exists());
    }

    #[test]
    fn many_writers_in_one_folder_do_not_disturb_each_other() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8u8 {
                let path = folder.path().join(format!("file{}", thread % 4));
                scope.spawn(move || {
                    for _ in 0..20 {
                        write(&path, |file| file.write_all(&[thread; 10_000])).unwrap();
                        let read = std::fs::read(&path).unwrap();
                        assert!(read.len() == 10_000 && read.iter().all(|&byte| byte == read[0]));
                    }
                });
            }
        });
        assert_eq!(names(folder.path()).len(), 4);
    }

    /// `/dev/full` refuses every byte as a full disk does, and must not be replaced by a file.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_named_with_its_file() {
        use std::os::unix::fs::FileTypeExt;
        let error = write("/dev/full", |file| file.write_all(&[0; 100_000])).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().starts_with("cannot write `/dev/full`: No space left on device"), "{error}");
        assert!(std::fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(folder.path(), |file| file.write_all(b"")).unwrap_err().to_string();
        assert!(error.contains("it is a folder"), "{error}");
    }
}
