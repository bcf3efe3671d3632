//! Experiments, figures and reports of runs.

use crate::program::{done, json, refused};

const FILE: &str = "model = \"simple-8\"\n[data]\nname = \"digits\"\ntrain = 192\ntest = 40\n[train]\nepochs = 1\nsteps = 4\n\
                    batch_size = 32\n[experiments]\nimages = 6\nbatch = 3\nnames = [\"mine.toml\"]\n";
const MINE: &str = "about = \"two contrasts\"\nmeasures = [\"response_avg\", \"accuracy\", \"peak_time\"]\nfigures = [\"responses\"]\n\
                    protocol = { contrast = { total = 8, intro = 1, stim = 4, contrast = 0.5 } }\n[vary]\n\
                    \"protocol.contrast.contrast\" = [0.5, 1.0]\n";

fn laboratory() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("lab.toml"), FILE).unwrap();
    std::fs::write(here.path().join("mine.toml"), MINE).unwrap();
    here
}

#[test]
fn one_command_leads_from_settings_to_a_report() {
    let here = laboratory();
    let made = json(here.path(), &["report"]);
    let path = here.path().join(made["report"].as_str().unwrap());
    let html = std::fs::read_to_string(&path).unwrap();
    for part in ["two contrasts", "layer1", "train.batch_size", "lab.toml:", "mine: responses", "one seed"] {
        assert!(html.contains(part), "the report does not say `{part}`");
    }
    assert!(!html.contains("src=\"http") && html.len() < 5_000_000);
    // the same again is the same page, and trains nothing
    let cells = || {
        let cells = path.with_file_name("experiments").join("cells");
        let mut all: Vec<_> = std::fs::read_dir(cells)
            .unwrap()
            .map(|entry| (entry.as_ref().unwrap().path(), entry.unwrap().metadata().unwrap().modified().unwrap()))
            .collect();
        all.sort();
        all
    };
    let before = cells();
    assert_eq!(before.len(), 2);
    json(here.path(), &["report"]);
    assert_eq!(cells(), before);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), html);
    let status = json(here.path(), &["status"]);
    assert_eq!(status[0]["experiments"], serde_json::json!(["mine"]));
}

#[test]
fn figures_and_tables_join_the_seeds() {
    let here = laboratory();
    let first = json(here.path(), &["experiment", "run"]);
    assert_eq!(first[0]["conditions"], 2);
    json(here.path(), &["experiment", "run", "--seed", "1"]);
    let drawn = json(here.path(), &["figure", "mine.toml", "--all"]);
    let svg = here.path().join(drawn["figures"][0].as_str().unwrap());
    roxmltree::Document::parse(&std::fs::read_to_string(&svg).unwrap()).unwrap();
    let csv = std::fs::read_to_string(svg.with_extension("csv")).unwrap();
    assert!(csv.lines().count() > 10, "{csv}");
    let before = std::fs::read(&svg).unwrap();
    done(here.path(), &["figure", "mine.toml", "--all", "--quiet"]);
    assert_eq!(std::fs::read(&svg).unwrap(), before);
    let drawn = json(here.path(), &["figure", "contrast", "--set", "experiments.images=2"]);
    assert!(drawn["figures"][0].as_str().unwrap().ends_with("contrast-dynamics.svg"), "{drawn}");
    let tables = here.path().join(first[0]["tables"].as_str().unwrap());
    for name in ["steps.parquet", "samples.parquet", "samples.csv", "long.csv"] {
        assert!(tables.join(name).is_file(), "{name}");
    }
}

#[test]
fn experiments_are_listed_shown_and_refused() {
    let here = laboratory();
    let list = json(here.path(), &["experiment", "list"]);
    assert!(list.as_array().unwrap().iter().any(|entry| entry["name"] == "contrast" && entry["conditions"] == 7));
    assert!(done(here.path(), &["experiment", "show", "contrast"]).contains("[vary]"));
    assert!(refused(here.path(), &["experiment", "show", "contrats"], 2).contains("did you mean `contrast`?"));
    assert!(refused(here.path(), &["experiment", "run", "absent.toml"], 2).contains("absent.toml"));
    std::fs::write(here.path().join("bad.toml"), MINE.replace("figures", "figure")).unwrap();
    assert!(refused(here.path(), &["experiment", "run", "bad.toml"], 2).contains("figure"));
    assert!(refused(here.path(), &["figure", "mine.toml", "--kind", "responce"], 2).contains("responses"));
    std::fs::write(here.path().join("bad.toml"), MINE.replace("peak_time", "peak_tine")).unwrap();
    assert!(refused(here.path(), &["experiment", "run", "bad.toml"], 2).contains("peak_time"));
}
