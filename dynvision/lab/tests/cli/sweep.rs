//! Sweeps, and new laboratories.

use crate::program::{done, err, json, program, refused};

const LAB: &str = "[data]\nname = \"digits\"\ntrain = 128\ntest = 40\n[train]\nepochs = 1\nsteps = 4\nbatch_size = 32\n\
                   [experiments]\nimages = 4\nbatch = 4\nnames = [\"nullcondition\"]\n";

fn laboratory(grid: &str) -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("lab.toml"), LAB).unwrap();
    std::fs::write(here.path().join("sweep.toml"), format!("config = \"lab.toml\"\n{grid}")).unwrap();
    here
}

#[test]
fn a_sweep_is_planned_run_and_not_run_again() {
    let grid = "[grid]\nmodel = [\"simple-8\"]\nseed = [0, 1]\n\"losses.activity\" = [0.0, 0.5]\n[set]\n\"train.epochs\" = 1\n";
    let here = laboratory(grid);
    let plan = json(here.path(), &["sweep", "plan", "sweep.toml"]);
    let jobs = plan["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 4);
    assert!(jobs.iter().all(|job| job["done"] == false && job["estimate"]["train"].as_f64().unwrap() > 0.));
    assert!(plan["speed"]["multiplications"].as_f64().unwrap() > 1e5);
    let categories: std::collections::BTreeSet<&str> =
        jobs.iter().map(|job| job["category"].as_str().unwrap()).collect();
    assert_eq!(categories.len(), 2, "{categories:?}");
    // one job is done before, in a process of its own
    done(here.path(), &["sweep", "run", "sweep.toml", "--job", "2"]);
    let output = program(here.path()).args(["sweep", "run", "sweep.toml", "--jobs", "2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(err(&output).contains("1 of 4 jobs are done already"), "{}", err(&output));
    let again = program(here.path()).args(["sweep", "run", "sweep.toml"]).output().unwrap();
    assert!(err(&again).contains("4 of 4 jobs are done already") && !err(&again).contains("begins"), "{}", err(&again));
    let plan = json(here.path(), &["sweep", "plan", "sweep.toml"]);
    assert_eq!(plan["seconds"], 0.);
    let made = json(here.path(), &["sweep", "report", "sweep.toml"]);
    assert_eq!(made["runs"].as_array().unwrap().len(), 4);
    let html = std::fs::read_to_string(here.path().join(made["report"].as_str().unwrap())).unwrap();
    let claim = "[[finding]]\nclaim = \"activity costs activity\"\nexperiment = \"nullcondition\"\nmeasure = \"response_avg\"\n\
                 area = \"layer1\"\nstatistic = \"mean\"\ncategory = \"activity 0.5\"\nis = \"lower\"\nthan = \"activity 0.0\"\n";
    std::fs::write(here.path().join("claims.toml"), claim).unwrap();
    let judged = json(here.path(), &["sweep", "findings", "sweep.toml", "claims.toml"]);
    assert_eq!(judged[0]["seeds"], 2);
    assert!(judged[0]["difference"].is_number() && judged[0]["interval"].is_array(), "{judged}");
    // a sweep may name its claims: its report judges them
    let said = refused(here.path(), &["sweep", "findings", "sweep.toml"], 2);
    assert!(said.contains("sweep.toml") && said.contains("findings"), "{said}");
    std::fs::write(
        here.path().join("claimed.toml"),
        format!("config = \"lab.toml\"\nfindings = \"claims.toml\"\n{grid}"),
    )
    .unwrap();
    assert_eq!(json(here.path(), &["sweep", "findings", "claimed.toml"]), judged);
    let made = json(here.path(), &["sweep", "report", "claimed.toml", "--out", "claimed.html"]);
    let claimed = std::fs::read_to_string(here.path().join(made["report"].as_str().unwrap())).unwrap();
    assert!(claimed.contains("<h2>Findings</h2>") && claimed.contains("activity costs activity"));
    assert!(!html.contains("<h2>Findings</h2>"));
    std::fs::write(here.path().join("claims.toml"), claim.replace("activity 0.0", "activity 0.1")).unwrap();
    let said = refused(here.path(), &["sweep", "findings", "sweep.toml", "claims.toml"], 2);
    assert!(said.contains("activity 0.1") && said.contains("activity 0.5"), "{said}");
    std::fs::write(here.path().join("claims.toml"), claim.replace("is =", "si =")).unwrap();
    assert!(refused(here.path(), &["sweep", "findings", "sweep.toml", "claims.toml"], 2).contains("claims.toml:8"));
    assert!(html.contains("activity 0.5") && html.contains("mean [95 %]"));
}

#[test]
fn a_job_that_fails_does_not_stop_the_others() {
    // the second has no such file
    let here = laboratory("[grid]\nmodel = [\"simple-8\"]\nseed = [0, 1, 2]\n");
    let plan = json(here.path(), &["sweep", "plan", "sweep.toml", "--no-estimate"]);
    let run = here.path().join(plan["jobs"][1]["run"].as_str().unwrap());
    std::fs::create_dir_all(run.join("checkpoints")).unwrap();
    std::fs::write(run.join("checkpoints/last.safetensors"), "damaged").unwrap();
    let said = refused(here.path(), &["sweep", "run", "sweep.toml", "--jobs", "2"], 1);
    assert!(said.contains("2 of 3 jobs are done, 1 failed") && said.contains("last.safetensors"), "{said}");
    let status = json(here.path(), &["status"]);
    let states: Vec<&str> = status.as_array().unwrap().iter().map(|run| run["state"].as_str().unwrap()).collect();
    assert_eq!(states.iter().filter(|state| **state == "tested").count(), 2, "{states:?}");
    assert_eq!(states.iter().filter(|state| **state == "failed").count(), 1, "{states:?}");
}

#[test]
fn a_wrong_sweep_is_refused_before_anything_runs() {
    for (grid, part) in [
        ("[grid]\nmodel = [\"simple-9\"]\n", "did you mean `simple-8`?"),
        ("[grid]\nmodel = [\"simple-8\"]\n\"train.epoch\" = [1]\n", "did you mean `train.epochs`?"),
        ("[grid]\nmodel = [\"simple-8\"]\nseed = []\n", "no values"),
        ("[gird]\nmodel = [\"simple-8\"]\n", "sweep.toml:2"),
        ("experiments = [\"contrats\"]\n[grid]\nmodel = [\"simple-8\"]\n", "did you mean `contrast`?"),
        ("[grid]\nmodel = [\"simple-8\"]\nseed = [1, 1]\n", "the same run"),
    ] {
        let here = laboratory(grid);
        let said = refused(here.path(), &["sweep", "run", "sweep.toml"], 2);
        assert!(said.contains(part), "{grid}: {said}");
        assert!(!here.path().join("runs").exists());
    }
}

#[test]
fn a_new_laboratory_is_written_once() {
    let here = tempfile::tempdir().unwrap();
    let made = json(here.path(), &["new", "my-lab"]);
    assert!(made["files"].as_array().unwrap().len() >= 9);
    let manifest: toml::Table =
        toml::from_str(&std::fs::read_to_string(here.path().join("my-lab/Cargo.toml")).unwrap()).unwrap();
    assert!(manifest["dependencies"].get("dynvision-lab").is_some());
    assert!(std::fs::read_to_string(here.path().join("my-lab/README.md")).unwrap().lines().count() <= 20);
    assert!(refused(here.path(), &["new", "my-lab"], 2).contains("is there already"));
    assert!(refused(here.path(), &["new", "3d"], 2).contains("begins with a letter"));
    assert!(done(here.path(), &["completions", "bash"]).contains("experiment"));
}

#[test]
fn weights_are_compared_and_written_under_other_names() {
    let here = laboratory("[grid]\nmodel = [\"simple-8\"]\nseed = [0, 1]\n");
    for seed in ["0", "1"] {
        done(here.path(), &["train", "--model", "simple-8", "--seed", seed, "--quiet"]);
    }
    let runs = json(here.path(), &["status"]);
    let file = |i: usize| format!("runs/{}/checkpoints/last.safetensors", runs[i]["run"].as_str().unwrap());
    let (a, b) = (file(0), file(1));
    assert_eq!(json(here.path(), &["weights", "compare", "simple-8", &a, &a])["same"], true);
    assert_eq!(json(here.path(), &["weights", "compare", "simple-8", &a, &b])["same"], false);
    done(here.path(), &["weights", "import", "simple-8", &a, "--out", "own.safetensors"]);
    assert_eq!(json(here.path(), &["weights", "compare", "simple-8", &a, "own.safetensors"])["same"], true);
    assert!(
        refused(here.path(), &["weights", "import", "simple-8", &a, "--out", "own.safetensors"], 2).contains("already")
    );
    assert!(
        refused(here.path(), &["weights", "import", "dyrcnn-x4", &a, "--out", "x.safetensors"], 1)
            .contains("SimpleDigits")
    );
    done(here.path(), &["weights", "export", "simple-8", &a, "--out", "theirs.safetensors"]);
    let bytes = std::fs::read(here.path().join("theirs.safetensors")).unwrap();
    let names = safetensors::SafeTensors::deserialize(&bytes).unwrap().names().into_iter().cloned().collect::<Vec<_>>();
    assert!(names.iter().any(|name| name == "classifier.2.weight"), "{names:?}");
    let profile = json(here.path(), &["profile", "simple-8", "--batch", "2", "--steps", "3"]);
    assert!(profile["seconds"].as_f64().unwrap() > 0. && profile["areas"].as_array().unwrap().len() == 3, "{profile}");
}

#[test]
fn seeds_that_differ_in_their_last_bit_are_two() {
    let grid = "[grid]\nmodel = [\"simple-8\"]\nseed = [\"18446744073709551615\", \"18446744073709551614\", 3]\n\
                \"losses.activity\" = [0.0, 0.5]\n[set]\n\"train.epochs\" = 1\n";
    let here = laboratory(grid);
    done(here.path(), &["sweep", "run", "sweep.toml"]);
    let plan = json(here.path(), &["sweep", "plan", "sweep.toml"]);
    let jobs = plan["jobs"].as_array().unwrap();
    assert!(jobs.iter().all(|job| job["done"] == true), "{plan}");
    let run = jobs.iter().find(|job| job["seed"].to_string().contains("18446744073709551615")).unwrap();
    let folder = here.path().join(run["run"].as_str().unwrap());
    assert!(folder.to_string_lossy().contains("-s18446744073709551615-"), "{}", folder.display());
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(read("run.toml").contains("seed = \"18446744073709551615\""), "{}", read("run.toml"));
    let provenance: serde_json::Value = serde_json::from_str(&read("provenance.json")).unwrap();
    assert_eq!(provenance["seed"].as_u64(), Some(u64::MAX));
    assert!(read("experiments/nullcondition/long.csv").contains(",18446744073709551615,"));
    // a run is found again by what it has recorded
    let known = done(here.path(), &["test", "--run", run["run"].as_str().unwrap()]);
    assert!(!known.is_empty());
    let claim = "[[finding]]\nclaim = \"activity costs activity\"\nexperiment = \"nullcondition\"\nmeasure = \"response_avg\"\n\
                 area = \"layer1\"\nstatistic = \"mean\"\ncategory = \"activity 0.5\"\nis = \"lower\"\nthan = \"activity 0.0\"\n";
    std::fs::write(here.path().join("claims.toml"), claim).unwrap();
    assert_eq!(json(here.path(), &["sweep", "findings", "sweep.toml", "claims.toml"])[0]["seeds"], 3);
    // as a number they are the same seeds
    let bare = grid.replace("\"18446744073709551615\"", "18446744073709551615");
    std::fs::write(here.path().join("bare.toml"), format!("config = \"lab.toml\"\n{bare}")).unwrap();
    let plan = json(here.path(), &["sweep", "plan", "bare.toml"]);
    assert!(plan["jobs"].as_array().unwrap().iter().all(|job| job["done"] == true), "{plan}");
    let said =
        refused(laboratory("[grid]\nseed = [18446744073709551616]\n").path(), &["sweep", "plan", "sweep.toml"], 2);
    assert!(said.contains("sweep.toml:3"), "{said}");
}

/// `done.json` alone is no experiment that is done: its tables may be gone or changed, its conditions removed.
#[test]
fn an_experiment_whose_tables_are_lost_is_not_done() {
    let here = laboratory("[grid]\nmodel = [\"simple-8\"]\n");
    done(here.path(), &["sweep", "run", "sweep.toml"]);
    let is_done = || json(here.path(), &["sweep", "plan", "sweep.toml"])["jobs"][0]["done"].as_bool().unwrap();
    assert!(is_done());
    let run = std::fs::read_dir(here.path().join("runs")).unwrap().next().unwrap().unwrap().path();
    let tables = run.join("experiments").join("nullcondition");
    let whole = std::fs::read(tables.join("long.csv")).unwrap();
    let shown = || json(here.path(), &["status"])[0]["experiments"].as_array().unwrap().len();
    assert_eq!(shown(), 1);
    std::fs::remove_file(tables.join("long.csv")).unwrap();
    assert_eq!((is_done(), shown()), (false, 0));
    done(here.path(), &["sweep", "run", "sweep.toml"]);
    assert!(is_done());
    assert_eq!(std::fs::read(tables.join("long.csv")).unwrap(), whole, "written again from the same conditions");
    let mut changed = whole.clone();
    changed[40] ^= 1;
    std::fs::write(tables.join("long.csv"), changed).unwrap();
    assert!(!is_done(), "another number");
    std::fs::write(tables.join("long.csv"), whole).unwrap();
    assert!(is_done());
    let cell = std::fs::read_dir(run.join("experiments").join("cells")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(cell.join("steps.parquet")).unwrap();
    assert!(!is_done(), "a condition is gone");
}
