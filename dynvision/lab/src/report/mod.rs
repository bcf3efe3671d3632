//! The report: one HTML file with everything that was run, which needs no network and no server.
//!
//! A [`Report`] is a plain structure that anything can fill. [`Report::to_html`] makes the page: what was run, the wiring, the
//! model with its cost, configuration with sources, curves of training, the figure of each experiment with its numbers behind
//! a link, tables, warnings, a paragraph of methods that can be pasted into a paper ([`Methods`]), and an activity player
//! ([`Player`]). All text is escaped, pictures are shown as images (what is in them is never run), and the page forbids its
//! browser every connection.
//!
//! ```
//! use dynvision_lab::report::{Grid, Report, Setting};
//!
//! let report = Report {
//!     configuration: vec![Setting { key: "dynamics.tau".into(), value: "5 ms".into(), source: "lab.toml:4".into() }],
//!     numbers: vec![Grid::new("Accuracy", &["category", "accuracy"]).row(["full & more", "0.93"])],
//!     warnings: vec!["one seed: no interval".into()],
//!     ..Report::new("Adaptation on mnist5k")
//! };
//! let html = report.to_html()?;
//! assert!(html.contains("full &amp; more") && html.contains("lab.toml:4") && html.contains("one seed: no interval"));
//! # Ok::<(), dynvision_lab::report::ReportError>(())
//! ```

mod error;
mod html;
mod methods;
mod player;

pub use error::ReportError;
pub use methods::{DataFacts, Methods, ModelFacts, Software, TrainingFacts};
pub use player::{Example, Picture, Player, PlayerArea};

use crate::figure::Drawing;
use dynvision::file::atomic;
use std::io::Write;
use std::path::Path;

/// Everything that a report shows. The module has an example.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Title.
    pub title: String,
    /// A sentence or two on what was asked; empty for none.
    pub summary: String,
    /// Tables of what is claimed, and whether it is seen.
    pub findings: Vec<Grid>,
    /// What was run.
    pub runs: Vec<Run>,
    /// The wiring of the model, as SVG.
    pub wiring: Option<String>,
    /// Tables of the model: areas with shapes, parameters, cost and memory.
    pub model: Vec<Grid>,
    /// The configuration.
    pub configuration: Vec<Setting>,
    /// Figures of training.
    pub training: Vec<Exhibit>,
    /// Figures of experiments.
    pub experiments: Vec<Exhibit>,
    /// Tables of numbers.
    pub numbers: Vec<Grid>,
    /// What a reader should know before believing.
    pub warnings: Vec<String>,
    /// What the methods paragraph states.
    pub methods: Option<Methods>,
    /// Activity to look at.
    pub player: Option<Player>,
}

/// A run of a [`Report`].
///
/// ```
/// use dynvision_lab::report::Run;
///
/// let run = Run { name: "cordsnet-a1b2c3".into(), facts: vec![("seed".into(), "0".into()), ("commit".into(), "0f59d8c".into())] };
/// assert_eq!(run.facts.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// Its name.
    pub name: String,
    /// What is known of it: seed, commit, time, memory, checksums.
    pub facts: Vec<(String, String)>,
}

/// A setting of a [`Report`], which the module's example has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setting {
    /// Its key, with dots.
    pub key: String,
    /// Its value with its unit.
    pub value: String,
    /// Where the value comes from.
    pub source: String,
}

/// A figure of a [`Report`].
///
/// ```
/// use dynvision_lab::figure::Drawing;
/// use dynvision_lab::report::Exhibit;
///
/// let drawing = Drawing { svg: "<svg/>".into(), csv: "x,y\n".into() };
/// let exhibit = Exhibit { name: "responses".into(), title: "Responses".into(), caption: String::new(), drawing };
/// assert_eq!(exhibit.name, "responses");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exhibit {
    /// What the file of its numbers is called, without the ending.
    pub name: String,
    /// Heading.
    pub title: String,
    /// What it shows; empty for nothing.
    pub caption: String,
    /// The picture and its numbers.
    pub drawing: Drawing,
}

/// A table of a [`Report`]. Cells that are numbers are aligned at the right.
///
/// ```
/// use dynvision_lab::report::Grid;
///
/// let grid = Grid::new("Areas", &["area", "parameters"]).row(["v1", "1234"]).row(["v2", "5678"]);
/// assert_eq!((grid.head.len(), grid.rows.len()), (2, 2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grid {
    /// Heading; empty for none.
    pub title: String,
    /// Names of the columns.
    pub head: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
    /// What stands below; empty for nothing.
    pub note: String,
}

impl Grid {
    /// A table without rows.
    pub fn new(title: impl Into<String>, head: &[&str]) -> Self {
        Grid { title: title.into(), head: head.iter().map(|name| (*name).to_owned()).collect(), ..Grid::default() }
    }

    /// Adds a row.
    pub fn row(mut self, cells: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }
}

impl Report {
    /// Largest size of a report, in bytes.
    pub const LIMIT: usize = 5_000_000;

    /// A report with a title and nothing else.
    pub fn new(title: impl Into<String>) -> Self {
        Report { title: title.into(), ..Report::default() }
    }

    /// Returns the report as one HTML page of less than [`LIMIT`](Report::LIMIT) bytes. Sections without content are left out.
    /// The player gets what the rest leaves, and thins its steps and channels to fit, which the page states.
    ///
    /// # Errors
    ///
    /// Where the page is too large without the player or with the thinnest one, with the sizes of the largest parts; where the
    /// player's data do not fit together.
    pub fn to_html(&self) -> Result<String, ReportError> {
        html::page(self)
    }

    /// Writes the report to a file, whole or not at all.
    ///
    /// # Errors
    ///
    /// Those of [`to_html`](Report::to_html), and of the file system.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ReportError> {
        let html = self.to_html()?;
        atomic::write(path, |file| file.write_all(html.as_bytes()).map_err(ReportError::File))
    }
}
