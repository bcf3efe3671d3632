//! Where a value comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The laboratory.
    BuiltIn,
    /// The declaration of the model.
    Model(String),
    /// A file, with the line.
    File {
        /// The file, as it was named.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// A profile of a file.
    Profile {
        /// The profile.
        name: String,
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment(String),
    /// The command line.
    CommandLine,
    /// A sweep's file.
    Sweep(String),
    /// What a run has recorded.
    Recorded(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::BuiltIn => f.write_str("built in"),
            Source::Model(name) => write!(f, "declared by `{name}`"),
            Source::File { path, line } => write!(f, "{path}:{line}"),
            Source::Profile { name, path, line } => write!(f, "profile {name}, {path}:{line}"),
            Source::Environment(name) => write!(f, "environment {name}"),
            Source::CommandLine => f.write_str("command line"),
            Source::Sweep(path) => write!(f, "sweep {path}"),
            Source::Recorded(source) => f.write_str(source),
        }
    }
}

/// Where settings are read from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layers {
    /// A file, which must be there; `lab.toml` of this folder, if it is there, where none is named.
    pub file: Option<PathBuf>,
    /// A profile of the file.
    pub profile: Option<String>,
    /// The variables `DYNVISION_...` of the environment.
    pub environment: BTreeMap<String, String>,
    /// `key=value`, the last wins.
    pub set: Vec<String>,
    /// The sweep's file that sets them, where it is not the command line.
    pub sweep: Option<String>,
}

impl Layers {
    /// Those of this process: its environment, with `DYNVISION_CONFIG` and `DYNVISION_PROFILE`.
    pub fn of_process() -> Self {
        let named = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok().filter(|name| name.starts_with("DYNVISION_"))?, value.into_string().ok()?))
        };
        let mut environment: BTreeMap<String, String> = std::env::vars_os().filter_map(named).collect();
        let file = environment.remove("DYNVISION_CONFIG").map(PathBuf::from);
        let profile = environment.remove("DYNVISION_PROFILE");
        Layers { file, profile, environment, set: Vec::new(), sweep: None }
    }
}
