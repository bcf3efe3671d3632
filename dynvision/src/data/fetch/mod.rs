//! Published data sets, fetched over the network: resumed, verified, unpacked.
//!
//! ```no_run
//! use dynvision::data::{self, Split, cifar};
//! let folder = data::fetch("cifar10", "data")?;
//! let train = cifar::read_cifar10(folder, Split::Train)?;
//! # Ok::<(), data::DataError>(())
//! ```
//!
//! A file is whole and verified, or it is not there: it is received beside its place, compared with the checksum that the authors
//! of the data set (or torchvision, for them) publish, and renamed. An archive is unpacked beside its place, too, so that a folder that is
//! there is complete. What an interrupted process has received is kept and continued.
//!
//! Most published checksums are MD5. They show damage and other versions; against a forger they would not hold, which is why unpacking
//! does not trust an archive (see [`unpack`]).

mod catalogue;
mod checksum;
mod download;
mod error;
mod unpack;

pub use checksum::Checksum;
pub use error::FetchError;
pub use unpack::{Limits, unpack};

use super::DataError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Fetches a published data set into a folder, if it is not there yet, and returns the path to give to its reader.
///
/// | name | reader |
/// |---|---|
/// | `mnist`, `fashion-mnist`, `kmnist` | [`idx::read_mnist`](super::idx::read_mnist) |
/// | `qmnist` | [`idx::read_qmnist`](super::idx::read_qmnist) |
/// | `emnist` | [`idx::read_emnist`](super::idx::read_emnist) |
/// | `cifar10` | [`cifar::read_cifar10`](super::cifar::read_cifar10) |
/// | `cifar100` | [`cifar::read_cifar100`](super::cifar::read_cifar100) |
/// | `imagenette`, `imagenette-320`, `imagenette-160`, `tiny-imagenet` | `ImageFolder::open_split` |
///
/// Hyphens, underscores and case of a name do not matter; `tinyimagenet` and `fashion` are known, too. Several sets can share a folder. A
/// bar on the terminal shows how far it is; [`Fetch`] has settings.
///
/// # Errors
/// A name that is no data set's, with the nearest; no network, in which case the message says which file to put where by hand; servers
/// that refuse; a file that is not the published one, which is not kept; a full disk and other errors of the file system.
pub fn fetch(name: &str, folder: impl AsRef<Path>) -> Result<PathBuf, DataError> {
    Ok(Fetch::new().bar().set(name, folder)?)
}

/// The names of the data sets that [`fetch()`] knows.
///
/// ```
/// use dynvision::data::fetch;
/// assert!(fetch::names().any(|name| name == "cifar10"));
/// ```
pub fn names() -> impl Iterator<Item = &'static str> {
    catalogue::SETS.iter().map(|set| set.name)
}

/// How much of a file has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The file.
    pub file: String,
    /// Bytes that are on the disk.
    pub done: u64,
    /// Bytes of the whole, where they are known.
    pub total: Option<u64>,
}

/// How large a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// That many bytes: a transfer that ends before is continued.
    Exactly(u64),
    /// No more than that many bytes: what a server may fill the disk with.
    AtMost(u64),
}

impl Size {
    fn greatest(self) -> u64 {
        match self {
            Size::Exactly(size) | Size::AtMost(size) => size,
        }
    }

    fn exact(self) -> Option<u64> {
        match self {
            Size::Exactly(size) => Some(size),
            Size::AtMost(_) => None,
        }
    }
}

/// A file on servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its name in the folder.
    pub name: String,
    /// Where it can be had; the next is tried when one fails.
    pub urls: Vec<String>,
    /// Its size.
    pub size: Size,
    /// Its checksum.
    pub checksum: Checksum,
}

/// Fetches files with other settings than [`fetch()`] has.
///
/// ```no_run
/// use dynvision::data::fetch::{Checksum, Fetch, Remote, Size};
/// let remote = Remote {
///     name: "stimuli.npz".into(),
///     urls: vec!["https://example.org/stimuli.npz".into()],
///     size: Size::AtMost(1 << 30),
///     checksum: Checksum::sha256("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")?,
/// };
/// let path = Fetch::new().tries(10).progress(|at| eprintln!("{}: {}", at.file, at.done)).file(&remote, "data")?;
/// # Ok::<(), dynvision::data::DataError>(())
/// ```
#[derive(Clone)]
pub struct Fetch {
    tries: usize,
    pause: Duration,
    patience: Duration,
    progress: Arc<dyn Fn(&Progress) + Send + Sync>,
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fetch { tries, pause, patience, progress: _ } = self;
        let mut shown = f.debug_struct("Fetch");
        shown.field("tries", tries).field("pause", pause).field("patience", patience).finish_non_exhaustive()
    }
}

