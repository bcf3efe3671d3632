//! What would fail after a training is refused before it.

use crate::folder::pictures;
use crate::program::{done, json, refused};

const FILE: &str = "model = \"simple-8\"\n[data]\nname = \"digits\"\ntrain = 96\ntest = 40\n[train]\nepochs = 1\nsteps = 4\n\
                    batch_size = 32\n[experiments]\nimages = 4\nbatch = 4\nnames = [\"mine.toml\"]\n";
const MINE: &str = "about = \"two contrasts\"\nmeasures = [\"response_avg\", \"peak_time\"]\nfigures = [\"responses\"]\n\
                    protocol = { contrast = { total = 8, intro = 1, stim = 4, contrast = 0.5 } }\n[vary]\n\
                    \"protocol.contrast.contrast\" = [0.5, 1.0]\n";

fn laboratory(experiment: &str) -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("lab.toml"), FILE).unwrap();
    std::fs::write(here.path().join("mine.toml"), experiment).unwrap();
    here
}

#[test]
fn an_experiment_that_the_model_cannot_do_is_refused_before_it_is_trained() {
    let with = |more: &str| MINE.replace("[vary]", &format!("{more}\n[vary]"));
    for (experiment, parts) in [
        (MINE.replace("response_avg", "response_av"), &["response_avg"][..]),
        (MINE.replace("\"responses\"", "\"respnses\""), &["did you mean `responses`?"]),
        (MINE.replace("peak_time", "response_avg"), &["`response_avg`", "twice"]),
        (MINE.replace("response_avg", "accuracy_top20"), &["accuracy_top20", "20 classes", "has 10"]),
        (MINE.replace("[\"response_avg\", \"peak_time\"]", "[]"), &["mine", "measures nothing"]),
        (MINE.replace("[0.5, 1.0]", "[]"), &["protocol.contrast.contrast", "nothing"]),
        (MINE.replace("[0.5, 1.0]", "[0.5, 0.5]"), &["protocol.contrast.contrast", "0.5 twice"]),
        (MINE.replace("total = 8", "total = 100000000"), &["ten million"]),
        (
            with("[interventions.lesion]\nkind = \"area\"\narea = \"v9\""),
            &["`lesion`", "no area `v9`", "layer1, layer2"],
        ),
        (with("[interventions.lesion]\nkind = \"aera\""), &["did you mean `area`?"]),
        (with("[model]\nidel = 3"), &["`idel`", "idle_steps"]),
        (with("[model]\nstatus = \"trained-epoch=3\""), &["trained-epoch=3", "1 epochs", "keep_every"]),
        (with("[measure.peak_time]\nsteps = 3"), &["peak_time", "no setting `steps`"]),
    ] {
        let here = laboratory(&experiment);
        for command in [&["train"][..], &["report"], &["experiment", "run"], &["experiment", "run", "mine.toml"]] {
            let said = refused(here.path(), command, 2);
            for part in parts {
                assert!(said.contains(part), "{command:?} does not say `{part}`: {said}");
            }
        }
        assert!(!here.path().join("runs").exists(), "{experiment}");
    }
    // one that is named on the command line alone
    let here = laboratory(MINE);
    std::fs::write(here.path().join("other.toml"), MINE.replace("response_avg", "response_av")).unwrap();
    refused(here.path(), &["experiment", "run", "mine.toml", "other.toml"], 2);
    assert!(!here.path().join("runs").exists());
    refused(here.path(), &["train", "--set", "experiments.names=contrats"], 2);
    refused(here.path(), &["train", "--set", "experiments.names=absent.toml"], 2);
}

#[test]
fn the_epochs_that_an_experiment_names_are_kept_and_run() {
    let with = format!(
        "{MINE}\"model.status\" = [\"trained-epoch=0\", \"trained-epoch=1\"]\n[model]\nstatus = \"trained-epoch=0\"\n"
    );
    let here = laboratory(&with);
    refused(here.path(), &["train", "--set", "train.epochs=2"], 2);
    let set = ["--set", "train.epochs=2", "--set", "train.checkpoints.keep_every=1"];
    let made = json(here.path(), &[&["experiment", "run", "--quiet"], &set[..]].concat());
    assert_eq!(made[0]["conditions"], 4);
}

#[test]
fn settings_without_which_nothing_is_learnt_are_refused() {
    let here = laboratory(MINE);
    for (set, parts) in [
        (
            "train.protocol={ contrast = { total = 4, intro = 0, stim = 0, contrast = 1.0 } }",
            &["train.protocol", "label counts"][..],
        ),
        ("data.validation=0.999", &["data.validation", "96 training images"]),
        ("data.train=1", &["data.validation", "1 training images"]),
        ("name=", &["`name`", "letter"]),
        ("name=///", &["`name`", "letter"]),
        ("train.presentation.reaction_steps=10", &["train.presentation.reaction_steps"]),
        ("train.optimizer.lr=nan", &["`train.optimizer.lr`", "finite"]),
        ("train.early_stopping=3", &["train.early_stopping", "a table"]),
        ("data.memory_gb=nan", &["data.memory_gb", "above 0"]),
    ] {
        let said = refused(here.path(), &["train", "--set", set], 2);
        for part in parts {
            assert!(said.contains(part), "{set} does not say `{part}`: {said}");
        }
        assert!(!said.contains("struct"), "{said}");
    }
    // the line of what is wrong, and not that of the latest setting
    std::fs::write(here.path().join("lab.toml"), FILE.replace("epochs = 1", "epochs = 1\naccumulate = 0")).unwrap();
    let said = refused(here.path(), &["train", "--set", "train.steps=5"], 2);
    assert!(said.contains("lab.toml:8") && said.contains("train.accumulate"), "{said}");
    assert!(!here.path().join("runs").exists());
    assert!(refused(here.path(), &["config", "show", "--profile", "none"], 2).contains("there are none"));
}

