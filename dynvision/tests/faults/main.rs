//! Faults: a training that is killed, interrupted or out of disk, and files that are cut or changed.
//!
//! The test binary is its own victim: with [`VICTIM`] set it trains into the folder named there instead of testing.
//! `DYNVISION_FAULTS=N` kills N times instead of a few.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use dynvision::data::{Images, Seed, digits};
use dynvision::interop::Weights;
use dynvision::prelude::*;
use dynvision::train::{Checkpoint, Checkpoints, TrainConfig, TrainError, Trainer};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Names the folder of a victim.
const VICTIM: &str = "DYNVISION_FAULTS_VICTIM";

#[dyn_model(input = [1, 8, 8], operations = [layer, tstep, nonlin, record, delay, pool])]
struct Net {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    v1: RConv2d<1, 4>,
    #[readout]
    classifier: Classifier<4, 10>,
}

type Run = Trainer<NetModel<f32, Cpu>, f32, Cpu>;

fn images() -> Images {
    digits::train().unwrap().subset(&(0..160).collect::<Vec<_>>()).unwrap()
}

fn trainer(epochs: usize, folder: Option<&Path>) -> Run {
    let to = |folder: &Path| Checkpoints { every_batches: Some(2), best: true, ..Checkpoints::to(folder) };
    let checkpoints = folder.map(to);
    let config =
        TrainConfig { epochs, batch_size: 16, seed: Seed(5), checkpoints, progress: false, ..Default::default() };
    let dev = Cpu::seed_from_u64(5);
    Trainer::new(&dev, dev.build_module::<Net, f32>(), config).unwrap()
}

/// Goes on with what is in the folder, or begins.
fn train(epochs: usize, folder: &Path) -> Result<Run, TrainError> {
    let mut trainer = trainer(epochs, Some(folder));
    let last = folder.join("last.safetensors");
    if last.exists() {
        trainer.resume(&last)?;
    }
    trainer.fit(&images(), None)?;
    Ok(trainer)
}

/// Does nothing unless this process is a victim.
#[test]
fn victim() {
    let Some(folder) = std::env::var_os(VICTIM) else { return };
    match train(EPOCHS, Path::new(&folder)) {
        Ok(_) => std::process::exit(0),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(if matches!(error, TrainError::Interrupted { .. }) { 3 } else { 1 });
        }
    }
}

const EPOCHS: usize = 40;

/// The victim, with shell commands before it that limit it.
fn victim_after(before: &str, folder: &Path) -> Child {
    Command::new("sh")
        .arg("-c")
        .arg(format!("{before} exec \"$0\" --exact victim --nocapture"))
        .arg(std::env::current_exe().unwrap())
        .env(VICTIM, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap().success());
}

/// Propagate for the first checkpoint of a victim.
fn begun(child: &mut Child, folder: &Path) {
    let start = Instant::now();
    while !folder.join("last.safetensors").exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "no checkpoint within a minute");
        assert!(child.try_wait().unwrap().is_none(), "ended before its first checkpoint");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn kills() -> u64 {
    std::env::var("DYNVISION_FAULTS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

#[test]
fn killed_at_any_moment_it_goes_on_bit_by_bit() {
    let mut whole = trainer(EPOCHS, None);
    whole.fit(&images(), None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Seed(1).rng(dynvision::data::Purpose::Noise, u64::from(std::process::id()));
    for _ in 0..kills() {
        let mut child = victim_after("", folder.path());
        begun(&mut child, folder.path());
        std::thread::sleep(Duration::from_millis(u64::from(rand::RngCore::next_u32(&mut chance) % 400)));
        child.kill().unwrap();
        child.wait().unwrap();
        // whole at every moment
        Checkpoint::read(folder.path().join("last.safetensors")).unwrap();
    }
    let resumed = train(EPOCHS, folder.path()).unwrap();
    assert_eq!(resumed.net().weights(), whole.net().weights());
    assert_eq!(resumed.optimizer().state().unwrap(), whole.optimizer().state().unwrap());
    let best = Checkpoint::read(folder.path().join("best.safetensors")).unwrap();
    assert_eq!(best.about.history.last().unwrap().epoch, whole.history().best().unwrap().epoch);
}

#[test]
fn a_signal_ends_it_with_a_checkpoint_and_a_sentence() {
    for name in ["INT", "TERM", "HUP"] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = victim_after("", folder.path());
        begun(&mut child, folder.path());
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        // a training that was faster than the signal has ended by itself
        if output.status.code() == Some(0) {
            continue;
        }
        assert_eq!((output.status.code(), output.status.signal()), (Some(3), None), "{name}: {says}");
        assert!(says.contains("ended by a signal") && says.contains("last.safetensors"), "{says}");
        let saved = Checkpoint::read(folder.path().join("last.safetensors")).unwrap();
        let batches = saved.about.history.epochs.len() * 10 + saved.about.partial.map_or(0, |partial| partial.batches);
        assert_eq!(saved.about.batches, batches as u64);
        // and it goes on as if nothing had been
        let epochs = saved.about.history.epochs.len() + 1;
        let mut whole = trainer(epochs, None);
        whole.fit(&images(), None).unwrap();
        assert_eq!(train(epochs, folder.path()).unwrap().net().weights(), whole.net().weights());
    }
}

#[test]
fn a_cut_checkpoint_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.safetensors");
    trainer(1, None).save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for part in 0..20 {
        std::fs::write(&path, &whole[..whole.len() * part / 20]).unwrap();
        let says = trainer(1, None).resume(&path).unwrap_err().to_string();
        assert!(says.contains("cut.safetensors"), "{part}: {says}");
    }
    std::fs::write(&path, whole).unwrap();
    trainer(1, None).resume(&path).unwrap();
}

/// A limit on the size of files is what a full disk is: writing fails half-way.
#[test]
fn a_full_disk_is_named_and_costs_nothing_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let mut before = trainer(1, Some(folder.path()));
    before.fit(&images(), None).unwrap();
    let good = std::fs::read(&path).unwrap();
    // 8 blocks of 512 bytes hold the trial of the folder and no checkpoint; the signal of the limit is ignored, as an error comes
    let child = victim_after("trap '' XFSZ; ulimit -f 8;", folder.path());
    let output = child.wait_with_output().unwrap();
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{says}");
    assert!(says.contains("safetensors"), "{says}");
    assert_eq!(std::fs::read(&path).unwrap(), good);
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().ends_with(".partial")));
}
