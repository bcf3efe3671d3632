//! `completions`.

use super::Context;
use super::output::Outcome;
use crate::lab_error::LabError;
use clap_complete::Shell;
use serde_json::json;

/// Prints what a shell needs to complete commands.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dynvision completions bash > ~/.local/share/bash-completion/completions/dynvision")]
pub(super) struct Args {
    /// The shell.
    shell: Shell,
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        let mut bytes = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(cx.program), cx.program, &mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Outcome::new(text.clone(), json!({ "shell": self.shell.to_string(), "script": text })))
    }
}
