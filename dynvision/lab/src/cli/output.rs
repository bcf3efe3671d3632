//! What a command prints.

use crate::lab_error::LabError;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// What came of a command, for people and for machines.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) text: String,
    pub(super) json: Value,
}

impl Outcome {
    pub(super) fn new(text: impl Into<String>, json: Value) -> Self {
        Outcome { text: text.into(), json }
    }
}

/// Refuses a file that cannot be written, before time is spent on what it is to hold.
pub(super) fn writable(file: &Path) -> Result<(), LabError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(LabError::Usage(format!(
            "`{}` cannot be written: there is no folder `{}`; make it, or name another file",
            file.display(),
            folder.display()
        )));
    }
    if file.is_dir() {
        return Err(LabError::Usage(format!("`{}` is a folder: name a file in it", file.display())));
    }
    Ok(())
}

/// Prints it, and returns the exit code: 0 done, 1 failed, 2 wrong usage.
pub(super) fn print(outcome: Result<Outcome, LabError>, machine: bool, quiet: bool) -> ExitCode {
    // a reader that has gone does not make what was done undone
    match outcome {
        Ok(outcome) if machine => {
            let _ = writeln!(std::io::stdout(), "{:#}", outcome.json);
            ExitCode::SUCCESS
        }
        Ok(outcome) => {
            if !quiet {
                let _ = writeln!(std::io::stdout(), "{}", outcome.text.trim_end());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            if machine {
                let kind = if error.is_usage() { "usage" } else { "failed" };
                let _ = writeln!(std::io::stdout(), "{:#}", json!({ "error": error.to_string(), "kind": kind }));
            }
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}

/// Rows with their columns below each other; the first is the head.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
