//! What the compiler says of mistakes in models: one file of `ui/` for each, with what it says beside it.
//!
//! After a change that is meant: `TRYBUILD=overwrite cargo test --test ui`, and read every changed `.stderr` as prose.

#![allow(clippy::unwrap_used)] // a failing test may panic

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The toolchain whose words the files hold.
const TOOLCHAIN: &str = "rustc 1.95.";

/// Whether the words of this compiler are those of the files.
fn is_pinned() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    version.is_ok_and(|version| String::from_utf8_lossy(&version.stdout).starts_with(TOOLCHAIN))
}

#[test]
fn mistakes_are_explained() {
    if !is_pinned() {
        // what a test prints is held back where it passes; this is not
        let _ = writeln!(std::io::stderr(), "skipped: what the compiler says is compared on {TOOLCHAIN}x only");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

/// The page of mistakes says what the compiler says.
///
/// After a change that is meant: `UPDATE_EXPECT=1 cargo test --test ui`.
#[test]
fn the_page_of_mistakes_is_up_to_date() {
    let mut files: Vec<PathBuf> = fs::read_dir("tests/ui").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    let rows: String = files.iter().map(|file| row(file)).collect();
    expect_test::expect_file!["../../docs/errors.md"].assert_eq(&format!("{HEAD}{rows}"));
}

const HEAD: &str = "# Mistakes, and what is said of them

What `cargo check` says of a mistake in a model, and what becomes of it in the original, the Python toolbox DynVision. This
page is made of the tests in `dynvision/tests/ui`, by `UPDATE_EXPECT=1 cargo test -p dynvision --test ui`; each row names its
test.

| mistake | in the original | here |
|---|---|---|
";

/// One row: the two lines at the top of the test, and the messages beside it.
fn row(file: &Path) -> String {
    let source = fs::read_to_string(file).unwrap();
    let mut about = source.lines().map_while(|line| line.strip_prefix("//! "));
    let (mistake, original) = (about.next().unwrap(), about.next().unwrap());
    let name = file.file_stem().unwrap().to_string_lossy();
    let said = fs::read_to_string(file.with_extension("stderr")).unwrap();
    let messages: Vec<String> = said.lines().filter(|line| line.starts_with("error")).map(message).collect();
    format!("| {mistake} (`{name}`) | {original} | {} |\n", messages.join("<br>"))
}

/// `error[E0080]: evaluation panicked: what is said`, without what precedes it.
fn message(line: &str) -> String {
    let text = line.split_once(": ").map_or(line, |(_, text)| text);
    text.trim_start_matches("evaluation panicked: ").replace('|', "\\|")
}
