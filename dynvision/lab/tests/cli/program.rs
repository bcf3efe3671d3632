//! Running the program.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// The program, in a folder of its own, without settings of the environment.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dynvision"));
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DYNVISION_") {
            command.env_remove(name);
        }
    }
    command
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs it and returns what it printed; it must succeed.
pub(crate) fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = program(folder).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}{}", out(&output), err(&output));
    out(&output)
}

/// The same with `--json`.
pub(crate) fn json(folder: &Path, arguments: &[&str]) -> Value {
    let text = done(folder, &[arguments, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?} prints no JSON ({error}): {text}"))
}

/// Runs it and returns what it complained of; it must end with this code.
pub(crate) fn refused(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = program(folder).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", out(&output), err(&output));
    err(&output)
}
