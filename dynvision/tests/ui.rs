//! What the compiler says of mistakes in models: one file of `ui/` for each, with what it says beside it.
//!
//! After a change that is meant: `UPDATE_EXPECT=1 cargo test --test ui`, and read every changed `.stderr` as prose.

#![allow(clippy::unwrap_used)] // a failing test may panic

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The toolchain whose words the files hold.
const TOOLCHAIN: &str = "rustc 1.95.";

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Whether the words of this compiler are those of the files.
fn is_pinned() -> bool {
    let version = rustc().arg("--version").output();
    version.is_ok_and(|version| String::from_utf8_lossy(&version.stdout).starts_with(TOOLCHAIN))
}

#[test]
fn mistakes_are_explained() {
    if !is_pinned() {
        // what a test prints is held back where it passes; this is not
        let _ = writeln!(std::io::stderr(), "skipped: what the compiler says is compared on {TOOLCHAIN}x only");
        return;
    }
    let (library, mistakes, next) = (library(), mistakes(), AtomicUsize::new(0));
    let work = || {
        let mut said = Vec::new();
        while let Some(mistake) = mistakes.get(next.fetch_add(1, Ordering::Relaxed)) {
            said.push((mistake, explanation(mistake, &library)));
        }
        said
    };
    let mut said: Vec<_> = std::thread::scope(|scope| {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    said.sort();
    // all that differ are told, not the first alone
    let differs = |(mistake, said): &(&PathBuf, String)| {
        let expected = expect_test::expect_file![std::path::absolute(mistake.with_extension("stderr")).unwrap()];
        std::panic::catch_unwind(|| expected.assert_eq(said)).is_err()
    };
    let differing: Vec<_> = said.iter().filter(|said| differs(said)).map(|(mistake, _)| mistake).collect();
    assert!(differing.is_empty(), "the compiler says something else of {differing:?}");
}

/// The library as `cargo check` leaves it for this test in a build of the workspace: what is checked for other targets of it, as for
/// their documentation, is not checked again.
fn library() -> PathBuf {
    let features = [
        ("dynvision/fetch", cfg!(feature = "fetch")),
        ("dynvision/images", cfg!(feature = "images")),
        ("dynvision/cuda", cfg!(feature = "cuda")),
        ("dynvision/cudnn", cfg!(feature = "cudnn")),
        ("dynvision/ci-check", cfg!(feature = "ci-check")),
    ];
    let features: Vec<&str> = features.into_iter().filter(|feature| feature.1).map(|feature| feature.0).collect();
    let mut checked = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // what cargo tells a test of its package would make the build scripts of others run again
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_package(&name.to_string_lossy())) {
        checked.env_remove(name);
    }
    let checked = checked
        .args(["check", "--offline", "--workspace", "--test", "ui", "--features", &features.join(",")])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(checked.status.success(), "the library does not compile");
    let is_library = |artifact: &serde_json::Value| {
        artifact["reason"] == "compiler-artifact" && artifact["target"]["name"] == "dynvision"
    };
    let messages = String::from_utf8(checked.stdout).unwrap();
    let mut messages = messages.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let library = messages.find(is_library).unwrap();
    let files = library["filenames"].as_array().unwrap().iter().map(|file| PathBuf::from(file.as_str().unwrap()));
    files.into_iter().find(|file| file.extension().is_some_and(|extension| extension == "rmeta")).unwrap()
}

fn is_of_package(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_", "OUT_DIR"]
        .iter()
        .any(|name| variable.starts_with(name))
}

fn mistakes() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir("tests/ui").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    files
}

/// What the compiler says of a file, without what depends on the machine or on a line of the library.
fn explanation(mistake: &Path, library: &Path) -> String {
    let with = |what: &str, path: &Path| {
        let mut argument = OsString::from(what);
        argument.push(path);
        argument
    };
    let output = rustc()
        // the library's files are named from here
        .current_dir("..")
        .args(["--edition=2024", "--crate-type=bin", "--emit=metadata", "-o"])
        .arg(if cfg!(windows) { "NUL" } else { "/dev/null" })
        // paths of types are written out
        .args(["--verbose", "--diagnostic-width=140", "--allow=dead_code"])
        .args(["-L".into(), with("dependency=", library.parent().unwrap())])
        .args(["--extern".into(), with("dynvision=", library)])
        .arg(Path::new("dynvision").join(mistake))
        .output()
        .unwrap();
    assert!(!output.status.success(), "{} compiles", mistake.display());
    let said = String::from_utf8(output.stderr).unwrap();
    let (said, _) = said.split_once("error: aborting due to ").unwrap_or_else(|| panic!("{said}"));
    let said: Vec<String> = said.trim_end().split("\n\n").map(settled).collect();
    said.join("\n")
}

/// One message without the numbers of the library's lines, and with the first eight of a list of types.
fn settled(message: &str) -> String {
    let (mut lines, mut margin, mut is_library, mut listed) = (Vec::new(), None, false, None);
    for line in message.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if let Some(arrow) = ["--> ", "::: "].into_iter().find(|arrow| text.starts_with(arrow)) {
            margin = margin.or(Some((indent, lines.len())));
            let place = text[arrow.len()..].trim_start_matches("dynvision/");
            is_library = !place.starts_with("tests/ui/");
            let place = if is_library { place.split(':').next().unwrap_or(place) } else { place };
            lines.push(format!("{:indent$}{arrow}{place}", ""));
            continue;
        }
        is_library &= !text.starts_with(char::is_alphabetic) || indent > 0;
        if text.starts_with("= help: the following ") && text.contains("types implement trait") {
            listed = Some(0);
        } else if let Some(count) = listed.as_mut().filter(|_| indent >= 12) {
            *count += 1;
            if *count > 8 {
                if *count == 9 {
                    lines.push(format!("{:1$}and $N others", "", indent - 2));
                }
                continue;
            }
        } else {
            listed = None;
        }
        let gutter = margin.map_or(0, |(margin, _)| margin);
        match (is_library, number(line, gutter)) {
            (true, Some(_)) => lines.push(format!("{:gutter$}{}", "", &line[gutter..])),
            _ => lines.push(line.to_string()),
        }
    }
    // the margin is as wide as the numbers that are left
    if let Some((margin, first)) = margin {
        let lines = &mut lines[first..];
        let left = lines.iter().filter_map(|line| number(line, margin)).map(str::len).max().unwrap_or(0);
        for line in lines {
            if let Some(number) = number(line, margin) {
                *line = format!("{number:>left$}{}", &line[margin..]);
            } else if let Some(rest) = line.strip_prefix(&" ".repeat(margin)) {
                *line = format!("{:left$}{rest}", "");
            }
        }
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The number of a line, which stands in the margin.
fn number(line: &str, margin: usize) -> Option<&str> {
    let number = line.get(..margin)?.trim_start();
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// The page of mistakes says what the compiler says.
///
/// After a change that is meant: `UPDATE_EXPECT=1 cargo test --test ui`.
#[test]
fn the_page_of_mistakes_is_up_to_date() {
    let rows: String = mistakes().iter().map(|file| row(file)).collect();
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
