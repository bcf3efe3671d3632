//! The history on the disk: what is appended, what is cut when a training is taken up, and what TensorBoard reads.

use super::*;
use dfdx::prelude::{ConstDim, Dtype};
use dynvision::kernels::Upload;
use dynvision::train::{Batches, Drawn, Logs, Pass, Source, Step, TrainingLog};
use std::path::Path;

fn logged(epochs: usize, folder: &Path, logs: Logs) -> Trainer<Model, f32, Cpu, (CrossEntropy, Weighted<Activity>)> {
    let checkpoints = Checkpoints { every_batches: Some(2), best: true, ..Checkpoints::to(folder) };
    let config = TrainConfig { checkpoints: Some(checkpoints), logs, ..config(epochs) };
    let loss = (CrossEntropy::default(), Weighted::new(0.01, Activity::default()));
    Trainer::new(&Cpu::default(), net(7), config).unwrap().with_loss(loss)
}

const EACH: Logs = Logs { every: 1, tensorboard: false };

/// The lines without what a clock or the system says.
fn timeless_lines(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    assert!(text.ends_with('\n'));
    let line = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        let _ = ["seconds", "images_per_second", "memory"].map(|key| value.as_object_mut().unwrap().remove(key));
        value
    };
    text.lines().map(line).collect()
}

/// The table without the columns of a clock or the system.
fn timeless_table(folder: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder.join("metrics.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let timed = |name: &str| ["seconds", "images_per_second", "memory"].contains(&name);
    let keep: Vec<bool> = rows[0].iter().map(|name| !timed(name)).collect();
    rows.iter()
        .map(|row| row.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(field, _)| (*field).to_string()).collect())
        .collect()
}

#[test]
fn a_resumed_runs_files_are_those_of_one_that_was_not_interrupted() {
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (images, held_out) = (train_images(), few(digits::test().unwrap(), 30));
    logged(4, whole.path(), EACH).fit(&images, Some(&held_out)).unwrap();
    // killed in the third epoch, after lines that no checkpoint knows, in the middle of another
    logged(2, broken.path(), EACH).fit(&images, Some(&held_out)).unwrap();
    let path = broken.path().join("metrics.jsonl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text += "{\"kind\":\"step\",\"update\":99}\n{\"kind\":\"ste";
    std::fs::write(&path, text).unwrap();
    assert_eq!(TrainingLog::read_jsonl(&path).unwrap().epochs.len(), 2);
    let mut resumed = logged(4, broken.path(), EACH);
    resumed.resume(broken.path().join("last.safetensors")).unwrap();
    resumed.fit(&images, Some(&held_out)).unwrap();
    let lines = timeless_lines(broken.path());
    assert_eq!(lines, timeless_lines(whole.path()));
    assert_eq!(timeless_table(broken.path()), timeless_table(whole.path()));
    // 3 updates in each of 4 epochs, and the epochs
    assert_eq!((lines.len(), timeless_table(whole.path()).len()), (16, 5));
    let log = TrainingLog::read_jsonl(&path).unwrap();
    assert_eq!(&log, resumed.history());
    // what stands alone holds the same history, and goes on in a folder of its own with the epochs
    let (alone, elsewhere) = (broken.path().join("alone.safetensors"), tempfile::tempdir().unwrap());
    resumed.save(&alone).unwrap();
    let mut further = logged(5, elsewhere.path(), EACH);
    further.resume(&alone).unwrap();
    assert_eq!(further.history(), &log);
    further.fit(&images, Some(&held_out)).unwrap();
    assert_eq!(TrainingLog::read_jsonl(elsewhere.path().join("metrics.jsonl")).unwrap(), *further.history());
}

#[test]
fn a_run_goes_on_in_another_folder_with_all_of_its_lines() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let images = train_images();
    logged(2, first.path(), EACH).fit(&images, None).unwrap();
    let mut on = logged(3, second.path(), EACH);
    on.resume(first.path().join("last.safetensors")).unwrap();
    on.fit(&images, None).unwrap();
    let (before, after) = (timeless_lines(first.path()), timeless_lines(second.path()));
    assert_eq!((before.len(), after.len()), (8, 12));
    assert_eq!(before, after[..8]);
    // going back to the best, and then again to the last: each counts on what is there
    let mut back = logged(3, second.path(), EACH);
    back.resume(second.path().join("best.safetensors")).unwrap();
    let at = back.history().epochs.len();
    back.fit(&images, None).unwrap();
    assert_eq!(timeless_lines(second.path()), after, "from epoch {at} on");
    let mut last = logged(3, second.path(), EACH);
    last.resume(second.path().join("last.safetensors")).unwrap();
    assert_eq!(last.history(), back.history());
}

/// What an earlier training left in the folder never counts on lines that are no longer there.
#[test]
fn what_an_earlier_training_left_can_be_resumed_or_is_replaced() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let last = folder.path().join("last.safetensors");
    let images = train_images();
    logged(2, folder.path(), EACH).fit(&images, None).unwrap();
    logged(3, elsewhere.path(), EACH).fit(&images, None).unwrap();
    // what a training finds that would go on from here at any batch, the first included
    let epochs = std::cell::RefCell::new(Vec::new());
    let resume = || {
        let mut next = logged(9, folder.path(), EACH);
        next.resume(&last).unwrap();
        epochs.borrow_mut().push(next.history().epochs.len());
    };
    let watched = Watched { set: images, each: &resume };
    logged(1, folder.path(), EACH).fit(&watched, None).unwrap();
    // the old one while this one looks at its data, and then this one
    assert_eq!(epochs.borrow_mut().drain(..).collect::<Vec<_>>(), [2, 0, 0, 0, 0, 0]);
    let mut on = logged(4, folder.path(), EACH);
    on.resume(elsewhere.path().join("last.safetensors")).unwrap();
    on.fit(&watched, None).unwrap();
    assert_eq!(epochs.borrow_mut().drain(..).collect::<Vec<_>>(), [1, 3, 3, 3, 3, 3]);
    assert_eq!(timeless_lines(folder.path()).len(), 16);
}

