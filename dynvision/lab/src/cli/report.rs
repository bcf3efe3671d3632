//! `report`.

use super::Context;
use super::output::Outcome;
use super::select::Selected;
use super::stop::on_signal;
use crate::lab_error::LabError;
use crate::study::Study;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Writes one HTML file with everything: trains, tests and runs the experiments of the settings before, if they are missing.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dynvision report --config lab.toml\n  dynvision report --all --title \"Adaptation\" --out report.html"
)]
pub(super) struct Args {
    /// Its title.
    #[arg(long)]
    title: Option<String>,
    /// The file; `report.html` in the folder of the run, or of `study` beside several.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    selected: Selected,
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        let place = self.selected.folder.place(cx);
        let study = Study::new(self.selected.runs(&place)?, None);
        write(&study, self.title.as_deref(), self.out.as_deref())
    }
}

/// Makes the report of a study and writes it.
pub(super) fn write(study: &Study<'_>, title: Option<&str>, out: Option<&Path>) -> Result<Outcome, LabError> {
    if let Some(out) = out {
        super::output::writable(out)?;
    }
    let report = study.report(title, &on_signal())?;
    let html = report.to_html()?;
    let path = match out {
        Some(path) => {
            crate::run::write(path, html.as_bytes())?;
            path.to_path_buf()
        }
        None => study.write("report.html", html.as_bytes())?,
    };
    let text = format!("{} ({:.1} MB)", path.display(), html.len() as f64 / 1e6);
    let runs: Vec<String> = study.runs.iter().map(|run| run.name()).collect();
    Ok(Outcome::new(text, json!({ "report": path, "bytes": html.len(), "runs": runs, "warnings": report.warnings })))
}
