//! Currents into an area: constant, or noise.

use super::{Intervention, When};
use crate::anatomy::{Anatomy, AreaInfo};
use dynvision::protocol::Duration;
use dynvision::protocol::noise::{Draws, Generator};
use serde::Deserialize;

/// Refuses an area that has no place for a current.
fn check(model: &Anatomy, name: &str) -> Result<(), String> {
    let areas: Vec<&str> = model.areas.iter().map(|area| area.name.as_str()).collect();
    match model.area(name) {
        None => Err(format!("the model has no area `{name}`; its areas are {}", areas.join(", "))),
        Some((_, area)) if !area.operations.iter().any(|operation| operation == "addext") => Err(format!(
            "area `{name}` has no place for a current; give it one, as in `#[area(addext = ExternalInput)]`, with `addext` in \
             the order of operations"
        )),
        Some(_) => Ok(()),
    }
}

/// One current into every unit of an area.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Current {
    /// The area's name.
    area: String,
    /// In units of the drive.
    pub(super) amplitude: f64,
    #[serde(default)]
    start: Option<Duration>,
    #[serde(default)]
    end: Option<Duration>,
}

impl Intervention for Current {
    fn when(&self) -> When {
        When { start: self.start, end: self.end }
    }

    fn check(&self, model: &Anatomy) -> Result<(), String> {
        check(model, &self.area)
    }

    fn injects(&self) -> Option<&str> {
        Some(&self.area)
    }

    fn current(&self, _: &AreaInfo, _: usize, _: usize, _: u64, current: &mut [f32]) {
        current.fill(self.amplitude as f32);
    }
}

/// Gaussian noise into every unit of an area, drawn anew at each step from the seed, the image and the step.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Noise {
    /// The area's name.
    area: String,
    /// Its standard deviation, in units of the drive.
    pub(super) std: f64,
    #[serde(default)]
    start: Option<Duration>,
    #[serde(default)]
    end: Option<Duration>,
}

impl Intervention for Noise {
    fn when(&self) -> When {
        When { start: self.start, end: self.end }
    }

    fn check(&self, model: &Anatomy) -> Result<(), String> {
        check(model, &self.area)
    }

    fn injects(&self) -> Option<&str> {
        Some(&self.area)
    }

    fn current(&self, area: &AreaInfo, step: usize, image: usize, seed: u64, current: &mut [f32]) {
        // of each area its own, and none of them that of a stimulus
        let name =
            area.name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let mut draws = vec![0.; current.len()];
        Generator::new(seed ^ name, &[image], step).normal(0, &mut draws);
        current.iter_mut().zip(draws).for_each(|(x, z)| *x = (self.std * z) as f32);
    }
}
