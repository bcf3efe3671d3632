//! Faults: a training that is killed, interrupted or out of disk, and files that are cut or changed.
//!
//! The test binary is its own victim: with [`VICTIM`] set it trains into the folder named there instead of testing.
//! `DYNVISION_FAULTS=N` kills N times instead of a few, and flips as many times 50 bits.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use dynvision::data::{Images, Seed, digits};
use dynvision::interop::Weights;
use dynvision::optim::Average;
use dynvision::prelude::*;
use dynvision::train::{Checkpoint, Checkpoints, Logs, TrainConfig, TrainError, Trainer};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Names the folder of a victim.
const VICTIM: &str = "DYNVISION_FAULTS_VICTIM";
/// Says what a victim spends its time on: evaluation, or the time after an epoch.
const SLOW: &str = "DYNVISION_FAULTS_SLOW";

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
    let config = TrainConfig {
        epochs,
        batch_size: 16,
        seed: Seed(5),
        average: Some(Average::of(0.9)),
        checkpoints: folder.map(to),
        logs: Logs { every: 1, tensorboard: false },
        progress: false,
        ..Default::default()
    };
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
    match std::env::var(SLOW).as_deref() {
        Ok("evaluation") => trainer.fit(&images(), Some(&many()))?,
        Ok("epoch") => trainer.fit_each(&images(), None, |_| std::thread::sleep(Duration::from_secs(60)))?,
        _ => trainer.fit(&images(), None)?,
    };
    Ok(trainer)
}

/// Held-out images that take much longer than the training.
fn many() -> Images {
    let all = digits::train().unwrap();
    let indices: Vec<usize> = (0..20_000).map(|i| i % all.len()).collect();
    all.subset(&indices).unwrap()
}

/// The lines of the log without what a clock or the system says.
fn timeless_lines(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        let _ = ["seconds", "images_per_second", "memory"].map(|key| value.as_object_mut().unwrap().remove(key));
        value
    };
    // what is not a whole line yet is none
    text.rsplit_once('\n').map_or("", |(whole, _)| whole).lines().map(line).collect()
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
    slow_victim_after(before, folder, "no")
}

fn slow_victim_after(before: &str, folder: &Path, slow: &str) -> Child {
    Command::new("sh")
        .arg("-c")
        .arg(format!("{before} exec \"$0\" --exact victim --nocapture"))
        .arg(std::env::current_exe().unwrap())
        .env(VICTIM, folder)
        .env(SLOW, slow)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap().success());
}

/// Waits for the first checkpoint of a victim.
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
    let (of_whole, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut whole = trainer(EPOCHS, Some(of_whole.path()));
    whole.fit(&images(), None).unwrap();
    let mut chance = Seed(1).rng(dynvision::data::Purpose::Noise, u64::from(std::process::id()));
    for _ in 0..kills() {
        let mut child = victim_after("", folder.path());
        begun(&mut child, folder.path());
        std::thread::sleep(Duration::from_millis(u64::from(rand::RngCore::next_u32(&mut chance) % 400)));
        child.kill().unwrap();
        child.wait().unwrap();
        // whole at every moment, with the history that it counts on
        let last = Checkpoint::read(folder.path().join("last.safetensors")).unwrap();
        trainer(EPOCHS, None).restore(&last).unwrap();
    }
    let resumed = train(EPOCHS, folder.path()).unwrap();
    assert_eq!(resumed.net().weights(), whole.net().weights());
    assert_eq!(resumed.optimizer().state().unwrap(), whole.optimizer().state().unwrap());
    assert_eq!(resumed.averaged().unwrap().weights(), whole.averaged().unwrap().weights());
    assert_eq!(timeless_lines(folder.path()), timeless_lines(of_whole.path()));
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

/// A signal does not wait for the end of an evaluation, and the epoch is evaluated once it goes on.
#[test]
fn a_signal_ends_an_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = slow_victim_after("", folder.path(), "evaluation");
    begun(&mut child, folder.path());
    // the line about the last of the ten updates comes before the evaluation, which takes a hundred times as long as they
    let start = Instant::now();
    while timeless_lines(folder.path()).len() < 10 {
        assert!(start.elapsed() < Duration::from_secs(60), "no epoch within a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{says}");
    let saved = Checkpoint::read(folder.path().join("last.safetensors")).unwrap();
    let partial = saved.about.partial.as_ref().unwrap();
    assert_eq!((partial.batches, saved.about.batches as usize % 10), (10, 0), "{says}");
    let epochs = saved.about.history.epochs.len() + 1;
    let held_out = images();
    let (mut whole, mut resumed) = (trainer(epochs, None), trainer(epochs, None));
    whole.fit(&images(), Some(&held_out)).unwrap();
    resumed.restore(&saved).unwrap();
    resumed.fit(&images(), Some(&held_out)).unwrap();
    assert_eq!(resumed.net().weights(), whole.net().weights());
    assert_eq!(resumed.history().last().unwrap().valid, whole.history().last().unwrap().valid);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = slow_victim_after("", folder.path(), "epoch");
    begun(&mut child, folder.path());
    // it is asleep by then, for a minute
    let start = Instant::now();
    while Checkpoint::read(folder.path().join("last.safetensors")).unwrap().about.history.epochs.is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "no epoch within a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none(), "the first signal waits for the end of what is in hand");
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.signal(), start.elapsed() < Duration::from_secs(50)), (Some(2), true));
    // and what was kept is whole
    assert_eq!(train(2, folder.path()).unwrap().history().epochs.len(), 2);
}

