//! Dissimilarity matrices of classes, from batches.

use super::{Extent, Patterns, Rdm, SetMeasure, SetMeasures, SetValue};
use crate::Error;

/// One matrix for each area and step, of the mean responses to each class: what is kept does not grow with the images.
pub(super) struct ClassRdms;

impl SetMeasures for ClassRdms {
    fn start(&self, extent: &Extent) -> Result<Box<dyn SetMeasure>, Error> {
        Ok(Box::new(Sums { classes: extent.classes, cells: Vec::new() }))
    }

    fn bytes(&self, extent: &Extent) -> u128 {
        let units: u128 = extent.areas.iter().map(|area| area[1] as u128).sum();
        8 * units * extent.steps as u128 * extent.classes as u128
    }
}

struct Sums {
    classes: usize,
    /// Of each area and step that had a signal.
    cells: Vec<Cell>,
}

struct Cell {
    area: usize,
    step: usize,
    /// For each class that was seen, by its number: how often, and the sum of the responses.
    classes: Vec<(usize, Vec<f64>)>,
}

impl SetMeasure for Sums {
    fn see(&mut self, patterns: &Patterns<'_>) {
        let found = self.cells.iter().position(|cell| (cell.area, cell.step) == (patterns.area, patterns.step));
        let place = found.unwrap_or_else(|| {
            self.cells.push(Cell { area: patterns.area, step: patterns.step, classes: Vec::new() });
            self.cells.len() - 1
        });
        let Some(cell) = self.cells.get_mut(place) else { return };
        for (units, &label) in patterns.samples().zip(patterns.labels) {
            let Some(class) = usize::try_from(label).ok().filter(|&class| class < self.classes) else { continue };
            if cell.classes.len() <= class {
                cell.classes.resize(class + 1, (0, Vec::new()));
            }
            if let Some((n, sum)) = cell.classes.get_mut(class) {
                *n += 1;
                sum.resize(units.len(), 0.);
                sum.iter_mut().zip(units).for_each(|(sum, &x)| *sum += f64::from(x));
            }
        }
    }

    fn finish(self: Box<Self>) -> Vec<SetValue> {
        let mut values = Vec::new();
        for Cell { area, step, classes } in self.cells {
            let seen: Vec<(usize, usize, Vec<f32>)> = classes
                .into_iter()
                .enumerate()
                .filter(|(_, (n, _))| *n > 0)
                .map(|(class, (n, sum))| (class, n, sum.into_iter().map(|x| (x / n as f64) as f32).collect()))
                .collect();
            let units = seen.first().map_or(0, |(_, _, mean)| mean.len());
            let rows: Vec<f32> = seen.iter().flat_map(|(_, _, mean)| mean.iter().copied()).collect();
            let Ok(rdm) = Rdm::of_responses(&rows, units) else { continue };
            for (i, (a, n_a, _)) in seen.iter().enumerate() {
                for (j, (b, n_b, _)) in seen.iter().enumerate().skip(i + 1) {
                    values.push(SetValue {
                        area: Some(area),
                        step: Some(step),
                        of: [i64::try_from(*a).ok(), i64::try_from(*b).ok()],
                        value: rdm.dissimilarity(i, j),
                        n: n_a + n_b,
                    });
                }
            }
        }
        values
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn classes_are_compared_by_their_means_whatever_the_batches() {
        // four samples of two classes and three units, and one without a label
        let values = [1., 2., 3., 3., 2., 1., 3., 4., 5., 1., 1., 4., 9., 9., 9.];
        let labels = [0, 2, 0, 2, -1];
        let extent = Extent { areas: vec![[1, 3]], steps: 1, images: 5, classes: 3 };
        let of = |size: usize| {
            let mut measure = ClassRdms.start(&extent).unwrap();
            for (part, values) in labels.chunks(size).zip(values.chunks(3 * size)) {
                measure.see(&Patterns { area: 0, step: 4, values, channels: 1, labels: part, images: &[] });
            }
            measure.finish()
        };
        let all = of(5);
        assert_eq!(all, of(2));
        // the means are (2, 3, 4) and (2, 1.5, 2.5): Pearson's r by hand
        let r = 0.5 / (2f64 * 0.5).sqrt();
        let [value] = &all[..] else { panic!("{all:?}") };
        assert_eq!((value.area, value.step, value.of, value.n), (Some(0), Some(4), [Some(0), Some(2)], 4));
        assert!(value.value.is_some_and(|d| (d - (1. - r)).abs() < 1e-9), "{value:?}");
    }
}
