//! `models`: what there is.

use super::Context;
use super::output::{Outcome, columns};
use crate::lab_error::LabError;
use serde_json::{Value, json};

/// Lists the models of this laboratory.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dynvision models --json")]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        let mut rows = vec![["model", "frame", "classes", "areas"].map(String::from).to_vec()];
        let mut list = Vec::new();
        for (name, entry) in cx.models.iter() {
            let wiring = entry.wiring();
            let areas: Vec<&str> = wiring.areas.iter().map(|area| area.name).collect();
            rows.push(vec![name.into(), wiring.input.to_string(), entry.classes().to_string(), areas.join(", ")]);
            let frame = [wiring.input.c, wiring.input.h, wiring.input.w];
            list.push(json!({ "name": name, "frame": frame, "classes": entry.classes(), "areas": areas }));
        }
        Ok(Outcome::new(columns(&rows), Value::Array(list)))
    }
}