/// Images with something to do at each batch: a source of one's own.
struct Watched<'a> {
    set: Images,
    each: &'a dyn Fn(),
}

impl Source for Watched<'_> {
    type Target = Labels;

    fn samples(&self) -> usize {
        self.set.samples()
    }

    fn classes(&self) -> usize {
        Source::classes(&self.set)
    }

    fn shape(&self) -> Option<dynvision::geometry::Map> {
        Source::shape(&self.set)
    }

    fn describe(&self) -> String {
        Source::describe(&self.set)
    }

    fn batches<'a, C, H, W, E, D>(
        &'a self,
        device: &D,
        pass: &Pass,
    ) -> Result<Batches<'a, C, H, W, E, D>, dynvision::data::DataError>
    where
        C: ConstDim,
        H: ConstDim,
        W: ConstDim,
        E: Dtype,
        D: Upload<E> + 'a,
    {
        Source::batches(&self.set, device, pass)
    }

    fn target(&self, batch: &Drawn, counted: &[bool]) -> Result<Labels, TrainError> {
        (self.each)();
        self.set.target(batch, counted)
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_no_checkpoint_can_name_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"run\xff"));
    let mut trainer = logged(1, &path, EACH);
    let error = trainer.fit(&train_images(), None).unwrap_err();
    assert!(error.to_string().contains("UTF-8") && matches!(error, TrainError::Folder { .. }), "{error}");
    assert_eq!((trainer.checkpoint().unwrap().about.batches, path.exists()), (0, false));
}

