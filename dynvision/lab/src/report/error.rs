/// Why a report could not be made.
///
/// ```
/// use dynvision_lab::report::{Report, ReportError};
///
/// let report = Report { warnings: vec!["x".repeat(6_000_000)], ..Report::new("Too long") };
/// let error = report.to_html().unwrap_err();
/// assert!(matches!(error, ReportError::Large { .. }) && error.to_string().contains("warnings"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The report is larger than one file should be.
    #[error("the report has {bytes} bytes, and {limit} are allowed; its largest parts are {parts}; leave some out")]
    Large {
        /// Its size.
        bytes: usize,
        /// The largest size.
        limit: usize,
        /// The largest parts with their sizes.
        parts: String,
    },
    /// The player's data do not fit together.
    #[error("activity of `{example}`: {what} has {found} numbers, but {expected} are needed ({each})")]
    Player {
        /// The image.
        example: String,
        /// What has the wrong length.
        what: String,
        /// The length that is needed.
        expected: usize,
        /// The length that was given.
        found: usize,
        /// How the length is made up.
        each: String,
    },
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// Data could not be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}
