/// Why a figure could not be drawn.
///
/// ```
/// use dynvision_lab::figure::Registry;
///
/// let error = Registry::built_in().get("reponses").err().expect("no figure has this name").to_string();
/// assert!(error.contains("did you mean `responses`?"), "{error}");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FigureError {
    /// No figure has this name.
    #[error("no figure is named `{name}`{suggestion}; the figures are {known}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// What may have been meant, as a clause, or nothing.
        suggestion: String,
        /// The names that there are.
        known: String,
    },
    /// A figure of this name is registered already.
    #[error("a figure named `{name}` is registered already; give the new one another name")]
    Taken {
        /// The name.
        name: String,
    },
    /// The table lacks a column.
    #[error("the figure needs the column `{column}`{suggestion}; the table's columns are {found}")]
    Column {
        /// The column that is missing.
        column: String,
        /// What may have been meant, as a clause, or nothing.
        suggestion: String,
        /// The columns that there are.
        found: String,
    },
    /// A column that must hold numbers holds text.
    #[error("the column `{column}` must hold numbers, but its row {row} reads `{value}`; leave missing values empty")]
    NotANumber {
        /// The column.
        column: String,
        /// The row, counted from 1 without the head.
        row: usize,
        /// What stands there.
        value: String,
    },
    /// A column has another length than those before it.
    #[error("the column `{column}` has {found} values, but the table has {expected} rows; give one for each row")]
    Length {
        /// The column.
        column: String,
        /// The number of rows.
        expected: usize,
        /// The number of values that was given.
        found: usize,
    },
    /// There is nothing to draw.
    #[error("the figure has nothing to draw: {0}")]
    Nothing(String),
    /// An option has a value that cannot be drawn with.
    #[error("the option `{name}` is {found}, but must be {needed}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        found: String,
        /// What it must be.
        needed: &'static str,
    },
    /// A table could not be read, or the numbers that are drawn could not be written.
    #[error(transparent)]
    Csv(#[from] csv::Error),
    /// An embedded picture could not be made.
    #[error("the matrix could not be drawn: {0}")]
    Picture(String),
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

/// A clause that suggests the nearest of the known names, or nothing where none is near.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let distance = |known: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    let nearest = known.into_iter().map(|known| (distance(known), known)).min();
    match nearest {
        Some((distance, nearest)) if distance <= nearest.chars().count().div_ceil(3) => {
            format!(", did you mean `{nearest}`?")
        }
        _ => String::new(),
    }
}

/// Names in the order given, each in quotes.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
