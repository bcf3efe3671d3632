//! Means over samples and seeds.

use super::results::{ResultTable, Results, text};
use crate::run_error::RunError;
use crate::statistics::{mean, t_interval};
use crate::table::{Column, Key, Table};
use std::collections::{BTreeMap, BTreeSet};

/// The tag over which intervals are.
const SEED: &str = "seed";

/// Columns that are of no measure.
const DESCRIBE: [&str; 14] = [
    "sample_index",
    "image_index",
    "times_index",
    "time_ms",
    "stimulus",
    "condition",
    "label_index",
    "first_label_index",
    "guess_index",
    "measure",
    "area",
    "first",
    "second",
    "n",
];

/// The samples of one seed.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    sum: f64,
    n: usize,
    missing: usize,
}

/// By the name of the column: the sums of each seed.
type Groups = BTreeMap<Vec<Key>, BTreeMap<String, BTreeMap<Key, Sums>>>;

impl Results {
    /// Returns the means over samples and seeds, with their intervals over seeds: a row for each condition, step, area and
    /// measure, with the columns `mean`, `low`, `high` (Student's interval at `level`), `seeds`, `samples` and `missing`.
    ///
    /// The samples of each seed are averaged first. One seed has no interval: `low` and `high` are missing.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn summary(&self, which: ResultTable, level: f64) -> Result<Table, RunError> {
        let names = conditions(self);
        let by: Vec<&str> = names.iter().copied().chain(which.keys().iter().copied()).collect();
        let groups = groups(self, which, &by)?;
        tabulate(self, which, &by, groups, level)
    }

    /// Returns the table that figures read: a row for each condition, step, area, measure and seed, with the mean over samples as
    /// `value` and their number as `samples`.
    ///
    /// Its columns are `time_ms`, `stimulus` (the contrast of the picture, 0 where none is shown), `area`, `measure`, `seed`,
    /// `value`, `samples`, one for each tag, and `condition`: the parameter that is varied, in ms where it is a duration in steps.
    /// Where several are varied, each is a column of its own name as well, and `condition` is the first that has numbers. The
    /// measure `response_avg` is called `response`, as figures call it.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn long(&self) -> Result<Table, RunError> {
        long(self)
    }
}

/// What tells rows apart besides the seed.
fn conditions(results: &Results) -> Vec<&str> {
    results.conditions().into_iter().filter(|name| *name != SEED).collect()
}

/// The sums of each group and seed.
fn groups(results: &Results, which: ResultTable, by: &[&str]) -> Result<Groups, RunError> {
    let mut groups = Groups::new();
    let condition = results.condition();
    for (cell, table) in results.parts_of(which) {
        let mut table = table?;
        if by.contains(&"condition") {
            let value = condition.get(cell).copied().flatten();
            table.push("condition", Column::Numbers(vec![value; table.rows()]))?;
        }
        let measured: Vec<(&str, Vec<Option<f64>>)> = table
            .columns()
            .iter()
            .filter(|(name, _)| !DESCRIBE.contains(&name.as_str()) && !by.contains(&name.as_str()) && name != SEED)
            .filter_map(|(name, column)| Some((name.as_str(), column.numbers()?)))
            .collect();
        let columns: Vec<Option<&Column>> = by.iter().map(|name| table.column(name)).collect();
        for row in 0..table.rows() {
            let key: Vec<Key> = columns.iter().map(|column| Key::of(*column, row)).collect();
            let seed = Key::of(table.column(SEED), row);
            let group = groups.entry(key).or_default();
            for (name, values) in &measured {
                // rows are many, names are few
                if !group.contains_key(*name) {
                    group.insert(name.to_string(), BTreeMap::new());
                }
                let Some(sums) = group.get_mut(*name).map(|seeds| seeds.entry(seed.clone()).or_default()) else {
                    continue;
                };
                match values.get(row).copied().flatten().filter(|x| x.is_finite()) {
                    Some(value) => {
                        sums.sum += value;
                        sums.n += 1;
                    }
                    None => sums.missing += 1,
                }
            }
        }
    }
    Ok(groups)
}

/// The area of a column, if it has one, and what is measured.
fn split<'a>(areas: &BTreeSet<&'a str>, name: &'a str) -> (Option<&'a str>, &'a str) {
    // of two areas whose names begin alike the longer one is meant
    let of = areas.iter().filter(|area| name.strip_prefix(**area).is_some_and(|rest| rest.starts_with('_')));
    match of.max_by_key(|area| area.len()) {
        Some(area) => (Some(area), name.get(area.len() + 1..).unwrap_or(name)),
        None => (None, name),
    }
}

fn long(results: &Results) -> Result<Table, RunError> {
    let mut by = conditions(results);
    by.extend(["condition", "times_index", "time_ms", "stimulus"]);
    let groups = groups(results, ResultTable::Steps, &by)?;
    let areas = results.areas();
    let mut keys: Vec<Vec<Key>> = vec![Vec::new(); by.len()];
    let (mut area, mut measure, mut seeds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut values, mut samples) = (Vec::new(), Vec::new());
    for (key, columns) in &groups {
        for (name, by_seed) in columns {
            let (of, what) = split(&areas, name);
            for (seed, sums) in by_seed {
                keys.iter_mut().zip(key).for_each(|(column, key)| column.push(key.clone()));
                area.push(of.and_then(text));
                measure.push(text(if what == "response_avg" { "response" } else { what }));
                seeds.push(seed.clone());
                values.push((sums.n > 0).then(|| sums.sum / sums.n as f64));
                samples.push(sums.n as i64);
            }
        }
    }
    let mut table = Table::new();
    for (name, keys) in by.iter().zip(keys) {
        table.push(name, Key::column(keys))?;
    }
    table.push(SEED, Key::column(seeds))?;
    let table = table.with("area", Column::Texts(area))?.with("measure", Column::Texts(measure))?;
    Ok(table.with("value", values)?.with("samples", samples)?)
}

fn tabulate(results: &Results, which: ResultTable, by: &[&str], groups: Groups, level: f64) -> Result<Table, RunError> {
    let areas = results.areas();
    let mut keys: Vec<Vec<Key>> = vec![Vec::new(); by.len()];
    let (mut measure, mut area) = (Vec::new(), Vec::new());
    let (mut means, mut lows, mut highs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut seeds, mut samples, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for (key, columns) in groups {
        for (name, by_seed) in columns {
            for (column, key) in keys.iter_mut().zip(&key) {
                column.push(key.clone());
            }
            let (of, what) = split(&areas, &name);
            area.push(of.and_then(text));
            measure.push(text(what));
            let each: Vec<f64> = by_seed.values().filter(|s| s.n > 0).map(|s| s.sum / s.n as f64).collect();
            let interval = t_interval(&each, level);
            means.push(mean(&each));
            lows.push(interval.map(|interval| interval.low));
            highs.push(interval.map(|interval| interval.high));
            seeds.push(each.len() as i64);
            samples.push(by_seed.values().map(|s| s.n as i64).sum::<i64>());
            missing.push(by_seed.values().map(|s| s.missing as i64).sum::<i64>());
        }
    }
    let mut table = Table::new();
    for (name, keys) in by.iter().zip(keys) {
        table.push(name, Key::column(keys))?;
    }
    // of sets both are keys
    if which != ResultTable::Sets {
        table = table.with("area", Column::Texts(area))?.with("measure", Column::Texts(measure))?;
    }
    let table = table.with("mean", means)?.with("low", lows)?.with("high", highs)?;
    Ok(table.with("seeds", seeds)?.with("samples", samples)?.with("missing", missing)?)
}