#[test]
fn where_nothing_can_be_written_nothing_is_begun() {
    let here = laboratory(MINE);
    assert!(refused(here.path(), &["report", "--out", "absent/report.html"], 2).contains("no folder `absent`"));
    assert!(refused(here.path(), &["report", "--out", "."], 2).contains("is a folder"));
    assert!(refused(here.path(), &["figure", "mine.toml", "--out", "lab.toml"], 2).contains("is a file"));
    assert!(refused(here.path(), &["status", "--runs", "lab.toml"], 2).contains("is a file"));
    assert!(refused(here.path(), &["new", "."], 2).contains("NAME"));
    assert!(refused(here.path(), &["new", "fn"], 2).contains("keyword"));
    assert!(refused(here.path(), &["data", "digits", "--folder", "x"], 2).contains("leave it out"));
    assert!(refused(here.path(), &["data", "mnist"], 2).contains("--folder"));
    assert!(!here.path().join("runs").exists());
}

#[test]
fn a_sweep_tells_its_own_mistakes_before_the_first_job() {
    let here = laboratory(MINE);
    let sweep =
        |text: &str| std::fs::write(here.path().join("sweep.toml"), format!("config = \"lab.toml\"\n{text}")).unwrap();
    let finding = |measure: &str, area: &str| {
        let text = format!(
            "[[finding]]\nclaim = \"it peaks\"\nexperiment = \"mine\"\nmeasure = \"{measure}\"\narea = \"{area}\"\nstatistic = \"mean\"\n\
             category = \"simple-8\"\nis = \"higher\"\nthan_value = 0.0\n"
        );
        std::fs::write(here.path().join("findings.toml"), text).unwrap();
    };
    for (text, part) in [
        ("[grid]\nseed = []", "`seed` of the grid has no values"),
        ("[grid]\n\"train.epoch\" = [1]", "sweep sweep.toml"),
        ("experiments = [\"mine.toml\", \"contrats\"]\n[grid]\nseed = [0]", "did you mean `contrast`?"),
        ("findings = \"absent.toml\"\n[grid]\nseed = [0]", "absent.toml"),
    ] {
        sweep(text);
        for command in [&["sweep", "plan", "sweep.toml", "--no-estimate"][..], &["sweep", "run", "sweep.toml"]] {
            let said = refused(here.path(), command, 2);
            assert!(said.contains(part), "{text} does not say `{part}`: {said}");
        }
    }
    sweep("findings = \"findings.toml\"\n[grid]\nseed = [0]");
    for (measure, area, part) in
        [("peak_tme", "layer1", "did you mean `peak_time`?"), ("peak_time", "v1", "layer1, layer2")]
    {
        finding(measure, area);
        let said = refused(here.path(), &["sweep", "run", "sweep.toml"], 2);
        assert!(said.contains(part), "{said}");
    }
    assert!(!here.path().join("runs").exists());
    finding("peak_time", "layer1");
    done(here.path(), &["sweep", "plan", "sweep.toml", "--no-estimate"]);
}

#[test]
fn what_a_folder_takes_in_memory_is_said_and_bounded() {
    let here = tempfile::tempdir().unwrap();
    pictures(&here.path().join("pictures"), 2, 10);
    let set = ["--set", "data.folder=pictures", "--set", "data.memory_gb=1e-6", "--set", "data.validation=0.5"];
    // twice 16 images to train on and 4 to test on, of 64 bytes
    let said = refused(here.path(), &[&["train", "--model", "simple-8", "--data", "folder"], &set[..]].concat(), 2);
    for part in ["pictures", "20 images of 1x8x8", "data.memory_gb", "data.train", "Cache"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!here.path().join("runs").exists());
    let more = [
        "--set",
        "data.memory_gb=3e-6",
        "--set",
        "train.epochs=1",
        "--set",
        "train.steps=3",
        "--set",
        "experiments.names=ten",
    ];
    done(here.path(), &[&["train", "--model", "simple-8", "--data", "folder"], &set[..2], &more].concat());
}

/// A number of steps that no machine can hold the answers of is refused with what the batch would keep, and nothing is allocated.
#[test]
fn a_training_that_cannot_fit_into_memory_is_refused_before_it_begins() {
    let here = laboratory(MINE);
    let said = refused(here.path(), &["train", "--set", "train.steps=1000000"], 2);
    assert!(said.contains("train.steps") && said.contains("1000000 steps") && said.contains(" of memory"), "{said}");
}
