//! `new`.

use super::Context;
use super::output::Outcome;
use crate::lab_error::LabError;
use crate::scaffold;
use serde_json::json;
use std::path::PathBuf;

/// Writes a new laboratory: a crate with a model, settings, a sweep and a workflow.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dynvision new ../my-lab")]
pub(super) struct Args {
    /// Its folder, which is made.
    folder: PathBuf,
}

impl Args {
    pub(super) fn run(&self, _: &Context<'_>) -> Result<Outcome, LabError> {
        let files = scaffold::new(&self.folder)?;
        let folder = self.folder.display();
        let text = format!("{} files in {folder}\nnext: cd {folder} && cargo run --release -- report", files.len());
        Ok(Outcome::new(text, json!({ "folder": self.folder, "files": files })))
    }
}
