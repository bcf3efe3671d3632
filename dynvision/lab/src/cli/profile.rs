//! `profile`.

use super::Context;
use super::output::Outcome;
use crate::lab_error::LabError;
use serde_json::json;

/// Measures what each area of a model costs on this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dynvision profile dyrcnn-x4 --batch 16 --steps 10")]
pub(super) struct Args {
    /// The model.
    model: String,
    /// Images that run at once.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
    /// Steps in time.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    steps: u16,
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        let entry = cx.models.get(&self.model)?;
        let profile = entry.profile(&entry.dynamics()?, self.batch.into(), self.steps.into())?;
        let peak = dynvision::profile::attainable_peak();
        let rows: Vec<_> = profile
            .rows
            .iter()
            .map(|row| json!({ "area": row.area, "seconds": row.time.as_secs_f64(), "flop": row.flop }))
            .collect();
        let json = json!({ "model": self.model, "batch": self.batch, "steps": self.steps, "areas": rows,
                           "seconds": profile.total().as_secs_f64(), "peak_gflops": peak });
        Ok(Outcome::new(profile.of_peak(peak).to_string(), json))
    }
}
