//! Why a data set could not be fetched.

use std::path::Path;

/// Why a file could not be fetched or an archive not be unpacked. Each message names the file, the cause and the mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No such data set.
    #[error("there is no data set `{name}` to fetch; {mend}")]
    UnknownSet {
        /// What was asked for.
        name: String,
        /// The nearest name, and all.
        mend: String,
    },
    /// No server could be reached.
    #[error(
        "cannot fetch `{file}`: no server can be reached ({tried}). Is there a network? Without one, get the file elsewhere and put it \
         at `{place}`: it is verified and used from there"
    )]
    NoNetwork {
        /// The file.
        file: String,
        /// Each address, and what happened.
        tried: String,
        /// Where the file belongs.
        place: String,
    },
    /// Servers were reached and did not give the file.
    #[error(
        "cannot fetch `{file}`: {tried}. What has come is kept: try again later, or get the file elsewhere and put it at `{place}`, where \
         it is verified and used"
    )]
    Refused {
        /// The file.
        file: String,
        /// Each address, and what happened.
        tried: String,
        /// Where the file belongs.
        place: String,
    },
    /// A file came whole and is another one.
    #[error(
        "what comes for `{file}` is not the published file, and is not kept: {tried}; expected {expected}. A server in between may have \
         changed it, or the authors may have replaced it: try another network"
    )]
    Mismatch {
        /// The file.
        file: String,
        /// Each address, and what happened.
        tried: String,
        /// Its published checksum.
        expected: String,
    },
    /// An archive that is damaged, or that would write where or what it should not.
    #[error("`{file}` is not unpacked: it {found}; nothing of it is kept: fetch it again from its authors")]
    Archive {
        /// The archive.
        file: String,
        /// What was found, as the end of a sentence.
        found: String,
    },
    /// A setting out of its range.
    #[error("{setting} is {found}, expected {expected}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// The file system refused.
    #[error("cannot {doing} `{file}`: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl FetchError {
    /// An error of the file system at that file.
    pub(super) fn io(doing: &'static str, file: &Path) -> impl Fn(std::io::Error) -> FetchError {
        move |source| FetchError::Io { doing, file: file.display().to_string(), source }
    }
}
