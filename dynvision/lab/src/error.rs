/// Why a measure or a statistic refuses its arguments.
///
/// ```
/// use dynvision_lab::{Error, measure::Window};
///
/// let error = Window::new(4, 4, 9).unwrap_err();
/// assert!(matches!(error, Error::Window { onset: 4, offset: 4, end: 9 }));
/// assert!(error.to_string().contains("onset 4"));
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two lengths differ that belong together.
    #[error("{what}: {found} entries were given, but {expected} are needed; give one for each {each}")]
    Length {
        /// What has the wrong length.
        what: &'static str,
        /// The length that is needed.
        expected: usize,
        /// The length that was given.
        found: usize,
        /// What an entry stands for.
        each: &'static str,
    },
    /// Values do not divide into rows of one length.
    #[error("{what}: {found} values are not {sample} for each {each}; give a multiple of {sample}, row-major")]
    NotAMultiple {
        /// What has the wrong length.
        what: &'static str,
        /// The number of values that was given.
        found: usize,
        /// The number of values of a row.
        sample: usize,
        /// What a row stands for.
        each: &'static str,
    },
    /// The steps of a window are out of order.
    #[error(
        "a window with onset {onset}, offset {offset} and end {end} is empty or out of order; \
         its steps must satisfy onset < offset <= end"
    )]
    Window {
        /// First step with the stimulus.
        onset: usize,
        /// First step without it.
        offset: usize,
        /// First step that does not belong to the window.
        end: usize,
    },
    /// A name that nothing has.
    #[error("there is no {what} `{name}`{}; there are {}", .suggestion.as_ref().map_or(String::new(), |near| format!(", did you mean `{near}`?")), listed(.known))]
    Unknown {
        /// What is named: a measure, an intervention.
        what: &'static str,
        /// The name that was given.
        name: String,
        /// The nearest name that there is, if one is near.
        suggestion: Option<String>,
        /// All names that there are.
        known: Vec<String>,
    },
    /// A setting of a measure or an intervention that it does not have, or that has no such value.
    #[error("{what} `{name}`: {reason}")]
    Setting {
        /// What is set: a measure, an intervention.
        what: &'static str,
        /// Its name.
        name: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { "none".into() } else { known.join(", ") }
}

impl Error {
    /// The error of a name that is none of the known ones, with the nearest of them as a suggestion.
    pub(crate) fn unknown<'a>(what: &'static str, name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let known: Vec<String> = known.map(str::to_string).collect();
        let near = known.iter().map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate));
        let limit = 1 + name.chars().count() / 3;
        let suggestion = near.filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name.clone());
        Error::Unknown { what, name: name.to_string(), suggestion, known }
    }
}
