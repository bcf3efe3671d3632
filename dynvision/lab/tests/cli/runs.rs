//! Training, testing, stopping and going on.

use crate::program::{done, err, json, program, refused};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const QUICK: [&str; 12] = [
    "--model",
    "simple-8",
    "--data",
    "digits",
    "--set",
    "data.train=192",
    "--set",
    "data.test=40",
    "--set",
    "train.steps=4",
    "--set",
    "train.batch_size=32",
];

fn quick<'a>(command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [command, &QUICK, more].concat()
}

fn only_run(here: &Path) -> PathBuf {
    let mut runs = std::fs::read_dir(here.join("runs")).unwrap().map(|entry| entry.unwrap().path());
    let run = runs.next().unwrap();
    assert!(runs.next().is_none(), "more than one run");
    run
}

fn weights(run: &Path) -> Vec<u8> {
    // the file holds times as well; the tensors are compared
    let bytes = std::fs::read(run.join("checkpoints/last.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut names = tensors.names();
    names.sort();
    names
        .iter()
        .filter(|name| name.starts_with("model."))
        .flat_map(|name| tensors.tensor(name).unwrap().data().to_vec())
        .collect()
}

/// With the feature `cuda` a GPU trains, and the CPU tests what it has trained.
#[test]
fn the_device_that_trains_is_named() {
    let here = tempfile::tempdir().unwrap();
    let on = |command, device| quick(&[command, "--device", device], &["--set", "train.epochs=1"]);
    let said = refused(here.path(), &on("train", "gpu"), 1);
    assert!(said.contains("no device is named `gpu`") && said.contains("`cuda:0`"), "{said}");
    if cfg!(feature = "cuda") {
        let trained = json(here.path(), &on("train", "cuda:0"));
        assert_eq!(trained[0]["trained"]["device"], "cuda:0", "{trained}");
    } else {
        let said = refused(here.path(), &on("train", "cuda:0"), 1);
        assert!(said.contains("built without CUDA"), "{said}");
    }
    let tested = json(here.path(), &on("test", "cpu"));
    assert!(tested[0]["metrics"]["loss"].as_f64().is_some_and(f64::is_finite), "{tested}");
}

#[test]
fn a_run_is_done_once_and_says_how_it_came_about() {
    let here = tempfile::tempdir().unwrap();
    let first = json(here.path(), &quick(&["train"], &["--set", "train.epochs=1"]));
    let run = only_run(here.path());
    let before = weights(&run);
    let provenance: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(run.join("provenance.json")).unwrap()).unwrap();
    for key in ["version", "toolchain", "hash", "wiring", "data"] {
        assert!(provenance[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {provenance}");
    }
    assert!(first[0]["trained"]["peak_memory"].as_u64().is_none_or(|bytes| bytes > 1_000_000));
    let text = std::fs::read_to_string(run.join("run.toml")).unwrap();
    assert!(text.contains("\"train.epochs\" = \"command line\""), "{text}");
    let stamp = std::fs::metadata(run.join("checkpoints/last.safetensors")).unwrap().modified().unwrap();
    let again = json(here.path(), &quick(&["train"], &["--set", "train.epochs=1"]));
    assert_eq!(first[0]["trained"], again[0]["trained"]);
    assert_eq!(std::fs::metadata(run.join("checkpoints/last.safetensors")).unwrap().modified().unwrap(), stamp);
    // by its folder, without settings
    let name = run.file_name().unwrap().to_str().unwrap();
    let tested = json(here.path(), &["test", "--run", name]);
    assert_eq!(tested[0]["metrics"]["images"], 40);
    let status = json(here.path(), &["status"]);
    assert_eq!((&status[0]["state"], &status[0]["epochs"]), (&"tested".into(), &1.into()));
    assert_eq!(status[0]["accuracy"], tested[0]["metrics"]["last_accuracy"]);
    // the same again elsewhere gives the same bits; another seed is another run
    let there = tempfile::tempdir().unwrap();
    done(there.path(), &quick(&["train"], &["--set", "train.epochs=1", "--quiet"]));
    assert_eq!(weights(&only_run(there.path())), before);
    done(here.path(), &quick(&["train"], &["--set", "train.epochs=1", "--seed", "1", "--quiet"]));
    assert_eq!(json(here.path(), &["status"]).as_array().unwrap().len(), 2);
    assert_eq!(weights(&run), before);
}

#[test]
fn a_training_that_is_killed_goes_on_to_the_same_bits() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let more = ["--set", "train.epochs=6", "--set", "train.checkpoints.every_batches=1", "--quiet"];
    let mut child = program(here.path()).args(quick(&["train"], &more)).spawn().unwrap();
    let begun = Instant::now();
    let checkpoint = || {
        let runs = std::fs::read_dir(here.path().join("runs")).ok()?;
        runs.flatten().map(|run| run.path().join("checkpoints/last.safetensors")).find(|path| path.is_file())
    };
    while checkpoint().is_none() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    // another one keeps off while it runs
    let other = program(here.path()).args(quick(&["train"], &more)).output().unwrap();
    let was_running = child.try_wait().unwrap().is_none();
    if was_running {
        assert_eq!(other.status.code(), Some(1), "{}", err(&other));
        assert!(err(&other).contains("another process"), "{}", err(&other));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    done(here.path(), &quick(&["train"], &more));
    done(there.path(), &quick(&["train"], &more));
    assert_eq!(weights(&only_run(here.path())), weights(&only_run(there.path())));
}

#[test]
fn what_is_damaged_or_no_run_is_told() {
    let here = tempfile::tempdir().unwrap();
    assert!(refused(here.path(), &["test", "--run", "nowhere"], 2).contains("is no run"));
    assert!(refused(here.path(), &["test", "--all"], 2).contains("no runs"));
    std::fs::create_dir_all(here.path().join("runs/a")).unwrap();
    std::fs::write(here.path().join("runs/a/run.toml"), "hash = \"1\"\n").unwrap();
    std::fs::write(here.path().join("runs/a/trained.json"), "{").unwrap();
    assert_eq!(json(here.path(), &["status"])[0]["state"], "damaged");
    assert!(refused(here.path(), &["test", "--run", "runs/a"], 2).contains("settings"));
}
