//! From results to figures.

use super::results::{ResultTable, Results};
use crate::figure::{self, Drawing, Options, Registry};
use crate::run_error::RunError;
use crate::table::{Column, Table};
use std::collections::BTreeMap;

impl Results {
    /// Draws a figure that comes with the library, from the table that it reads: of the classes' dissimilarities for `rdm`, of
    /// labels and guesses for `confusion`, and [`long`](Results::long) for all others.
    ///
    /// # Errors
    ///
    /// A name that none has; results in which there is nothing to draw; those of the file system.
    pub fn draw(&self, figure: &str, options: &Options) -> Result<Drawing, RunError> {
        self.draw_from(&Registry::built_in(), figure, options)
    }

    /// Draws a figure of a registry, which may hold a user's own.
    ///
    /// # Errors
    ///
    /// As [`draw`](Results::draw).
    pub fn draw_from(&self, figures: &Registry, figure: &str, options: &Options) -> Result<Drawing, RunError> {
        let known = figures.get(figure)?;
        let table = match figure {
            "rdm" => self.dissimilarities()?,
            "confusion" => self.guesses()?,
            _ => self.long()?,
        };
        Ok(known.draw(&converted(&table)?, options)?)
    }

    /// The dissimilarities of classes, each in both orders and with those of a class and itself, which are 0.
    fn dissimilarities(&self) -> Result<Table, RunError> {
        let mut all = Table::new();
        for table in self.parts(ResultTable::Sets) {
            let table = table?;
            let is_rdm = |row: usize| table.column("measure").is_some_and(|measure| measure.cell(row) == "rdm");
            let rows: Vec<usize> = (0..table.rows()).filter(|&row| is_rdm(row)).collect();
            let cells = |name: &str, row: usize| table.column(name).map(|column| column.cell(row)).unwrap_or_default();
            let number = |name: &str| table.column(name).and_then(Column::numbers).unwrap_or_default();
            let (times, values, counts) = (number("time_ms"), number("value"), number("n"));
            let mut entries: Vec<(usize, String, String, Option<f64>)> = Vec::new();
            for &row in &rows {
                let (first, second) = (cells("first", row), cells("second", row));
                let value = values.get(row).copied().flatten();
                for class in [&first, &second] {
                    let same = |entry: &(usize, String, String, Option<f64>)| {
                        entry.1 == *class
                            && entry.2 == *class
                            && times.get(entry.0) == times.get(row)
                            && cells("area", entry.0) == cells("area", row)
                    };
                    // those of one area and step follow each other
                    if !entries.iter().rev().take(4 * rows.len().min(4096)).any(same) {
                        entries.push((row, class.clone(), class.clone(), Some(0.)));
                    }
                }
                entries.push((row, first.clone(), second.clone(), value));
                entries.push((row, second, first, value));
            }
            let text = |of: &dyn Fn(&(usize, String, String, Option<f64>)) -> String| {
                Column::Texts(entries.iter().map(|entry| Some(of(entry).into())).collect())
            };
            let mut part = Table::new()
                .with("area", text(&|entry| cells("area", entry.0)))?
                .with("row", text(&|entry| entry.1.clone()))?
                .with("column", text(&|entry| entry.2.clone()))?
                .with("time_ms", entries.iter().map(|e| times.get(e.0).copied().flatten()).collect::<Vec<_>>())?
                .with("value", entries.iter().map(|e| e.3).collect::<Vec<_>>())?
                .with("samples", entries.iter().map(|e| counts.get(e.0).copied().flatten()).collect::<Vec<_>>())?;
            for name in self.conditions() {
                if table.column(name).is_some() {
                    part.push(name, text(&|entry| cells(name, entry.0)))?;
                }
            }
            all = all.then(&part)?;
        }
        Ok(all)
    }

    /// How often each class is guessed for each, at each step.
    fn guesses(&self) -> Result<Table, RunError> {
        let mut names: Vec<&str> = self.conditions();
        names.extend(["time_ms", "stimulus", "first_label_index", "guess_index"]);
        let mut counts: BTreeMap<Vec<String>, (i64, Option<f64>, Option<f64>)> = BTreeMap::new();
        for table in self.parts(ResultTable::Steps) {
            let table = table?;
            let columns: Vec<Option<&Column>> = names.iter().map(|name| table.column(name)).collect();
            let number = |name: &str| table.column(name).and_then(Column::numbers).unwrap_or_default();
            let (times, stimulus) = (number("time_ms"), number("stimulus"));
            for row in 0..table.rows() {
                let key = columns.iter().map(|column| column.map(|c| c.cell(row)).unwrap_or_default()).collect();
                let at = |values: &[Option<f64>]| values.get(row).copied().flatten();
                counts.entry(key).or_insert((0, at(&times), at(&stimulus))).0 += 1;
            }
        }
        let mut table = Table::new()
            .with("time_ms", counts.values().map(|(_, time, _)| *time).collect::<Vec<_>>())?
            .with("stimulus", counts.values().map(|(_, _, stimulus)| *stimulus).collect::<Vec<_>>())?
            .with("value", counts.values().map(|(n, ..)| *n).collect::<Vec<_>>())?;
        for (place, name) in names.iter().enumerate() {
            let name = match *name {
                "time_ms" | "stimulus" => continue,
                "first_label_index" => "label",
                "guess_index" => "guess",
                name => name,
            };
            let texts =
                counts.keys().map(|key| key.get(place).filter(|text| !text.is_empty()).map(|t| t.as_str().into()));
            table.push(name, Column::Texts(texts.collect()))?;
        }
        Ok(table)
    }
}

/// The table as figures have it.
fn converted(table: &Table) -> Result<figure::Table, RunError> {
    let mut all = figure::Table::new();
    for (name, column) in table.columns() {
        all = match column {
            Column::Texts(texts) => all.text(name, texts.iter().map(|text| text.as_deref().unwrap_or_default()))?,
            Column::Integers(whole) if name == "seed" => all.whole(name, whole.iter().map(|x| x.map(i128::from)))?,
            numbers => all.numbers(name, numbers.numbers().unwrap_or_default())?,
        };
    }
    Ok(all)
}
