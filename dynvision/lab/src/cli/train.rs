//! `train`.

use super::Context;
use super::output::Outcome;
use super::select::Selected;
use crate::lab_error::LabError;
use serde_json::{Value, json};
use std::fmt::Write;

/// Trains a model, or goes on where a training stopped.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dynvision train --model dyrcnn-x2-28 --data mnist5k --set train.epochs=3\n  dynvision train --config lab.toml --profile quick --seed 1"
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
            let trained = run.train()?;
            let measured = trained.valid.as_ref().unwrap_or(&trained.train);
            let accuracy = measured.last_accuracy.map_or(String::new(), |a| format!(", accuracy {a:.3}"));
            let on = if trained.valid.is_some() { "held out" } else { "of the training" };
            let _ = writeln!(
                text,
                "{}: {} epochs in {:.1} s; on images {on}: loss {:.4}{accuracy}",
                run.folder().display(),
                trained.epochs,
                trained.seconds,
                measured.loss,
            );
            list.push(json!({ "run": run.folder(), "hash": run.hash(), "trained": trained }));
        }
        Ok(Outcome::new(text, Value::Array(list)))
    }
}
