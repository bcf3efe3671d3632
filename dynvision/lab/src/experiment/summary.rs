//! Means over samples and seeds.

use super::results::{Part, Results, text};
use crate::run_error::RunError;
use crate::statistics::{mean, t_interval};
use crate::table::{Column, Key, Table};
use std::collections::BTreeMap;

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
        table.push(name, Key::column(keys))?;
    }
    // of sets both are keys
    if part != Part::Sets {
        table = table.with("area", Column::Texts(area))?.with("measure", Column::Texts(measure))?;
    }
    let table = table.with("mean", means)?.with("low", lows)?.with("high", highs)?;
    Ok(table.with("seeds", seeds)?.with("samples", samples)?.with("missing", missing)?)
}
