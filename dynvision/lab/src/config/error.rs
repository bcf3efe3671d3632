//! Why settings are refused.

use super::Source;

/// Why settings are refused: where, what, and what would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A key that there is not.
    #[error("{at}: there is no setting `{key}`{}; {}", .suggestion.as_ref().map_or(String::new(), |near| format!(", did you mean `{near}`?")), .known)]
    Unknown {
        /// Where it is set.
        at: Source,
        /// The key.
        key: String,
        /// The nearest key that there is.
        suggestion: Option<String>,
        /// What there is, as a sentence.
        known: String,
    },
    /// A value that the key cannot have.
    #[error("{at}: `{key}` is {value}; {expected}")]
    Value {
        /// Where it is set.
        at: Source,
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// Text that is no TOML.
    #[error("{at}: {reason}")]
    Text {
        /// The file with the line, or what else was read.
        at: Source,
        /// What is wrong.
        reason: String,
    },
    /// What is no file, or cannot be read.
    #[error("cannot read the settings in `{file}`: {reason}")]
    File {
        /// The file.
        file: String,
        /// Why not.
        reason: String,
    },
    /// Something that must be set is not.
    #[error("{0}")]
    Missing(String),
}
