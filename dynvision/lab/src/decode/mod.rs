//! Decoding in time: how well a linear probe reads the class from an area at each step.
//!
//! The features are the channels' means over space. The probe is a ridge regression on one-hot targets, in closed form:
//! `W = (XᵀX + λ n I)⁻¹ XᵀY` with centred, standardised `X` ([Hoerl and Kennard 1970](https://doi.org/10.1080/00401706.1970.10488634)); the
//! guess is the class with the largest output. It is cross-validated: the samples are dealt into folds, class by class, and
//! each is guessed by the probe of the other folds.

mod ridge;

pub use ridge::cross_validated;

use crate::Error;
use crate::measure::{Extent, Patterns, SetMeasure, SetMeasures, SetValue};
use serde::Deserialize;

/// Settings of the measure `decoding`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Number of folds.
    pub folds: usize,
    /// The penalty λ, of standardised features.
    pub ridge: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { folds: 5, ridge: 0.01 }
    }
}

/// The measure `decoding`.
#[derive(Debug, Clone)]
pub(crate) struct Decoding(Settings);

impl Decoding {
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        if settings.folds < 2 {
            return Err(format!("folds = {} must be at least 2", settings.folds));
        }
        if !(settings.ridge > 0. && settings.ridge.is_finite()) {
            return Err(format!("ridge = {} must be positive", settings.ridge));
        }
        Ok(Decoding(settings))
    }
}

impl SetMeasures for Decoding {
    fn start(&self, _: &Extent) -> Result<Box<dyn SetMeasure>, Error> {
        Ok(Box::new(Features { settings: self.0.clone(), cells: Vec::new() }))
    }

    fn bytes(&self, extent: &Extent) -> u128 {
        let channels: u128 = extent.areas.iter().map(|area| area[0] as u128).sum();
        4 * channels * extent.steps as u128 * extent.images as u128
    }
}

/// The features of each area and step: one number for each channel and image, which is what grows with the images.
struct Features {
    settings: Settings,
    cells: Vec<Cell>,
}

struct Cell {
    area: usize,
    step: usize,
    channels: usize,
    values: Vec<f32>,
    labels: Vec<i64>,
}

impl SetMeasure for Features {
    fn see(&mut self, patterns: &Patterns<'_>) {
        let (area, step, channels) = (patterns.area, patterns.step, patterns.channels);
        let place = self.cells.iter().position(|cell| (cell.area, cell.step) == (area, step)).unwrap_or_else(|| {
            self.cells.push(Cell { area, step, channels, values: Vec::new(), labels: Vec::new() });
            self.cells.len() - 1
        });
        if let Some(cell) = self.cells.get_mut(place) {
            cell.values.extend(patterns.channel_means());
            cell.labels.extend(patterns.labels);
        }
    }

    fn finish(self: Box<Self>) -> Vec<SetValue> {
        use rayon::prelude::*;
        let Settings { folds, ridge } = self.settings;
        let of = |cell: &Cell| {
            let right = cross_validated(&cell.values, cell.channels, &cell.labels, folds, ridge);
            let n = right.iter().flatten().count();
            let value = crate::statistics::mean_of(right.into_iter().flatten().map(f64::from));
            SetValue { area: Some(cell.area), step: Some(cell.step), of: [None; 2], value, n }
        };
        self.cells.par_iter().map(of).collect()
    }
}
