//! Runs that somebody has changed.

use crate::program::{done, json, refused};

const FILE: &str = "model = \"simple-8\"\n[data]\nname = \"digits\"\ntrain = 96\ntest = 40\n[train]\nepochs = 1\nsteps = 4\n\
                    batch_size = 32\n[experiments]\nimages = 4\nbatch = 4\nnames = [\"ten\"]\n";

#[test]
fn numbers_are_not_told_of_other_settings_than_made_them() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("lab.toml"), FILE).unwrap();
    let made = json(here.path(), &["test", "--quiet"]);
    let run = made[0]["run"].as_str().unwrap();
    let file = here.path().join(run).join("run.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("\nseed = 0", "\nseed = 5", 1)).unwrap();
    assert_ne!(std::fs::read_to_string(&file).unwrap(), text);
    for command in [&["test", "--run", run][..], &["report", "--run", run], &["report", "--all"]] {
        let said = refused(here.path(), command, 2);
        assert!(said.contains("run.toml") && said.contains("has been changed"), "{said}");
    }
    assert_eq!(json(here.path(), &["status"])[0]["state"], "damaged");
    std::fs::write(&file, "settings").unwrap();
    assert_eq!(json(here.path(), &["status"])[0]["state"], "damaged");
    std::fs::write(&file, &text).unwrap();
    assert_eq!(json(here.path(), &["test", "--run", run])[0]["metrics"], made[0]["metrics"]);
    assert_eq!(json(here.path(), &["status"])[0]["state"], "tested");
}

#[test]
fn what_was_removed_is_made_again_and_what_is_damaged_is_named() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("lab.toml"), FILE).unwrap();
    let made = json(here.path(), &["figure", "ten", "--quiet"]);
    let svg = here.path().join(made["figures"][0].as_str().unwrap());
    let drawn = std::fs::read(&svg).unwrap();
    let run = svg.parent().unwrap().parent().unwrap();
    let cells = std::fs::read_dir(run.join("experiments/cells")).unwrap();
    let cell = cells.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
    std::fs::remove_file(cell.join("steps.parquet")).unwrap();
    done(here.path(), &["figure", "ten", "--quiet"]);
    assert!(cell.join("steps.parquet").is_file());
    assert_eq!(std::fs::read(&svg).unwrap(), drawn);
    std::fs::write(cell.join("steps.parquet"), "torn").unwrap();
    let said = refused(here.path(), &["figure", "ten", "--quiet"], 1);
    assert!(said.contains("steps.parquet") && said.contains("remove the folder"), "{said}");
    std::fs::remove_dir_all(&cell).unwrap();
    done(here.path(), &["figure", "ten", "--quiet"]);
    assert_eq!(std::fs::read(&svg).unwrap(), drawn);

    // a history that cannot be read does not take the rest of the report with it
    std::fs::write(run.join("checkpoints/metrics.jsonl"), "torn").unwrap();
    let report = json(here.path(), &["report", "--quiet"]);
    assert!(report["warnings"].to_string().contains("curves of training"), "{report}");
    let weights = run.join("checkpoints/last.safetensors");
    std::fs::remove_dir_all(run.join("experiments")).unwrap();
    for damage in [Some("torn"), None] {
        match damage {
            Some(text) => std::fs::write(&weights, text).unwrap(),
            None => std::fs::remove_file(&weights).unwrap(),
        }
        let said = refused(here.path(), &["figure", "ten", "--quiet"], 1);
        assert!(said.contains("last.safetensors") && said.contains("remove its folder"), "{said}");
    }
}
