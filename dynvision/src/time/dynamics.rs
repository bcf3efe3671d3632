//! The time constants of a model, in milliseconds.

use super::rule;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The time constants of a model in milliseconds, and how it is unrolled. Defaults are those of the original's models.
///
/// ```
/// use dynvision::time::Dynamics;
/// let dynamics: Dynamics = toml::from_str("dt = 1.0\ntau = 10.0\n[areas.v1]\ntau = 8.0").unwrap();
/// assert_eq!(dynamics.t_recurrence, 6.0);
/// assert_eq!(dynamics.tau("v1"), 8.0);
/// assert_eq!(dynamics.tau("v2"), 10.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dynamics {
    /// Time step of the solver, in ms.
    pub dt: f64,
    /// Time constant of every area that has none of its own, in ms.
    pub tau: f64,
    /// Delay from an area to the next, in ms.
    pub t_feedforward: f64,
    /// Delay of an area's recurrence, in ms; at least one step.
    pub t_recurrence: f64,
    /// Delay of skip connections, in ms.
    pub t_skip: f64,
    /// Delay of feedback connections, in ms; at least one step.
    pub t_feedback: f64,
    /// Steps without input before the stimulus, from which no gradient comes.
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub idle_steps: usize,
    /// What every unit of a frame without input is.
    pub non_input: f64,
    /// Truncated backpropagation through time: gradients are cut after every so many steps; 0 for never.
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub truncate_steps: usize,
    /// Recomputation: with `n > 0` the answers of `n` steps at a time are computed again when gradients go backward, instead
    /// of being kept. Gradients are the same, a run takes half as long again or more, and needs memory for `n` steps and a state
    /// for every `n` steps ([Chen et al. 2016](https://arxiv.org/abs/1604.06174)); near the square root of the number of
    /// steps is best. 0 keeps everything.
    #[serde(serialize_with = "crate::file::count::serialize")]
    pub recompute_steps: usize,
    /// Switches recurrence, skip and feedback off; the solver still runs.
    pub feedforward_only: bool,
    /// What single areas do differently, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub areas: BTreeMap<String, AreaDynamics>,
    /// Delays of single links in ms, by name, such as `v4_skip_v1` (into `v4`, from `v1`) or `v1_feedback_v4`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, f64>,
}

/// What one area does differently, in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AreaDynamics {
    /// Time constant.
    pub tau: Option<f64>,
    /// Delay to the next area.
    pub t_feedforward: Option<f64>,
    /// Delay of the recurrence.
    pub t_recurrence: Option<f64>,
}

impl AreaDynamics {
    /// Nothing differs.
    pub const DEFAULT: AreaDynamics = AreaDynamics { tau: None, t_feedforward: None, t_recurrence: None };
}

impl Dynamics {
    /// The original's defaults: dt 2, tau 5, recurrence 6, feedback 30 ms, no other delay.
    pub const DEFAULT: Dynamics = Dynamics {
        dt: rule::DT,
        tau: 5.0,
        t_feedforward: rule::T_FEEDFORWARD,
        t_recurrence: rule::T_RECURRENCE,
        t_skip: rule::T_SKIP,
        t_feedback: rule::T_FEEDBACK,
        idle_steps: 0,
        non_input: 0.0,
        truncate_steps: 0,
        recompute_steps: 0,
        feedforward_only: false,
        areas: BTreeMap::new(),
        links: BTreeMap::new(),
    };

    /// The time constant of an area, in ms.
    pub fn tau(&self, area: &str) -> f64 {
        self.of(area).tau.unwrap_or(self.tau)
    }

    /// What `area` does differently; settable.
    pub fn area(&mut self, area: impl Into<String>) -> &mut AreaDynamics {
        self.area_of(area.into())
    }

    fn area_of(&mut self, area: String) -> &mut AreaDynamics {
        self.areas.entry(area).or_default()
    }

    pub(super) fn of(&self, area: &str) -> AreaDynamics {
        self.areas.get(area).copied().unwrap_or_default()
    }
}

impl Default for Dynamics {
    fn default() -> Self {
        Dynamics::DEFAULT
    }
}
