//! An area, scaled or silenced.

use super::{Intervention, When, readers};
use crate::anatomy::{Anatomy, Parameter};
use dynvision::protocol::Duration;
use dynvision::time::Dynamics;
use serde::Deserialize;

/// Scales what all who hear an area hear of it: the next area, the area itself, skips, feedback and the readout. What it
/// answers is recorded as it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScaleArea {
    /// Its name.
    area: String,
    /// The factor.
    #[serde(default)]
    pub(super) scale: f64,
    #[serde(default)]
    start: Option<Duration>,
    #[serde(default)]
    end: Option<Duration>,
}

impl Intervention for ScaleArea {
    fn when(&self) -> When {
        When { start: self.start, end: self.end }
    }

    fn check(&self, model: &Anatomy) -> Result<(), String> {
        readers::check(model, &self.area)?;
        match readers::bare(model, &self.area).next() {
            Some(link) if self.scale != 0. && self.scale != 1. => Err(format!(
                "link `{}` has no weights that could be scaled by {}; the area can be silenced (scale = 0)",
                link.name, self.scale
            )),
            _ => Ok(()),
        }
    }

    fn dynamics(&self, model: &Anatomy, dynamics: &mut Dynamics) {
        if self.scale == 0. {
            readers::bare(model, &self.area).for_each(|link| readers::sever(link, dynamics));
        }
    }

    fn changes(&self, model: &Anatomy, parameter: &Parameter) -> bool {
        self.scale != 1. && !parameter.is_direction() && readers::hears(model, &self.area, parameter)
    }

    fn change(&self, _: &Anatomy, _: &Parameter, values: &mut [f32]) {
        values.iter_mut().for_each(|x| *x *= self.scale as f32);
    }
}
