//! What experiments found, over conditions, categories and seeds.

use crate::run_error::RunError;
use crate::table::{Column, ParquetWriter, Table, read_parquet, write_csv};
use dynvision::file::atomic;
use dynvision::protocol::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A finished cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    pub(super) folder: PathBuf,
    /// The value of each parameter that is varied.
    pub(super) conditions: BTreeMap<String, toml::Value>,
    /// What the runner was told.
    pub(super) tags: BTreeMap<String, toml::Value>,
    pub(super) areas: Vec<String>,
    pub(super) dt_ms: f64,
}

/// A table of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultTable {
    /// A row for each sample and step.
    Steps,
    /// A row for each sample.
    Samples,
    /// A row for each number that is of all samples: dissimilarities, dimensions, decoding.
    Sets,
}

impl ResultTable {
    /// All.
    pub const ALL: [ResultTable; 3] = [ResultTable::Steps, ResultTable::Samples, ResultTable::Sets];

    /// The name of its file, without ending.
    pub fn name(self) -> &'static str {
        match self {
            ResultTable::Steps => "steps",
            ResultTable::Samples => "samples",
            ResultTable::Sets => "sets",
        }
    }

    /// The columns that say what a row is of, besides the conditions.
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            ResultTable::Steps => &["times_index", "time_ms", "stimulus"],
            ResultTable::Samples => &[],
            ResultTable::Sets => &["measure", "area", "times_index", "time_ms", "first", "second"],
        }
    }
}

/// What experiments found. Results of several models (categories, seeds) are joined, and then summarised together.
///
/// The tables stay on disk; they are read part by part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Results {
    cells: Vec<Cell>,
}

impl Results {
    pub(super) fn new(cells: Vec<Cell>) -> Self {
        Results { cells }
    }

    /// These results and others.
    #[must_use]
    pub fn and(mut self, others: Results) -> Self {
        self.cells.extend(others.cells);
        self
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The folders of the cells, in the order of the conditions.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.cells.iter().map(|cell| cell.folder.as_path())
    }

    pub(super) fn areas(&self) -> BTreeSet<&str> {
        self.cells.iter().flat_map(|cell| cell.areas.iter().map(String::as_str)).collect()
    }

    /// The names of what tells cells apart: parameters that are varied, and tags.
    pub fn conditions(&self) -> Vec<&str> {
        let names =
            |cell: &'_ Cell| -> Vec<String> { cell.tags.keys().chain(cell.conditions.keys()).cloned().collect() };
        let known: BTreeSet<String> = self.cells.iter().flat_map(names).collect();
        let mut sorted: Vec<&str> = Vec::new();
        for cell in &self.cells {
            for name in cell.tags.keys().chain(cell.conditions.keys()) {
                if known.contains(name) && !sorted.contains(&name.as_str()) {
                    sorted.push(name);
                }
            }
        }
        sorted
    }

