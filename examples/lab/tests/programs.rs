//! The examples as programs: how they end where something is wrong, or where nobody reads what they say.
//!
//! `cargo test` builds them before it runs this; before `cargo test --test programs`, `cargo build --examples` does.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // a failing test may panic

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

fn program(name: &str) -> Command {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(path.exists(), "`cargo build --examples` makes {}", path.display());
    Command::new(path)
}

/// What a program says on standard error as it fails.
fn complaint(name: &str, args: &[&str]) -> String {
    let output = program(name).args(args).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{name}: {said}");
    said
}

#[test]
fn an_error_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none").display().to_string();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let (out, file) = (folder.path().display().to_string(), file.display().to_string());
    for (name, args, named) in [
        ("record_responses", vec!["--checkpoint", &none, "--out", &out], "none"),
        ("train_images", vec!["--folder", &none, "--out", &out], "none"),
        ("train_digits", vec!["--epochs", "1", "--out", &file], "file"),
        ("saliency", vec!["--epochs", "0", "--out", &file], "file"),
        ("literature", vec!["--out", &file], "file"),
    ] {
        let said = complaint(name, &args);
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
        assert!(said.contains(named) && !said.contains('{'), "{name}: {said}");
    }
    let said = complaint("profile", &["--threads", "0"]);
    assert!(said.contains("threads") && !said.contains('{'), "{said}");
}

#[test]
fn what_was_not_trained_is_not_said_to_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("e0");
    let output = program("train_digits").args(["--epochs", "0", "--out"]).arg(&out).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("no weights were written"), "{said}");
    assert!(!said.contains("weights in") && !out.join("last.safetensors").exists(), "{said}");
}

/// `train_digits | head -1` and `train_digits > /dev/full`: what was trained is kept.
#[test]
fn a_training_that_nobody_listens_to_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let train = |out: &Path, stdout: Stdio| {
        let mut command = program("train_digits");
        command.args(["--epochs", "1", "--out"]).arg(out).stdout(stdout).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let (gone, full) = (folder.path().join("gone"), folder.path().join("full"));
    let mut of_gone = train(&gone, Stdio::piped());
    drop(of_gone.stdout.take()); // the reader ends
    let of_full = train(&full, File::options().write(true).open("/dev/full").unwrap().into());
    for (child, out) in [(of_gone, gone), (of_full, full)] {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
        assert!(out.join("last.safetensors").exists());
    }
}

#[test]
fn programs_that_only_print_do_not_fail_by_it() {
    for (name, args) in [
        ("stream", &[][..]),
        ("custom_model", &[]),
        ("profile", &["--model", "simple-rcnn", "--batch", "1", "--steps", "2", "--threads", "1"]),
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = program(name).args(args).stdout(full).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_claims_of_the_reproduction_are_about_its_sweep() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dynvision/lab/workflow/reproduction");
    let json = |args: &[&str]| -> serde_json::Value {
        let output = program("reproduction").current_dir(&folder).args(args).arg("--json").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let plan = json(&["sweep", "plan", "sweep.toml", "--no-estimate"]);
    let jobs = plan["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 30);
    let claims: toml::Table = toml::from_str(&std::fs::read_to_string(folder.join("findings.toml")).unwrap()).unwrap();
    for claim in claims["finding"].as_array().unwrap() {
        for key in ["category", "than"] {
            let Some(name) = claim.get(key).and_then(toml::Value::as_str) else { continue };
            assert!(jobs.iter().any(|job| job["category"] == name), "no job is `{name}`");
        }
        let experiment = claim["experiment"].as_str().unwrap();
        let shown = json(&["experiment", "show", experiment]);
        assert!(shown["measures"].as_array().unwrap().contains(&claim["measure"].as_str().unwrap().into()), "{claim}");
        assert!(jobs[0]["experiments"].as_array().unwrap().contains(&experiment.into()), "{experiment}");
    }
}
