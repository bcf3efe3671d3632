//! Activity that grows by itself.

use crate::table::{Column, Table};
use std::collections::{BTreeMap, BTreeSet};

/// So many times the largest response while something is shown.
const FACTOR: f64 = 1.5;

/// The categories and areas of a table of mean responses in time whose activity still grows at the last step, where nothing is
/// shown, and has left the responses to what was shown behind: each in words, with the number of seeds.
pub(super) fn runaways(table: &Table) -> Vec<String> {
    let numbers = |name: &str| table.column(name).and_then(Column::numbers).unwrap_or_default();
    let cell = |name: &str, row: usize| table.column(name).map(|column| column.cell(row)).unwrap_or_default();
    let (times, shown, values) = (numbers("time_ms"), numbers("stimulus"), numbers("value"));
    // a trace is of a category, an area, a seed and a condition: whether something is shown, and the response, at each time
    let mut traces: BTreeMap<[String; 4], Vec<(f64, bool, f64)>> = BTreeMap::new();
    for row in (0..table.rows()).filter(|&row| cell("measure", row) == "response") {
        let of = |numbers: &[Option<f64>]| numbers.get(row).copied().flatten();
        if let (Some(time), Some(shown), Some(value)) = (of(&times), of(&shown), of(&values)) {
            let trace =
                traces.entry(["category", "area", "seed", "condition"].map(|name| cell(name, row))).or_default();
            trace.push((time, shown > 0., value));
        }
    }
    let mut found: BTreeMap<[String; 2], BTreeSet<String>> = BTreeMap::new();
    for ([category, area, seed, _], mut trace) in traces {
        trace.sort_by(|a, b| a.0.total_cmp(&b.0));
        let during =
            trace.iter().filter(|(_, shown, _)| *shown).map(|(.., value)| *value).fold(f64::NEG_INFINITY, f64::max);
        let [.., (.., before), (_, shown, last)] = trace.as_slice() else { continue };
        if !shown && last > before && during > 0. && *last > FACTOR * during {
            found.entry([category, area]).or_default().insert(seed);
        }
    }
    let seeds = |seeds: BTreeSet<String>| seeds.into_iter().collect::<Vec<_>>().join(", ");
    found.into_iter().map(|([category, area], of)| format!("{area} of {category} (seed {})", seeds(of))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn what_grows_when_nothing_is_shown_is_found() {
        // shown at the first two of six steps; a grows after it, b decays, c rests higher than it answers, d is shown to its end
        let traces = [
            ("a", [1., 2., 1., 2., 4., 8.], [1., 1., 0., 0., 0., 0.]),
            ("b", [1., 2., 1., 0.5, 0.25, 0.125], [1., 1., 0., 0., 0., 0.]),
            ("c", [1., 2., 4., 4., 4., 4.], [1., 1., 0., 0., 0., 0.]),
            ("d", [1., 2., 3., 4., 5., 6.], [1.; 6]),
        ];
        let each = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> { (0..24).map(|i| f(i / 6, i % 6)).collect() };
        let table = Table::new()
            .with("category", Column::Texts((0..24).map(|i| Some(traces[i / 6].0.into())).collect()))
            .unwrap()
            .with("area", Column::text("v1", 24))
            .unwrap()
            .with("measure", Column::text("response", 24))
            .unwrap()
            .with("seed", vec![Some(3_i64); 24])
            .unwrap()
            .with("condition", vec![Some(1.0); 24])
            .unwrap()
            .with("time_ms", each(&|_, step| step as f64).into_iter().map(Some).collect::<Vec<_>>())
            .unwrap()
            .with("stimulus", each(&|trace, step| traces[trace].2[step]).into_iter().map(Some).collect::<Vec<_>>())
            .unwrap()
            .with("value", each(&|trace, step| traces[trace].1[step]).into_iter().map(Some).collect::<Vec<_>>())
            .unwrap();
        assert_eq!(runaways(&table), ["v1 of a (seed 3)"]);
    }
}
