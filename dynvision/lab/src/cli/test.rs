//! `test`.

use super::Context;
use super::output::Outcome;
use super::select::Selected;
use crate::lab_error::LabError;
use serde_json::{Value, json};
use std::fmt::Write;

/// Tests a trained model on the test images; trains it before if it is not trained.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dynvision test --config lab.toml\n  dynvision test --run runs/my-net-mnist5k-s0-1a2b3c4d"
)]
pub(super) struct Args {
    #[command(flatten)]
    selected: Selected,
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        let place = self.selected.folder.place(cx);
        let (mut text, mut list) = (String::new(), Vec::new());
        for run in self.selected.runs(&place)? {
            let metrics = run.test()?.metrics;
            let of = |value: Option<f64>| value.map_or("none".into(), |value| format!("{value:.3}"));
            let _ = writeln!(
                text,
                "{}: accuracy {} at the last step, {} at all that count, loss {:.4}, {} images",
                run.folder().display(),
                of(metrics.last_accuracy),
                of(metrics.accuracy),
                metrics.loss,
                metrics.images
            );
            list.push(json!({ "run": run.folder(), "metrics": metrics }));
        }
        Ok(Outcome::new(text, Value::Array(list)))
    }
}
