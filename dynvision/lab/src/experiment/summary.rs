//! Means over samples and seeds.

use super::results::{Part, Results, text};
use crate::run_error::RunError;
use crate::statistics::{mean, t_interval};
use crate::table::{Column, Table};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The tag over which intervals are.
const SEED: &str = "seed";

/// Columns that are of no measure.
const DESCRIBE: [&str; 12] = [
    "sample_index",
    "image_index",
    "times_index",
    "time_ms",
    "label_index",
    "first_label_index",
    "guess_index",
    "measure",
    "area",
    "first",
    "second",
    "n",
];

/// A value by which rows are grouped, in an order that numbers have.
#[derive(Debug, Clone, PartialEq)]
enum Key {
    Missing,
    Integer(i64),
    Number(f64),
    Text(Arc<str>),
}

impl Eq for Key {}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |key: &Key| match key {
            Key::Missing => 0,
            Key::Integer(_) => 1,
            Key::Number(_) => 2,
            Key::Text(_) => 3,
        };
        match (self, other) {
            (Key::Integer(a), Key::Integer(b)) => a.cmp(b),
            (Key::Number(a), Key::Number(b)) => a.total_cmp(b),
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Key {
    fn of(column: Option<&Column>, row: usize) -> Self {
        match column {
            Some(Column::Integers(values)) => values.get(row).copied().flatten().map_or(Key::Missing, Key::Integer),
            Some(Column::Numbers(values)) => values.get(row).copied().flatten().map_or(Key::Missing, Key::Number),
            Some(Column::Texts(values)) => values.get(row).cloned().flatten().map_or(Key::Missing, Key::Text),
            None => Key::Missing,
        }
    }
}

/// The samples of one seed.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    sum: f64,
    n: usize,
    missing: usize,
}

/// By the name of the column: the sums of each seed.
type Groups = BTreeMap<Vec<Key>, BTreeMap<String, BTreeMap<Key, Sums>>>;

pub(super) fn summary(results: &Results, part: Part, level: f64) -> Result<Table, RunError> {
    let names: Vec<&str> = results.conditions().into_iter().filter(|name| *name != SEED).collect();
    let by: Vec<&str> = names.iter().copied().chain(part.keys().iter().copied()).collect();
    let mut groups = Groups::new();
    for table in results.parts(part) {
        let table = table?;
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
    tabulate(results, part, &by, groups, level)
}

fn tabulate(results: &Results, part: Part, by: &[&str], groups: Groups, level: f64) -> Result<Table, RunError> {
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
            let of = areas.iter().filter(|area| name.strip_prefix(**area).is_some_and(|rest| rest.starts_with('_')));
            // of two areas whose names begin alike the longer one is meant
            let of = of.max_by_key(|area| area.len()).copied();
            area.push(of.and_then(text));
            measure.push(text(of.and_then(|area| name.strip_prefix(area)?.strip_prefix('_')).unwrap_or(&name)));
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
        table.push(name, column_of(keys))?;
    }
    // of sets both are keys
    if part != Part::Sets {
        table = table.with("area", Column::Texts(area))?.with("measure", Column::Texts(measure))?;
    }
    let table = table.with("mean", means)?.with("low", lows)?.with("high", highs)?;
    Ok(table.with("seeds", seeds)?.with("samples", samples)?.with("missing", missing)?)
}

fn column_of(keys: Vec<Key>) -> Column {
    let text = keys.iter().any(|key| matches!(key, Key::Text(_)));
    let number = keys.iter().any(|key| matches!(key, Key::Number(_)));
    if text {
        let of = |key| match key {
            Key::Text(text) => Some(text),
            Key::Integer(x) => Some(x.to_string().into()),
            Key::Number(x) => Some(format!("{x:?}").into()),
            Key::Missing => None,
        };
        return Column::Texts(keys.into_iter().map(of).collect());
    }
    if number {
        let of = |key| match key {
            Key::Number(x) => Some(x),
            Key::Integer(x) => Some(x as f64),
            _ => None,
        };
        return Column::Numbers(keys.into_iter().map(of).collect());
    }
    let of = |key| match key {
        Key::Integer(x) => Some(x),
        _ => None,
    };
    Column::Integers(keys.into_iter().map(of).collect())
}
