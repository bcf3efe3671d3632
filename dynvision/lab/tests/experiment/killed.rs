//! A process that is killed while it runs an experiment loses at most the cell that it was at.

use crate::net;
use dynvision_lab::Gallery;
use dynvision_lab::experiment::{Experiment, ResultTable, Results, Runner};
use dynvision_lab::response::Responses;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const FOLDER: &str = "DYNVISION_KILLED_STORE";

fn run(store: &Path) -> Results {
    let text = "about = 'test'\nmeasures = ['response_avg', 'accuracy', 'dimensionality']\n\
        protocol.duration = { total = 20, intro = 1, stim = 1 }\n\
        vary.\"protocol.duration.stim\" = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]";
    let (subject, set) = (net::subject(1), net::images());
    let gallery = Gallery::of(&set).unwrap();
    let runner = Runner::new(&subject, &gallery, store).images(0..16).batch(4).responses(Responses::default());
    runner.run(&Experiment::parse(text).unwrap()).unwrap()
}

/// What the process that is killed does; nothing where there is none.
#[test]
fn child() {
    if let Some(store) = std::env::var_os(FOLDER) {
        run(Path::new(&store));
    }
}

#[cfg(unix)]
#[test]
fn killed_at_any_moment_it_goes_on_with_the_same_bits() {
    let (store, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut killed = 0;
    for wait in (0..12).map(|i| 30 + 60 * i) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["killed::child", "--exact"])
            .env(FOLDER, store.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        // SIGKILL
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        for entry in std::fs::read_dir(store.path()).unwrap().map(|entry| entry.unwrap()) {
            let unfinished = entry.file_name().to_string_lossy().starts_with('.');
            assert!(unfinished || entry.path().join("cell.json").is_file(), "half a cell: {:?}", entry.path());
        }
    }
    assert!(killed > 0, "none was killed before it had ended");
    let (resumed, whole) = (run(store.path()), run(whole.path()));
    for which in ResultTable::ALL {
        assert_eq!(resumed.table(which).unwrap(), whole.table(which).unwrap());
    }
    for (one, other) in resumed.folders().zip(whole.folders()) {
        for file in ["steps.parquet", "samples.parquet", "sets.parquet", "responses.zarr/v2/c/0/0/0/0/0"] {
            assert!(std::fs::read(one.join(file)).unwrap() == std::fs::read(other.join(file)).unwrap(), "{file}");
        }
    }
    let left = std::fs::read_dir(store.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(left.count(), 0, "what the killed ones left is swept");
}