#[test]
fn a_second_process_is_refused_with_the_number_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = slow_victim_after("", folder.path(), "epoch");
    begun(&mut first, folder.path());
    let second = victim_after("", folder.path()).wait_with_output().unwrap();
    let says = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{says}");
    assert!(says.contains("another process") && says.contains(&first.id().to_string()), "{says}");
    first.kill().unwrap();
    first.wait().unwrap();
    // the dead hold nobody off
    train(1, folder.path()).unwrap();
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let hidden: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with('.')).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

/// PyTorch takes up weights that a flipped bit has made 1e38 times as large.
#[test]
fn a_flipped_bit_is_noticed_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    trainer(2, Some(folder.path())).fit(&images(), None).unwrap();
    let mut chance = Seed(2).rng(dynvision::data::Purpose::Noise, u64::from(std::process::id()));
    for name in ["last.safetensors", "metrics.jsonl"] {
        let path = folder.path().join(name);
        let whole = std::fs::read(&path).unwrap();
        for _ in 0..kills() * 50 {
            let mut flipped = whole.clone();
            // one bit, or up to eight
            let bits = rand::RngCore::next_u32(&mut chance) % 8 + 1;
            for _ in 0..bits {
                let bit = rand::RngCore::next_u64(&mut chance) as usize % (whole.len() * 8);
                flipped[bit / 8] ^= 1 << (bit % 8);
            }
            if flipped == whole {
                continue;
            }
            std::fs::write(&path, &flipped).unwrap();
            let mut fresh = trainer(2, None);
            let before = fresh.net().weights();
            let says = fresh.resume(folder.path().join("last.safetensors")).unwrap_err().to_string();
            assert!(says.contains(name), "{says}");
            assert_eq!(fresh.net().weights(), before);
        }
        std::fs::write(&path, whole).unwrap();
    }
    trainer(2, None).resume(folder.path().join("last.safetensors")).unwrap();
}

#[test]
fn a_folder_that_cannot_be_written_is_found_before_the_first_batch() {
    use std::os::unix::fs::PermissionsExt;
    let refused = |path: &Path| {
        let mut cannot = trainer(1, Some(path));
        let error = cannot.fit(&images(), None).unwrap_err();
        assert!(matches!(error, TrainError::Folder { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert_eq!(cannot.checkpoint().unwrap().about.batches, 0);
    };
    #[cfg(target_os = "linux")]
    refused(Path::new("/proc/dynvision"));
    let folder = tempfile::tempdir().unwrap();
    let read_only = folder.path().join("run");
    std::fs::create_dir(&read_only).unwrap();
    std::fs::set_permissions(&read_only, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(read_only.join("trial"), "").is_ok() {
        eprintln!("left out: this user (root) may write to a read-only folder");
        return;
    }
    refused(&read_only);
    // one that a training has written to, and may no longer
    std::fs::set_permissions(&read_only, std::fs::Permissions::from_mode(0o755)).unwrap();
    train(1, &read_only).unwrap();
    std::fs::set_permissions(&read_only, std::fs::Permissions::from_mode(0o555)).unwrap();
    assert!(matches!(train(2, &read_only), Err(TrainError::Folder { .. })));
    std::fs::set_permissions(&read_only, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The log outgrows the disk where a checkpoint still fits: it is named, and with room it goes on as if nothing had been.
#[test]
fn a_disk_that_is_full_for_the_log_costs_nothing() {
    let (of_whole, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut whole = trainer(EPOCHS, Some(of_whole.path()));
    whole.fit(&images(), None).unwrap();
    let (log, last) = ("metrics.jsonl", "last.safetensors");
    let size = |name: &str| std::fs::metadata(of_whole.path().join(name)).unwrap().len();
    // the limit in blocks of 512 bytes
    let blocks = size(last) / 512 + 8;
    assert!(size(log) > blocks * 512 * 2, "{} {}", size(log), size(last));
    let child = victim_after(&format!("trap '' XFSZ; ulimit -f {blocks};"), folder.path());
    let output = child.wait_with_output().unwrap();
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{says}");
    assert!(says.contains(log), "{says}");
    let resumed = train(EPOCHS, folder.path()).unwrap();
    assert_eq!(resumed.net().weights(), whole.net().weights());
    assert_eq!(timeless_lines(folder.path()), timeless_lines(of_whole.path()));
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
    // whichever comes first, the checkpoint or the log
    assert!(says.contains("safetensors") || says.contains("metrics.jsonl"), "{says}");
    assert_eq!(std::fs::read(&path).unwrap(), good);
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().ends_with(".partial")));
}
