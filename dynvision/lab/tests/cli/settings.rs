//! Settings: layers, sources, units, and what is refused.

use crate::program::{done, err, json, out, program, refused};

const SMALL: [&str; 4] = ["--model", "simple-8", "--data", "digits"];

#[test]
fn each_layer_lies_over_those_before_it() {
    let here = tempfile::tempdir().unwrap();
    let file = "model = \"simple-8\"\n[data]\nname = \"digits\"\n[train]\nepochs = 4\nbatch_size = 16\n\
                [dynamics]\ntau = \"8 ms\"\n[profile.quick.train]\nepochs = 2\nsteps = \"8 ms\"\n";
    std::fs::write(here.path().join("lab.toml"), file).unwrap();
    let mut command = program(here.path());
    command.args([
        "config",
        "show",
        "--sources",
        "--json",
        "--profile",
        "quick",
        "--set",
        "dynamics.t_recurrence=2 steps",
    ]);
    command.env("DYNVISION_TRAIN__BATCH_SIZE", "32").env("DYNVISION_SEED", "7");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let shown: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    let of = |key: &str| {
        let setting = &shown[0]["settings"][key];
        (setting["value"].to_string(), setting["source"].as_str().unwrap_or_default().to_string())
    };
    let is = |key: &str, value: &str, source: &str| assert_eq!(of(key), (value.into(), source.into()), "{key}");
    is("dynamics.tau", "8.0", "lab.toml:8");
    is("train.epochs", "2", "profile quick, lab.toml:10");
    is("train.steps", "4", "profile quick, lab.toml:11");
    is("train.batch_size", "32", "environment DYNVISION_TRAIN__BATCH_SIZE");
    is("seed", "7", "environment DYNVISION_SEED");
    is("dynamics.t_recurrence", "4.0", "command line");
    is("dynamics.dt", "2.0", "declared by `simple-8`");
    is("train.accumulate", "1", "built in");
    let text = done(here.path(), &["config", "show", "--sources"]);
    assert!(text.lines().any(|line| line.contains("train.epochs") && line.contains("lab.toml:5")), "{text}");
}

#[test]
fn what_is_no_setting_is_refused_with_its_line() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("bad.toml"), "model = \"simple-8\"\n[dynamics]\ntua = 3\n").unwrap();
    let said = refused(here.path(), &["train", "--config", "bad.toml"], 2);
    for part in ["bad.toml:3", "`dynamics.tua`", "did you mean `dynamics.tau`?", "t_recurrence"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    std::fs::write(here.path().join("bad.toml"), "model = \"simple-8\"\n\n[train\n").unwrap();
    assert!(refused(here.path(), &["train", "--config", "bad.toml"], 2).contains("bad.toml:3"));
    let with = |set: &str| refused(here.path(), &[&["config", "show"], &SMALL[..], &["--set", set]].concat(), 2);
    for (set, part) in [
        ("train.epoch=3", "did you mean `train.epochs`?"),
        ("train.epochs=0", "from 1 on"),
        ("train.epochs=-3", "a whole number from 0 on"),
        ("train.epochs=many", "a whole number from 0 on"),
        ("dynamics.tau=10m", "a time such as `10 ms`"),
        ("dynamics.t_recurrence=3 ms", "multiple"),
        ("dynamics.dt=0", "above 0"),
        ("train.steps=3 ms", "a number of steps"),
        ("train.optimizer.method=adma", "train.optimizer"),
        ("train.clip=3", "train.clip"),
        ("dynamics.areas.v9.tau=4", "v9"),
        ("losses.activity=-1", "from 0 on"),
        ("data.validation=1", "below 1"),
        ("model=simple-9", "did you mean `simple-8`?"),
        ("data.name=digit", "did you mean `digits`?"),
        ("data.name=mnist5k", "1x28x28"),
        ("nothing", "key=value"),
        ("dynamics=3", "did you mean"),
    ] {
        let said = with(set);
        assert!(said.contains(part), "{set}: {said}");
    }
    refused(here.path(), &["train", "--config", "absent.toml"], 2);
    let show = |name: &str| program(here.path()).args(["config", "show"]).args(SMALL).env(name, "3").output().unwrap();
    let typo = show("DYNVISION_SEDE");
    assert!(typo.status.code() == Some(2) && err(&typo).contains("DYNVISION_SEDE") && err(&typo).contains("`seed`"));
    assert_eq!(show("DYNVISION_OF_ANOTHER_PROGRAM").status.code(), Some(0));
    assert!(refused(here.path(), &["train"], 2).contains("no model is named"));
    assert!(refused(here.path(), &["train", "--model", "simple-8"], 2).contains("no data set is named"));
    assert!(!here.path().join("runs").exists(), "what is refused leaves nothing");
}

