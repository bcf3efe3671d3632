//! Interventions: what is done to a model while it runs, to ask for causes. The model itself is never changed: a condition
//! runs on a copy.
//!
//! ```toml
//! [interventions]
//! late = { kind = "connection", of = "recurrence", scale = 0.0, start = "40 ms" }
//! v4 = { kind = "area", area = "v4", scale = 0.0 }
//! some = { kind = "channels", area = "v1", share = 0.3, scale = 0.0, seed = 1 }
//! push = { kind = "current", area = "v1", amplitude = 0.5, start = 5, end = 10 }
//! jitter = { kind = "noise", area = "v1", std = 0.1 }
//! cut = { kind = "feedforward-only", end = 10 }
//! ```
//!
//! `start` and `end` count from the first step after the idle ones; without `start` the intervention acts while the model
//! idles as well, without `end` it acts to the end.

mod area;
mod built_in;
mod channels;
mod connection;
mod current;
mod feedforward_only;
mod readers;
mod registry;
mod when;

pub use registry::{Interventions, Settings};
pub use when::When;

use crate::anatomy::{Anatomy, AreaInfo, Parameter};
use dynvision::time::Dynamics;
use std::fmt::Debug;

/// Something that is done to a model while it runs.
///
/// What is not said is left as it is: each method's default does nothing.
pub trait Intervention: Debug + Send + Sync {
    /// When it acts.
    fn when(&self) -> When {
        When::ALWAYS
    }

    /// Refuses a model that it cannot be done to, and says why.
    ///
    /// # Errors
    ///
    /// The reason.
    fn check(&self, _model: &Anatomy) -> Result<(), String> {
        Ok(())
    }

    /// Changes the time constants of the copy that runs while it acts.
    fn dynamics(&self, _model: &Anatomy, _dynamics: &mut Dynamics) {}

    /// Whether it changes this parameter of the copy that runs while it acts.
    fn changes(&self, _model: &Anatomy, _parameter: &Parameter) -> bool {
        false
    }

    /// Changes the values of a parameter, of which [`changes`](Intervention::changes) said so; row-major.
    fn change(&self, _model: &Anatomy, _parameter: &Parameter, _values: &mut [f32]) {}

    /// The area into which it injects a current.
    fn injects(&self) -> Option<&str> {
        None
    }

    /// The current of one sample at a step, into the area that [`injects`](Intervention::injects) names; it comes zeroed.
    fn current(&self, _area: &AreaInfo, _step: usize, _image: usize, _seed: u64, _current: &mut [f32]) {}
}
