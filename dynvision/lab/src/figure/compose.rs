//! What several figures are composed of: categories with their inks, landmarks of traces, numbers along conditions.

use super::panel::Line;
use super::{FigureError, Ink, Options, Seed, Series, Shown, Table};
use crate::measure::{Window, baseline};

/// Most lines that are named at their ends; more have a legend.
const NAMED: usize = 6;
/// Most lines of a panel with a thin line for each seed.
const THIN: usize = 12;

/// The categories of a table with their inks.
pub(super) struct Categories {
    pub(super) names: Vec<String>,
    inks: Vec<Ink>,
}

impl Categories {
    pub(super) fn of(table: &Table, options: &Options) -> Self {
        let names = table.levels("category");
        Categories { inks: options.palette.inks(&names), names }
    }

    pub(super) fn ink(&self, name: &str) -> Ink {
        let place = self.names.iter().position(|known| known == name);
        place.and_then(|i| self.inks.get(i).cloned()).unwrap_or_else(|| Ink::new("#0072b2"))
    }

    /// Whether lines are named at their ends.
    pub(super) fn named(&self) -> bool {
        (1..=NAMED).contains(&self.names.len())
    }

    /// Whether each seed has a thin line.
    pub(super) fn each_seed(&self) -> bool {
        self.names.len() <= THIN
    }

    /// The legend, where lines are not named at their ends.
    pub(super) fn legend(&self) -> Vec<(String, Ink)> {
        if self.named() { Vec::new() } else { self.names.iter().cloned().zip(self.inks.iter().cloned()).collect() }
    }

    /// A line of a category, named as it is.
    pub(super) fn line(&self, series: Series) -> Line {
        let category = series.key("category").to_owned();
        let name = if category.is_empty() { "all".to_owned() } else { category.clone() };
        Line { each_seed: self.each_seed(), ..Line::new(name, self.ink(&category), series) }
    }
}

/// Refuses a table without rows.
pub(super) fn some_rows(table: &Table, of: &str) -> Result<(), FigureError> {
    if table.rows() == 0 {
        return Err(FigureError::Nothing(format!(
            "the table has no rows with {of}; run the experiment that measures it"
        )));
    }
    Ok(())
}

/// At most so many of the items, evenly far apart, the first and the last among them.
pub(super) fn evenly<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    if all.len() <= most {
        return all.to_vec();
    }
    (0..most).filter_map(|i| all.get(i * (all.len() - 1) / most.saturating_sub(1).max(1)).cloned()).collect()
}

/// States which of many values are drawn.
pub(super) fn picked(what: &str, shown: usize, all: usize) -> Option<String> {
    (shown < all).then(|| format!("{shown} of {all} values of {what} are drawn, evenly far apart in their order."))
}

/// The measure of areas' activity that a table holds: the first of `response`, `response_mean`, or any that has an area.
pub(super) fn activity(table: &Table) -> Table {
    let of_areas =
        if table.has("area") { table.filtered(|&row| table.label("area", row).is_some()) } else { table.clone() };
    if !table.has("measure") {
        return of_areas;
    }
    let measures = of_areas.levels("measure");
    let known = ["response", "response_mean"].into_iter().find(|known| measures.iter().any(|measure| measure == known));
    let measure = known.map(str::to_owned).or_else(|| measures.first().cloned()).unwrap_or_default();
    of_areas.having("measure", &[&measure])
}

/// Rows of accuracy: against the first label at every step, `first_label_accuracy`, where the table has it, which goes on after
/// the stimulus; else `accuracy`.
pub(super) fn accuracy(table: &Table) -> Table {
    let first = of_measure(table, "first_label_accuracy");
    if first.rows() > 0 { first } else { of_measure(table, "accuracy") }
}

/// Rows of a measure that belongs to no area.
pub(super) fn of_measure(table: &Table, measure: &str) -> Table {
    let rows = table.having("measure", &[measure]);
    rows.filtered(|&row| rows.label("area", row).is_none())
}

/// A trace whose steps are equally long and none of which is missing, with when the stimulus is shown.
pub(super) struct Landmarks {
    pub(super) trace: Vec<f64>,
    pub(super) windows: Vec<Window>,
    pub(super) baseline: f64,
    pub(super) dt: f64,
    /// When the first window begins.
    pub(super) onset: f64,
}

impl Landmarks {
    /// None where a value is missing, steps are of different lengths, or nothing is shown.
    pub(super) fn of(x: &[f64], values: &[Option<f64>], shown: &[Shown]) -> Option<Self> {
        let trace: Vec<f64> = values.iter().copied().collect::<Option<_>>()?;
        let dt = x.get(1)? - x.first()?;
        let even = x.windows(2).all(|pair| matches!(pair, [a, b] if (b - a - dt).abs() <= 1e-6 * dt));
        if !(dt > 0. && even) {
            return None;
        }
        let on = |x: &f64| shown.iter().any(|s| *x >= s.from - 1e-6 * dt && *x < s.to - 1e-6 * dt);
        let schedule: Vec<bool> = x.iter().map(on).collect();
        let windows = Window::of_schedule(&schedule);
        let first = *windows.first()?;
        // without steps before the onset, activity is measured from 0
        let baseline = baseline(&trace, first).unwrap_or(0.);
        Some(Landmarks { trace, windows, baseline, dt, onset: *x.get(first.onset())? })
    }

