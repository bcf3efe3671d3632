//! `summary`: a model at a glance.

use super::Context;
use super::output::Outcome;
use crate::lab_error::LabError;
use serde_json::json;

/// Shows the areas of a model with shapes, parameters and cost.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dynvision summary dyrcnn-x4")]
pub(super) struct Args {
    /// The model.
    model: String,
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        let entry = cx.models.get(&self.model)?;
        let dynamics = entry.dynamics()?;
        let (summary, wiring) = (entry.summary(&dynamics)?, entry.wiring());
        let (parameters, trained) = summary.parameters();
        let areas: Vec<_> = wiring
            .areas
            .iter()
            .enumerate()
            .map(|(i, area)| {
                let map = [area.response.c, area.response.h, area.response.w];
                json!({ "name": area.name, "layer": area.layer, "response": map, "operations": area.operations,
                        "multiplications": summary.multiplications(i) })
            })
            .collect();
        let json = json!({ "model": self.model, "parameters": parameters, "trained": trained, "areas": areas,
                           "dynamics": dynamics });
        Ok(Outcome::new(summary.to_string(), json))
    }
}