#[test]
fn a_checkpoint_without_its_history_can_be_used_and_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let (last, log) = (folder.path().join("last.safetensors"), folder.path().join("metrics.jsonl"));
    logged(1, folder.path(), EACH).fit(&train_images(), None).unwrap();
    let good = std::fs::read_to_string(&log).unwrap();
    for (spoiled, part) in [(None, "is not there"), (Some(good.replacen("update", "updaet", 1)), "has changed since")] {
        match spoiled {
            Some(text) => std::fs::write(&log, text).unwrap(),
            None => std::fs::remove_file(&log).unwrap(),
        }
        let saved = Checkpoint::read(&last).unwrap();
        saved.load_into(&mut Cpu::default().build_module::<Net, f32>()).unwrap();
        let says = logged(2, folder.path(), EACH).restore(&saved).unwrap_err().to_string();
        assert!(says.contains(part) && says.contains("metrics.jsonl") && says.contains("load_into"), "{says}");
        assert!(saved.write(folder.path().join("copy.safetensors")).is_err());
    }
    std::fs::write(&log, good).unwrap();
    logged(2, folder.path(), EACH).resume(&last).unwrap();
}

/// A checkpoint does not grow with the history.
#[test]
fn a_checkpoint_holds_only_how_far_the_history_is() {
    let folder = tempfile::tempdir().unwrap();
    let images = few(train_images(), 20);
    let size = |epochs| {
        let mut trainer = logged(epochs, folder.path(), Logs::default());
        let last = folder.path().join("last.safetensors");
        if last.exists() {
            trainer.resume(&last).unwrap();
        }
        trainer.fit(&images, None).unwrap();
        std::fs::metadata(last).unwrap().len()
    };
    let (few, many) = (size(2), size(30));
    // more digits of a few numbers
    assert!(many < few + 64, "{few} {many}");
    assert_eq!(TrainingLog::read_jsonl(folder.path().join("metrics.jsonl")).unwrap().epochs.len(), 30);
}

#[test]
fn lines_say_rates_norms_and_what_was_clipped() {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = logged(2, folder.path(), Logs { every: 2, tensorboard: false });
    trainer.fit(&train_images(), None).unwrap();
    let steps = Step::read_jsonl(folder.path().join("metrics.jsonl")).unwrap();
    assert_eq!(steps.iter().map(|step| (step.update, step.epoch)).collect::<Vec<_>>(), [(2, 1), (4, 2), (6, 2)]);
    let schedule = config(2).schedule;
    for step in &steps {
        let lr = schedule.lr(3e-3, step.update - 1);
        assert_eq!((step.lr, &step.group_lr), (lr, &[("recurrence".to_string(), lr * 0.2)].into()));
        assert!(step.gradient_norm > 0.0 && step.images_per_second.unwrap() > 0.0, "{step:?}");
        // two updates: a half at least is nothing, one or both
        assert!([0.0, 0.5, 1.0].contains(&step.clipped), "{step:?}");
        assert!(step.train.as_ref().unwrap().terms.contains_key("activity"));
        assert_eq!(step.memory.is_some(), cfg!(target_os = "linux"));
    }
    let epoch = &trainer.history().epochs[0];
    assert_eq!(epoch.group_lr["recurrence"], epoch.lr * 0.2);
    // a limit that every norm is above, and one that none is
    for (clip, share) in
        [(Clip::Norm(1e-9), 1.0), (Clip::Norm(1e9), 0.0), (Clip::Value(1e-9), 1.0), (Clip::Value(1e9), 0.0)]
    {
        let mut trainer = Trainer::new(&Cpu::default(), net(7), TrainConfig { clip, ..config(1) }).unwrap();
        trainer.fit(&few(train_images(), 40), None).unwrap();
        assert_eq!(trainer.history().epochs[0].clipped, share, "{clip:?}");
    }
}

