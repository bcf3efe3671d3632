//! A model without recurrence, skip and feedback.

use super::{Intervention, When};
use crate::anatomy::Anatomy;
use dynvision::time::Dynamics;
use serde::Deserialize;

/// Switches recurrence, skip and feedback off, as `feedforward_only` of the model does, at some steps.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedforwardOnly {
    #[serde(default)]
    start: Option<dynvision::protocol::Duration>,
    #[serde(default)]
    end: Option<dynvision::protocol::Duration>,
}

impl Intervention for FeedforwardOnly {
    fn when(&self) -> When {
        When { start: self.start, end: self.end }
    }

    fn dynamics(&self, _: &Anatomy, dynamics: &mut Dynamics) {
        dynamics.feedforward_only = true;
    }
}
