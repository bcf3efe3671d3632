//! What there is: models, data sets, and how a model is made.

use crate::program::{done, json, refused};

#[test]
fn models_are_listed_with_their_frames() {
    let here = tempfile::tempdir().unwrap();
    let list = json(here.path(), &["models"]);
    let small = list.as_array().unwrap().iter().find(|model| model["name"] == "simple-8").unwrap();
    assert_eq!(small["frame"], serde_json::json!([1, 8, 8]));
    assert_eq!(small["areas"], serde_json::json!(["layer1", "layer2"]));
    assert!(done(here.path(), &["models"]).contains("dyrcnn-x2-28/none"));
}

#[test]
fn a_wrong_name_suggests_the_right_one() {
    let here = tempfile::tempdir().unwrap();
    let said = refused(here.path(), &["summary", "dyrcn-x4"], 2);
    assert!(said.contains("did you mean `dyrcnn-x4`?") && said.contains("simple-8"), "{said}");
    let said = refused(here.path(), &["data", "digit"], 2);
    assert!(said.contains("did you mean `digits`?"), "{said}");
    let said = refused(here.path(), &["sumary"], 2);
    assert!(said.contains("summary"), "{said}");
    refused(here.path(), &[], 2);
}

#[test]
fn a_data_set_is_counted() {
    let here = tempfile::tempdir().unwrap();
    let facts = json(here.path(), &["data", "digits"]);
    assert_eq!(facts["parts"]["train"]["images"], 1437);
    assert_eq!(facts["parts"]["test"]["images"], 360);
    assert_eq!(facts["parts"]["test"]["sha256"].as_str().unwrap().len(), 64);
    let said = refused(here.path(), &["data", "mnist"], 2);
    assert!(said.contains("data.folder"), "{said}");
    let said = refused(here.path(), &["data", "mnist", "--folder", "nowhere"], 1);
    assert!(said.contains("nowhere"), "{said}");
}

#[test]
fn a_model_is_summarised_and_drawn() {
    let here = tempfile::tempdir().unwrap();
    let summary = json(here.path(), &["summary", "dyrcnn-x2-28/none"]);
    // 3x3 weights and a bias for 36 and 64 channels, the skip's 1x1, the readout: counted by hand for what has no choice
    assert_eq!(summary["areas"][0]["multiplications"], 36 * 9 * 28 * 28);
    let full = json(here.path(), &["summary", "dyrcnn-x2-28"]);
    assert!(full["parameters"].as_u64() > summary["parameters"].as_u64());
    done(here.path(), &["wiring", "dyrcnn-x2-28", "--svg", "wiring.svg"]);
    let svg = std::fs::read_to_string(here.path().join("wiring.svg")).unwrap();
    let tree = roxmltree::Document::parse(&svg).unwrap();
    let texts: Vec<&str> = tree.descendants().filter_map(|node| node.text()).collect();
    assert!(texts.contains(&"layer1") && texts.contains(&"layer2_skip_layer1"), "{texts:?}");
    let arrows = |svg: &str| svg.matches("marker-end").count();
    // three of the row, a loop for each area, one skip
    assert_eq!(arrows(&svg), 6);
    done(here.path(), &["wiring", "dyrcnn-x2-28/none", "--svg", "wiring.svg"]);
    assert_eq!(arrows(&std::fs::read_to_string(here.path().join("wiring.svg")).unwrap()), 4);
    assert!(done(here.path(), &["wiring", "dyrcnn-x2-28"]).contains("skip layer1 -> layer2"));
}

#[test]
fn every_command_has_an_example() {
    let here = tempfile::tempdir().unwrap();
    let help = done(here.path(), &["--help"]);
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.len() >= 14, "{help}");
    let page = include_str!("../../../../docs/laboratory.md");
    for command in commands {
        assert!(page.contains(&format!("`{command}`")), "docs/laboratory.md does not name `{command}`");
        let help = done(here.path(), &[command, "--help"]);
        assert!(help.contains("Example") && help.contains(&format!("  dynvision {command}")), "{help}");
    }
}
