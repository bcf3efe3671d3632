//! Dimensionality, from batches.

use super::{Extent, Patterns, SetMeasure, SetMeasures, SetValue};
use crate::Error;

/// The participation ratio `(Σ λ)² / Σ λ²` of the covariance of the channels' spatial means, for each area and step. The
/// covariance is of channels, so that what is kept does not grow with the images, nor with the size of a map.
pub(super) struct ChannelDimensions;

impl SetMeasures for ChannelDimensions {
    fn start(&self, _: &Extent) -> Result<Box<dyn SetMeasure>, Error> {
        Ok(Box::new(Covariances(Vec::new())))
    }

    fn bytes(&self, extent: &Extent) -> u128 {
        let squares: u128 = extent.areas.iter().map(|area| (area[0] as u128 + 1).pow(2)).sum();
        8 * squares * extent.steps as u128
    }
}

struct Covariances(Vec<Cell>);

struct Cell {
    area: usize,
    step: usize,
    n: usize,
    /// The first sample, which is taken off all: sums of small numbers lose less.
    origin: Vec<f64>,
    sum: Vec<f64>,
    /// `Σ x xᵀ`, row-major.
    products: Vec<f64>,
}

impl SetMeasure for Covariances {
    fn see(&mut self, patterns: &Patterns<'_>) {
        let channels = patterns.channels;
        let place = self.0.iter().position(|cell| (cell.area, cell.step) == (patterns.area, patterns.step));
        let place = place.unwrap_or_else(|| {
            let (area, step) = (patterns.area, patterns.step);
            let (sum, products) = (vec![0.; channels], vec![0.; channels * channels]);
            self.0.push(Cell { area, step, n: 0, origin: Vec::new(), sum, products });
            self.0.len() - 1
        });
        let Some(cell) = self.0.get_mut(place) else { return };
        for means in patterns.channel_means().chunks_exact(channels.max(1)) {
            if cell.origin.is_empty() {
                cell.origin = means.iter().map(|&x| x.into()).collect();
            }
            let x: Vec<f64> = means.iter().zip(&cell.origin).map(|(&x, o)| f64::from(x) - o).collect();
            cell.n += 1;
            cell.sum.iter_mut().zip(&x).for_each(|(sum, x)| *sum += x);
            for (row, a) in cell.products.chunks_exact_mut(channels.max(1)).zip(&x) {
                row.iter_mut().zip(&x).for_each(|(sum, b)| *sum += a * b);
            }
        }
    }

    fn finish(self: Box<Self>) -> Vec<SetValue> {
        let of = |cell: Cell| {
            let Cell { area, step, n, sum, products, .. } = cell;
            let (mut trace, mut squares) = (0., 0.);
            let scale = products.iter().fold(0., |a: f64, x| a.max(x.abs()));
            for (i, row) in products.chunks_exact(sum.len().max(1)).enumerate() {
                for (j, (product, b)) in row.iter().zip(&sum).enumerate() {
                    let a = sum.get(i).copied().unwrap_or(f64::NAN);
                    let covariance = product - a * b / n as f64;
                    squares += covariance * covariance;
                    trace += if i == j { covariance } else { 0. };
                }
            }
            // what does not vary leaves rounding only
            let varies = trace > 1e-12 * scale;
            let value = Some(trace * trace / squares).filter(|d| varies && d.is_finite());
            SetValue { area: Some(area), step: Some(step), of: [None; 2], value, n }
        };
        self.0.into_iter().map(of).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::measure::dimensionality;

    #[test]
    fn batches_agree_with_all_at_once() {
        let (n, channels) = (23, 4);
        let values: Vec<f32> = (0..n * channels).map(|i| ((i * i * 7 + 3 * i) % 31) as f32 + 100.).collect();
        let extent = Extent { areas: vec![[4, 4]], steps: 1, images: n, classes: 1 };
        let mut measure = ChannelDimensions.start(&extent).unwrap();
        for part in values.chunks(5 * channels) {
            let labels = vec![0; part.len() / channels];
            measure.see(&Patterns { area: 0, step: 0, values: part, channels, labels: &labels, images: &[] });
        }
        let found = measure.finish()[0].value.unwrap();
        let expected = dimensionality(&values, channels).unwrap();
        assert!((found / expected - 1.).abs() < 1e-9, "{found} {expected}");
    }

    #[test]
    fn what_does_not_vary_has_no_dimension() {
        let extent = Extent { areas: vec![[2, 2]], steps: 1, images: 4, classes: 1 };
        let mut measure = ChannelDimensions.start(&extent).unwrap();
        measure.see(&Patterns { area: 0, step: 0, values: &[0.1; 8], channels: 2, labels: &[0; 4], images: &[] });
        assert_eq!(measure.finish()[0].value, None);
    }
}