/// A file that the version before this one wrote after the first epoch of the same training.
#[test]
fn checkpoints_of_the_version_before_are_resumed() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoint_2.safetensors");
    let images = few(digits::train().unwrap(), 40);
    let config = TrainConfig { epochs: 2, batch_size: 16, seed: Seed(3), progress: false, ..Default::default() };
    let dev = Cpu::seed_from_u64(3);
    let build = || Trainer::new(&dev, Cpu::seed_from_u64(3).build_module::<Other, f32>(), config.clone()).unwrap();
    let (mut whole, mut resumed) = (build(), build());
    whole.fit(&images, None).unwrap();
    resumed.resume(&data).unwrap();
    assert_eq!((resumed.history().epochs.len(), resumed.checkpoint().unwrap().about.updates), (1, 3));
    resumed.fit(&images, None).unwrap();
    // another machine's vector instructions add up in another order
    let weights = |net: &OtherModel<f32, Cpu>| net.classifier.weight.as_vec();
    let far = weights(resumed.net()).iter().zip(weights(whole.net())).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far < 1e-5, "{far}");
}

/// Minutes count within an epoch; a checkpoint at each update is one that is due at once.
#[test]
fn checkpoints_come_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let to = |minutes| Checkpoints { every: 100, every_minutes: Some(minutes), ..Checkpoints::to(folder.path()) };
    let last = folder.path().join("last.safetensors");
    let run = |minutes| {
        let config = TrainConfig { checkpoints: Some(to(minutes)), ..config(2) };
        let mut trainer = Trainer::new(&Cpu::default(), net(7), config).unwrap();
        let mut seen = None;
        let images = train_images();
        trainer
            .fit_each(&images, None, |epoch| {
                if epoch.epoch == 1 && last.exists() {
                    seen = Some(Checkpoint::read(&last).unwrap().about);
                }
            })
            .unwrap();
        seen
    };
    assert!(run(1e6).is_none());
    std::fs::remove_file(&last).unwrap();
    let about = run(1e-9).unwrap();
    assert_eq!((about.history.epochs.len(), about.partial), (1, None));
}

/// What the real TensorBoard reads, where Python has it: `DYNVISION_PYTHON` names an interpreter.
#[test]
fn tensorboard_reads_the_event_files() {
    let python = std::env::var("DYNVISION_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let has = std::process::Command::new(&python).args(["-c", "import tensorboard"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        eprintln!("left out: `{python}` has no package `tensorboard`; DYNVISION_PYTHON names another interpreter");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs { every: 1, tensorboard: true };
    let images = train_images();
    logged(1, folder.path(), logs).fit(&images, Some(&images)).unwrap();
    let mut resumed = logged(2, folder.path(), logs);
    resumed.resume(folder.path().join("last.safetensors")).unwrap();
    resumed.fit(&images, Some(&images)).unwrap();
    let script = "
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()['scalars']}))
";
    let output = std::process::Command::new(&python).args(["-c", script]).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: std::collections::BTreeMap<String, Vec<(u64, f64)>> = serde_json::from_slice(&output.stdout).unwrap();
    let path = folder.path().join("metrics.jsonl");
    let (steps, epochs) = (Step::read_jsonl(&path).unwrap(), TrainingLog::read_jsonl(&path).unwrap().epochs);
    let same = |tag: &str, expected: Vec<(u64, f64)>| {
        let expected: Vec<(u64, f64)> =
            expected.into_iter().map(|(step, value)| (step, f64::from(value as f32))).collect();
        assert_eq!(read[tag], expected, "{tag}");
    };
    same("lr", steps.iter().map(|step| (step.update, step.lr)).collect());
    same("lr/recurrence", steps.iter().map(|step| (step.update, step.group_lr["recurrence"])).collect());
    same("gradient_norm", steps.iter().map(|step| (step.update, step.gradient_norm)).collect());
    same("train/loss", steps.iter().map(|step| (step.update, step.train.as_ref().unwrap().loss)).collect());
    same("epoch/valid/loss", epochs.iter().map(|epoch| (epoch.updates, epoch.valid.as_ref().unwrap().loss)).collect());
    assert_eq!(read["train/loss"].len(), 6);
}
