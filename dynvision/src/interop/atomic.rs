//! Writing a file so that nobody ever sees half of it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tempfile::Builder;

/// Writes a file by `content`: into a temporary file beside it, which is flushed to the disk and then takes the place of
/// `path`. If anything fails, what stood at `path` before stands there still, and no other file is left behind.
///
/// ```
/// use dynvision::interop::atomic;
/// use std::io::Write;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("results.csv");
/// atomic::write(&path, |file| writeln!(file, "step,loss"))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "step,loss\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of the file system, with the path, and those of `content`.
pub fn write<E: From<io::Error>>(
    path: impl AsRef<Path>,
    content: impl FnOnce(&mut BufWriter<&File>) -> Result<(), E>,
) -> Result<(), E> {
    let path = path.as_ref();
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot write `{}`: {error}", path.display()));
    // A relative name without a folder has the empty path as its parent.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = temporary(folder).map_err(named)?;
    let mut writer = BufWriter::new(file.as_file());
    content(&mut writer)?;
    writer.flush().map_err(named)?;
    drop(writer);
    file.as_file().sync_all().map_err(named)?;
    file.persist(path).map_err(|error| named(error.error))?;
    sync_folder(folder);
    Ok(())
}

fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".").suffix(".partial");
    #[cfg(unix)]
    {
        // As any new file; a temporary file would otherwise be its owner's alone. The umask still applies.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
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
}