    pub(super) fn first(&self) -> Option<Window> {
        self.windows.first().copied()
    }
}

/// One number of each seed at each condition, as a series along the conditions.
pub(super) fn along(conditions: &[(f64, Vec<(String, Option<f64>)>)], samples: u64) -> Series {
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in conditions.iter().flat_map(|(_, seeds)| seeds) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let value = |seeds: &[(String, Option<f64>)], name: &String| {
        seeds.iter().find(|(other, _)| other == name).and_then(|(_, value)| *value)
    };
    let seed = |name: &&String| Seed {
        name: (*name).clone(),
        values: conditions.iter().map(|(_, seeds)| value(seeds, name)).collect(),
        samples,
    };
    Series {
        keys: Vec::new(),
        x: conditions.iter().map(|(x, _)| *x).collect(),
        seeds: names.iter().map(seed).collect(),
    }
}

/// The largest number of samples of a seed.
pub(super) fn samples(series: &Series) -> u64 {
    series.seeds.iter().map(|seed| seed.samples).max().unwrap_or(0)
}

/// The mean over all steps from the onset of the first stimulus on, or of all where none is; none where all are missing.
pub(super) fn since_onset(x: &[f64], values: &[Option<f64>], shown: &[Shown]) -> Option<f64> {
    let from = shown.first().map_or(f64::NEG_INFINITY, |shown| shown.from - 1e-9);
    let since: Vec<f64> = x.iter().zip(values).filter(|(x, _)| **x >= from).filter_map(|(_, y)| *y).collect();
    crate::statistics::mean(&since)
}

/// The mean over the last quarter of when the first stimulus is shown, or of all where none is; none where all are missing.
pub(super) fn settled(x: &[f64], values: &[Option<f64>], shown: &[Shown]) -> Option<f64> {
    let (from, to) = match shown.first() {
        Some(shown) => (shown.from, shown.to),
        None => (*x.first()?, x.last()? + 1e-9),
    };
    let start = from + 0.75 * (to - from);
    let within: Vec<f64> =
        x.iter().zip(values).filter(|(x, _)| **x >= start - 1e-9 && **x < to).filter_map(|(_, y)| *y).collect();
    // a stimulus of fewer than four steps may have no step that begins in its last quarter
    let last = x.iter().zip(values).filter(|(x, _)| **x >= from && **x < to).filter_map(|(_, y)| *y).next_back();
    crate::statistics::mean(&within).or(last)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn items_are_picked_evenly_with_both_ends() {
        let all: Vec<usize> = (0..200).collect();
        let few = evenly(&all, 5);
        assert_eq!((few.len(), few.first(), few.last()), (5, Some(&0), Some(&199)));
        assert_eq!(evenly(&all, 1), [0]);
        assert_eq!(evenly(&[1, 2], 5), [1, 2]);
        assert!(evenly(&all, 0).is_empty());
    }

    #[test]
    fn what_settles_is_the_last_quarter() {
        let x: Vec<f64> = (0..8).map(f64::from).collect();
        let values: Vec<Option<f64>> = x.iter().map(|x| Some(*x)).collect();
        let shown = [Shown { from: 0., to: 4., level: 1. }];
        assert_eq!(settled(&x, &values, &shown), Some(3.));
        assert_eq!(settled(&x, &values, &[Shown { from: 0., to: 1., level: 1. }]), Some(0.));
        assert_eq!(settled(&x, &[None; 8], &shown), None);
        assert_eq!(settled(&[], &[], &[]), None);
    }

    #[test]
    fn since_the_onset_is_without_what_precedes_it() {
        let shown = [Shown { from: 2., to: 3., level: 1. }];
        let values = [Some(9.), Some(9.), Some(1.), None, Some(2.)];
        assert_eq!(since_onset(&[0., 1., 2., 3., 4.], &values, &shown), Some(1.5));
        assert_eq!(since_onset(&[0., 1.], &[None, None], &shown), None);
    }

    #[test]
    fn landmarks_need_every_step() {
        let shown = [Shown { from: 0., to: 4., level: 1. }];
        let of = |values: &[Option<f64>]| Landmarks::of(&[-2., 0., 2., 4.], values, &shown);
        let found = of(&[Some(0.5), Some(1.), Some(2.), Some(1.)]).unwrap();
        assert_eq!((found.baseline, found.dt, found.onset, found.windows.len()), (0.5, 2., 0., 1));
        assert!(of(&[Some(0.5), None, Some(2.), Some(1.)]).is_none());
        assert!(Landmarks::of(&[0., 2., 5.], &[Some(1.); 3], &shown).is_none());
        assert!(Landmarks::of(&[0.], &[Some(1.)], &shown).is_none());
    }
}