impl Default for Fetch {
    fn default() -> Self {
        Fetch::new()
    }
}

impl Fetch {
    /// Five tries in a row without progress, a pause of one second that doubles, 60 s of patience with a silent server, no display.
    pub fn new() -> Self {
        Fetch { tries: 5, pause: Duration::from_secs(1), patience: Duration::from_secs(60), progress: Arc::new(|_| {}) }
    }

    /// How often in a row a server may fail without giving at least 64 KiB before the next is tried; at least once.
    #[must_use]
    pub fn tries(self, tries: usize) -> Self {
        Fetch { tries: tries.max(1), ..self }
    }

    /// How long to wait before the second try; before each further one twice as long, up to half a minute.
    #[must_use]
    pub fn pause(self, pause: Duration) -> Self {
        Fetch { pause, ..self }
    }

    /// How long a server may be silent.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Fetch { patience, ..self }
    }

    /// What is told of the progress: at the start of a file, about every 64 KiB, at the end.
    #[must_use]
    pub fn progress(self, progress: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        Fetch { progress: Arc::new(progress), ..self }
    }

    /// Shows a bar where the standard error is a terminal.
    #[must_use]
    pub fn bar(self) -> Self {
        let style = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}";
        let style = indicatif::ProgressStyle::with_template(style);
        let bar = indicatif::ProgressBar::new(0)
            .with_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
        self.progress(move |at| {
            bar.set_message(at.file.clone());
            bar.set_length(at.total.unwrap_or(at.done));
            bar.set_position(at.done);
        })
    }

    /// Fetches a published data set; see [`fetch()`].
    ///
    /// # Errors
    /// As [`fetch()`].
    pub fn set(&self, name: &str, folder: impl AsRef<Path>) -> Result<PathBuf, FetchError> {
        let set = catalogue::find(name)?;
        let place = folder.as_ref().join(set.place);
        match &set.content {
            catalogue::Content::Files(files) => {
                for file in *files {
                    self.file(&file.remote(), &place)?;
                }
                Ok(place)
            }
            catalogue::Content::Archive { file, top, limits } => self.archive(&file.remote(), top, *limits, &place),
        }
    }

    /// Fetches a file into a folder, and returns its path. A file that is there under that name and has the checksum is left as it is; another
    /// one is replaced once the right one has come.
    ///
    /// # Errors
    /// As [`fetch()`].
    pub fn file(&self, remote: &Remote, folder: impl AsRef<Path>) -> Result<PathBuf, FetchError> {
        download::download(self, remote, folder.as_ref())
    }

    /// Fetches an archive and unpacks it; the archive's folder `top` becomes `place`, and the archive is removed. If `place` is there,
    /// nothing is done, since it is made last.
    ///
    /// # Errors
    /// As [`fetch()`]; an archive that [`unpack`] refuses or that has no folder `top`.
    pub fn archive(
        &self,
        remote: &Remote,
        top: &str,
        limits: Limits,
        place: impl AsRef<Path>,
    ) -> Result<PathBuf, FetchError> {
        let place = place.as_ref();
        if place.is_dir() {
            return Ok(place.to_path_buf());
        }
        let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let archive = download::download(self, remote, parent)?;
        let work = download::Workplace::take(parent, &remote.name)?;
        // another process may have done it all meanwhile
        if !place.is_dir() {
            let unpacked = work.path().join("unpacked");
            work.sweep()?;
            unpack(&archive, &unpacked, limits)?;
            let made = unpacked.join(top);
            if !made.is_dir() {
                let found = format!("has no folder `{top}`");
                return Err(FetchError::Archive { file: archive.display().to_string(), found });
            }
            std::fs::rename(&made, place).map_err(FetchError::io("make", place))?;
        }
        work.remove()?;
        match std::fs::remove_file(&archive) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(FetchError::io("remove", &archive)(error))
            }
            _ => Ok(place.to_path_buf()),
        }
    }
}
