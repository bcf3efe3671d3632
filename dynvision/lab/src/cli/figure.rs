//! `figure`.

use super::Context;
use super::output::Outcome;
use super::select::Selected;
use super::stop::on_signal;
use crate::lab_error::LabError;
use crate::run::Named;
use crate::study::Study;
use serde_json::json;
use std::path::PathBuf;

/// Draws the figures of an experiment, over all runs that are given, with their numbers beside them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dynvision figure contrast --config lab.toml\n  dynvision figure contrast --all --kind responses --out figures"
)]
pub(super) struct Args {
    /// The experiment: a name or a file.
    experiment: String,
    /// The figure, in place of those that the experiment names; may be given several times.
    #[arg(long)]
    kind: Vec<String>,
    /// The folder in which `figures` is made; that of the run, or `study` beside several.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    selected: Selected,
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        let named = Named::read(&self.experiment)?;
        let registry = crate::figure::Registry::built_in();
        for kind in &self.kind {
            registry.get(kind).map_err(crate::RunError::from)?;
        }
        let place = self.selected.folder.place(cx);
        let study = Study::new(self.selected.runs(&place)?, self.out.as_deref());
        let figures = if self.kind.is_empty() { &named.experiment.figures } else { &self.kind };
        if figures.is_empty() {
            let known: Vec<&str> = registry.names().collect();
            return Err(LabError::Usage(format!(
                "`{}` names no figure: say which by `--kind`; there are {}",
                named.name,
                known.join(", ")
            )));
        }
        if let Some(out) = self.out.as_deref().filter(|out| out.is_file()) {
            return Err(LabError::Usage(format!("`{}` is a file: `--out` names a folder", out.display())));
        }
        let written = study.draw(&named, figures, &on_signal())?;
        let text: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        Ok(Outcome::new(text.join("\n"), json!({ "figures": written })))
    }
}