    /// Returns a table part by part, each with the conditions in its first columns.
    pub fn parts(&self, which: ResultTable) -> impl Iterator<Item = Result<Table, RunError>> + '_ {
        self.parts_of(which).map(|(_, table)| table)
    }

    /// Returns a table as one.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn table(&self, which: ResultTable) -> Result<Table, RunError> {
        self.parts(which).try_fold(Table::new(), |all, part| Ok(all.then(&part?)?))
    }

    /// Each cell's value of what figures call the condition.
    pub(super) fn condition(&self) -> Vec<Option<f64>> {
        const TIMES: [&str; 9] = ["total", "intro", "stim", "gap", "asynchrony", "mask_for", "each", "on", "off"];
        let of = |cell: &Cell| {
            cell.conditions.iter().find_map(|(path, value)| {
                let is_time =
                    path.starts_with("protocol.") && path.rsplit('.').next().is_some_and(|key| TIMES.contains(&key));
                match value {
                    toml::Value::Float(x) => Some(*x),
                    toml::Value::Integer(x) if is_time => Some(*x as f64 * cell.dt_ms),
                    toml::Value::Integer(x) => Some(*x as f64),
                    toml::Value::String(text) if is_time => match text.parse::<Duration>().ok()? {
                        Duration::Ms(ms) => Some(ms),
                        Duration::Steps(steps) => Some(steps as f64 * cell.dt_ms),
                    },
                    _ => None,
                }
            })
        };
        self.cells.iter().map(of).collect()
    }

    /// The table of each cell, part by part.
    pub(super) fn parts_of(&self, which: ResultTable) -> impl Iterator<Item = (usize, Result<Table, RunError>)> + '_ {
        let conditions = self.columns();
        self.cells.iter().zip(conditions).enumerate().flat_map(move |(number, (cell, conditions))| {
            let path = cell.folder.join(format!("{}.parquet", which.name()));
            // a cell without measures of all samples has no such table
            let tables: Box<dyn Iterator<Item = Result<Table, RunError>>> =
                match path.is_file() || which != ResultTable::Sets {
                    false => Box::new(std::iter::empty()),
                    true => match read_parquet(&path) {
                        Ok(tables) => Box::new(tables),
                        Err(error) => Box::new(std::iter::once(Err(error))),
                    },
                };
            let damaged = |error| match error {
                RunError::Table { path, reason } => RunError::Table {
                    reason: format!(
                        "{reason}: it is damaged; remove the folder `{}`, and the same command makes it again",
                        cell.folder.display()
                    ),
                    path,
                },
                error => error,
            };
            tables.map(move |table| (number, table.map_err(damaged).and_then(|table| labelled(&conditions, &table))))
        })
    }

    /// Writes what there is of `steps.parquet`, `samples.parquet`, `sets.parquet` and of `steps.csv`, `samples.csv`, `sets.csv`,
    /// which are the summaries with 95 % intervals.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<(), RunError> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(RunError::file("make the folder", folder))?;
        for which in ResultTable::ALL {
            // the columns of all cells, which may be of models with other areas
            let mut like = Table::new();
            let mut last: Option<Vec<String>> = None;
            for table in self.parts(which) {
                let table = table?;
                let names: Vec<String> = table.names().map(str::to_string).collect();
                if last.as_ref() != Some(&names) {
                    like = like.then(&first_row(&table)?)?;
                    last = Some(names);
                }
            }
            if like.columns().is_empty() {
                continue;
            }
            let path = folder.join(format!("{}.parquet", which.name()));
            let written = atomic::write(&path, |file| {
                let mut writer = ParquetWriter::over(file, &path, &like)?;
                for table in self.parts(which) {
                    writer.write(&table?)?;
                }
                writer.end()?;
                Ok::<(), Unwritten>(())
            });
            written.map_err(|why| match why {
                Unwritten::Table(error) => error,
                Unwritten::File(error) => RunError::file("write", &path)(error),
            })?;
            write_csv(&folder.join(format!("{}.csv", which.name())), &self.summary(which, 0.95)?)?;
        }
        Ok(())
    }

    /// For each cell the value of each condition. A parameter is whole numbers, numbers or text in all cells alike.
    fn columns(&self) -> Vec<Vec<(String, Option<toml::Value>)>> {
        let names = self.conditions();
        let of = |cell: &Cell, name: &str| cell.tags.get(name).or_else(|| cell.conditions.get(name)).cloned();
        let mut all: Vec<Vec<(String, Option<toml::Value>)>> = vec![Vec::new(); self.cells.len()];
        for name in names {
            let values: Vec<Option<toml::Value>> = self.cells.iter().map(|cell| of(cell, name)).collect();
            let there = || values.iter().flatten();
            let whole = there().all(|value| value.is_integer());
            let numbers = there().all(|value| value.is_integer() || value.is_float());
            for (row, value) in all.iter_mut().zip(&values) {
                let value = value.clone().map(|value| match value {
                    toml::Value::Integer(x) if numbers && !whole => toml::Value::Float(x as f64),
                    value if numbers => value,
                    toml::Value::String(text) => toml::Value::String(text),
                    other => toml::Value::String(other.to_string()),
                });
                row.push((name.to_string(), value));
            }
        }
        all
    }
}

/// Why a table is not written.
enum Unwritten {
    Table(RunError),
    File(std::io::Error),
}

impl From<RunError> for Unwritten {
    fn from(error: RunError) -> Self {
        Unwritten::Table(error)
    }
}

impl From<std::io::Error> for Unwritten {
    fn from(error: std::io::Error) -> Self {
        Unwritten::File(error)
    }
}

fn first_row(table: &Table) -> Result<Table, RunError> {
    let mut row = Table::new();
    for (name, column) in table.columns() {
        let column = match column {
            Column::Integers(values) => Column::Integers(values.iter().take(1).copied().collect()),
            Column::Numbers(values) => Column::Numbers(values.iter().take(1).copied().collect()),
            Column::Texts(values) => Column::Texts(values.iter().take(1).cloned().collect()),
        };
        row.push(name, column)?;
    }
    Ok(row)
}

/// The table with the conditions in front.
fn labelled(conditions: &[(String, Option<toml::Value>)], table: &Table) -> Result<Table, RunError> {
    let mut all = Table::new();
    for (name, value) in conditions {
        // a category without the parameter says so by nothing
        let column = match value {
            Some(value) => Column::same(value, table.rows()),
            None => continue,
        };
        all.push(name, column)?;
    }
    for (name, column) in table.columns() {
        all.push(name, column.clone())?;
    }
    Ok(all)
}

/// Text that is shared.
pub(super) fn text(text: &str) -> Option<Arc<str>> {
    Some(text.into())
}