#[test]
fn another_rule_has_other_settings() {
    let here = tempfile::tempdir().unwrap();
    let set = ["--set", "train.optimizer={ method = \"sgd\", lr = 0.1 }", "--set", "train.clip.value=0.5"];
    let shown = json(here.path(), &[&["config", "show"], &SMALL[..], &set].concat());
    let settings = &shown[0]["settings"];
    assert_eq!(settings["train.optimizer.method"]["value"], "sgd");
    assert_eq!(settings["train.optimizer.lr"]["value"], 0.1);
    assert_eq!(settings["train.clip.value"]["value"], 0.5);
    assert!(settings["train.clip.norm"].is_null());
    let keys = json(here.path(), &["config", "schema"]);
    assert!(keys.as_array().unwrap().iter().any(|key| key["key"] == "dynamics.tau"));
}

#[test]
fn a_seed_has_64_bits_wherever_it_is_written() {
    const ALL: &str = "18446744073709551615";
    let here = tempfile::tempdir().unwrap();
    let shown = |more: &[&str]| json(here.path(), &[&["config", "show"], &SMALL[..], more].concat());
    let seed = |shown: &serde_json::Value, key: &str| {
        let value = &shown[0]["settings"][key]["value"];
        value.as_str().map_or_else(|| value.to_string(), String::from)
    };
    for set in ["seed=18446744073709551615", "seed=\"18446744073709551615\""] {
        assert_eq!(seed(&shown(&["--set", set]), "seed"), ALL, "{set}");
    }
    assert_eq!(seed(&shown(&["--seed", ALL]), "seed"), ALL);
    assert_eq!(seed(&shown(&["--seed", "9223372036854775808"]), "seed"), "9223372036854775808");
    for key in ["data.seed", "experiments.seed"] {
        assert_eq!(seed(&shown(&["--set", &format!("{key}={ALL}")]), key), ALL);
    }
    for text in
        ["seed = 18446744073709551615\n", "seed = 18_446_744_073_709_551_615\n", "seed = \"18446744073709551615\"\n"]
    {
        let file = format!("{text}[experiments]\nseed = {ALL}\n[profile.other]\nseed = 9223372036854775808\n");
        std::fs::write(here.path().join("lab.toml"), file).unwrap();
        assert_eq!(seed(&shown(&[]), "seed"), ALL, "{text}");
        assert_eq!(seed(&shown(&[]), "experiments.seed"), ALL, "{text}");
        assert_eq!(seed(&shown(&["--profile", "other"]), "seed"), "9223372036854775808", "{text}");
    }
    // a number that is none of 64 bits, and a setting that no such number is read for: refused, never passed over
    for (file, at) in [
        ("seed = 18446744073709551616\n", "lab.toml:1"),
        ("\nseed = -1\n", "lab.toml:2"),
        ("seed = 1.0\n", "lab.toml:1"),
        ("seed = \"seven\"\n", "lab.toml:1"),
        ("seed = \"+7\"\n", "lab.toml:1"),
    ] {
        std::fs::write(here.path().join("lab.toml"), file).unwrap();
        let said = refused(here.path(), &[&["config", "show"], &SMALL[..]].concat(), 2);
        assert!(
            said.contains(at) && said.contains("`seed`") && said.contains("from 0 to 18446744073709551615"),
            "{said}"
        );
    }
    std::fs::write(here.path().join("lab.toml"), "[train]\nepochs = 18446744073709551615\n").unwrap();
    let said = refused(here.path(), &[&["config", "show"], &SMALL[..]].concat(), 2);
    assert!(
        said.contains("lab.toml:2") && said.contains("`train.epochs`") && said.contains("9223372036854775807"),
        "{said}"
    );
}
