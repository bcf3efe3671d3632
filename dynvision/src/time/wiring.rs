//! What the macro knows of a model: its areas and how they are connected.

use super::AreaDynamics;
use crate::geometry::Map;

/// The areas and links of a model, in the order of their declaration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wiring {
    /// The name of the model.
    pub name: &'static str,
    /// A frame.
    pub input: Map,
    /// The areas, in the order in which a step runs them.
    pub areas: &'static [Area],
    /// The links between them.
    pub links: &'static [Link],
}

/// An area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Its field.
    pub name: &'static str,
    /// Its layer, as it is written.
    pub layer: &'static str,
    /// Its operations, in the order in which they run.
    pub operations: &'static [&'static str],
    /// The map that it receives.
    pub input: Map,
    /// The map of its response, which is recorded and stored.
    pub response: Map,
    /// The map that it sends on.
    pub output: Map,
    /// Times that the declaration sets.
    pub times: AreaDynamics,
    /// Numbers that the declaration sets and the original keeps beside its weights, by the names there.
    pub numbers: &'static [(&'static str, f64)],
}

/// A connection between two areas, by their numbers; the readout's number is that of the areas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Which way it goes.
    pub kind: LinkKind,
    /// Where it comes from.
    pub from: usize,
    /// Where it goes.
    pub into: usize,
    /// Its own delay in ms, instead of the model's.
    pub delay: Option<f64>,
}

impl Link {
    /// Returns whether this is its name, which is not put together: every step of a model's own loop asks.
    pub(super) fn is_named(&self, name: &str, wiring: &Wiring) -> bool {
        self.parts(wiring).iter().try_fold(name, |rest, part| rest.strip_prefix(part)) == Some("")
    }

    /// The field that holds it: `v4_skip_v1` goes into `v4` and comes from `v1`.
    pub fn name(&self, wiring: &Wiring) -> String {
        self.parts(wiring).concat()
    }

    /// What its name is made of.
    fn parts(&self, wiring: &Wiring) -> [&'static str; 3] {
        let area = |i: usize| wiring.areas.get(i).map_or("readout", |area| area.name);
        let kind = match self.kind {
            LinkKind::Skip => "_skip_",
            LinkKind::Feedback => "_feedback_",
        };
        [area(self.into), kind, area(self.from)]
    }
}

/// Which way a link goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// From an area that has been updated in this step.
    Skip,
    /// From an area that has not.
    Feedback,
}
