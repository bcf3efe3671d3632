//! `status`.

use super::Context;
use super::output::{Outcome, columns};
use super::select::Folder;
use crate::lab_error::LabError;
use crate::run::Status;
use serde_json::{Value, json};

/// Shows all runs: what is done, what is running, what failed and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dynvision status --runs runs")]
pub(super) struct Args {
    #[command(flatten)]
    folder: Folder,
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        let place = self.folder.place(cx);
        if place.runs.is_file() {
            return Err(LabError::Usage(format!(
                "`{}` is a file: `--runs` names the folder of runs",
                place.runs.display()
            )));
        }
        let mut rows =
            vec![["run", "state", "epochs", "accuracy", "experiments", "time", "why"].map(String::from).to_vec()];
        let mut list = Vec::new();
        for folder in place.folders() {
            // one that is damaged does not hide the others
            match Status::of(&folder) {
                Ok(status) => {
                    let state = json!(status.state).as_str().unwrap_or_default().to_string();
                    rows.push(vec![
                        status.run.clone(),
                        state,
                        format!("{}/{}", status.epochs, status.of),
                        status.accuracy.map_or(String::new(), |accuracy| format!("{accuracy:.3}")),
                        status.experiments.join(", "),
                        format!("{:.0} s", status.seconds),
                        status.reason.clone().unwrap_or_default(),
                    ]);
                    list.push(json!(status));
                }
                Err(error) => {
                    let run = folder.display().to_string();
                    rows.push(vec![
                        run.clone(),
                        "damaged".into(),
                        String::new(),
                        String::new(),
                        String::new(),
                        String::new(),
                        error.to_string(),
                    ]);
                    list.push(json!({ "run": run, "state": "damaged", "reason": error.to_string() }));
                }
            }
        }
        let text =
            if list.is_empty() { format!("there are no runs in `{}`", place.runs.display()) } else { columns(&rows) };
        Ok(Outcome::new(text, Value::Array(list)))
    }
}
