//! Errors of the file system that name their file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What was tried on which file, and what the system said.
#[derive(Debug)]
struct Named {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Named { doing, path, source } = self;
        write!(f, "cannot {doing} `{}`: {source}", path.display())?;
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                write!(f, "; what stood there before stands there still: make room and write again")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Named {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Gives an error the file's name, and leaves it its kind; one that has a name keeps it.
pub(crate) fn named(doing: &'static str, path: &Path, source: io::Error) -> io::Error {
    if source.get_ref().is_some_and(|inner| inner.is::<Named>()) {
        return source;
    }
    io::Error::new(source.kind(), Named { doing, path: path.to_path_buf(), source })
}
