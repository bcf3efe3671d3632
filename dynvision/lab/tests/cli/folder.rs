//! Folders of image files as a data set.

use crate::program::{done, err, json, program, refused};
use std::path::Path;

/// Writes a picture of any size, bright on one side: the left for class 0, the right for class 1, everywhere for others.
pub(crate) fn picture(path: &Path, class: usize, number: usize) {
    let (width, height) = (12 + number % 5, 10 + number % 3);
    let colour = number % 2 == 1;
    let bright = |x: usize| match class {
        0 => 2 * x < width,
        1 => 2 * x >= width,
        _ => true,
    };
    let level = |x: usize, y: usize| {
        let texture = u8::try_from((x * 7 + y * 13 + number * 5) % 40).unwrap();
        if bright(x) { 200 + texture } else { texture }
    };
    let positions = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let channels = if colour { 3 } else { 1 };
    let pixels: Vec<u8> = positions.flat_map(|(x, y)| vec![level(x, y); channels]).collect();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, u32::try_from(width).unwrap(), u32::try_from(height).unwrap());
    encoder.set_color(if colour { png::ColorType::Rgb } else { png::ColorType::Grayscale });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

/// `FOLDER/CLASS/N.png`, so many of each class.
pub(crate) fn pictures(folder: &Path, classes: usize, each: usize) {
    for class in 0..classes {
        (0..each).for_each(|n| picture(&folder.join(format!("class{class}/{n}.png")), class, n));
    }
}

const SMALL: [&str; 6] = ["--model", "simple-8", "--data", "folder", "--set", "data.folder=pictures"];

fn with<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[command], &SMALL[..], more].concat()
}

#[test]
fn a_model_learns_pictures_of_any_size_and_colour() {
    let here = tempfile::tempdir().unwrap();
    pictures(&here.path().join("pictures/train"), 2, 40);
    pictures(&here.path().join("pictures/test"), 2, 15);
    let facts = json(here.path(), &["data", "folder", "--folder", "pictures", "--model", "simple-8"]);
    assert_eq!(facts["parts"]["train"]["images"], 80);
    assert_eq!(facts["parts"]["test"]["images"], 30);
    assert_eq!(facts["parts"]["test"]["shape"], serde_json::json!([1, 8, 8]));
    assert_eq!(facts["classes"], serde_json::json!(["class0", "class1"]));
    // another model takes them in colour
    let colour = json(here.path(), &["data", "folder", "--folder", "pictures", "--model", "dyrcnn-x4"]);
    assert_eq!(colour["parts"]["test"]["shape"], serde_json::json!([3, 32, 32]));
    let more = ["--set", "train.epochs=8", "--set", "train.batch_size=8", "--set", "train.steps=4"];
    let tested = json(here.path(), &with("test", &[&more[..], &["--set", "train.optimizer.lr=0.005"]].concat()));
    assert_eq!(tested[0]["metrics"]["images"], 30);
    let accuracy = tested[0]["metrics"]["last_accuracy"].as_f64().unwrap();
    assert!(accuracy >= 0.9, "two classes that differ in their bright side, {accuracy}");
    // the model answers with more classes than there are
    let few = ["--set", "train.epochs=1", "--set", "train.steps=3", "--set", "experiments.images=4", "--set"];
    let report = json(here.path(), &with("report", &[&["--quiet"], &few[..], &["experiments.names=ten,rsa"]].concat()));
    assert!(std::fs::read_to_string(here.path().join(report["report"].as_str().unwrap())).unwrap().contains("class1"));
    // fewer of each class alike
    let few = json(here.path(), &with("test", &["--set", "train.epochs=1", "--set", "data.test=6"]));
    assert_eq!(few[0]["metrics"]["images"], 6);
}

#[test]
fn an_undivided_folder_is_divided_by_the_seed() {
    let here = tempfile::tempdir().unwrap();
    pictures(&here.path().join("pictures"), 3, 10);
    let read = |seed: &str| {
        json(here.path(), &["data", "folder", "--folder", "pictures", "--model", "simple-8", "--seed", seed])
    };
    let (first, other) = (read("0"), read("1"));
    assert_eq!(first["parts"]["train"]["images"], 24);
    assert_eq!(first["parts"]["test"]["images"], 6);
    assert_eq!(first, read("0"));
    assert_ne!(first["parts"]["test"]["sha256"], other["parts"]["test"]["sha256"]);
    // the seed of the training leaves it as it is, that of the data is another run
    let folder = |more: &[&str]| {
        let more = [&["--quiet", "--set", "train.epochs=1", "--set", "train.steps=3"], more].concat();
        json(here.path(), &with("train", &more))[0]["run"].as_str().unwrap().to_string()
    };
    let runs = [folder(&[]), folder(&["--set", "data.seed=1"]), folder(&["--seed", "1"])];
    let data = |run: &str| {
        let text = std::fs::read_to_string(here.path().join(run).join("provenance.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["data"].to_string()
    };
    assert_ne!(runs[0], runs[1]);
    assert_ne!(data(&runs[0]), data(&runs[1]));
    assert_eq!(data(&runs[0]), data(&runs[2]));
}

#[test]
fn what_a_folder_cannot_be_is_said_before_anything_is_trained() {
    let here = tempfile::tempdir().unwrap();
    let folder = here.path().join("pictures");
    assert!(refused(here.path(), &with("train", &[]), 1).contains("pictures"));
    std::fs::create_dir(&folder).unwrap();
    assert!(refused(here.path(), &with("train", &[]), 1).contains("no folders of classes"));
    pictures(&folder, 2, 5);
    std::fs::create_dir(folder.join("empty")).unwrap();
    assert!(refused(here.path(), &with("train", &[]), 1).contains("empty"));
    std::fs::remove_dir(folder.join("empty")).unwrap();
    assert!(refused(here.path(), &["data", "folder", "--folder", "pictures"], 2).contains("--model"));
    let none = refused(here.path(), &["train", "--model", "simple-8", "--data", "folder"], 2);
    assert!(none.contains("data.folder"), "{none}");

    let single = here.path().join("single");
    pictures(&single, 3, 1);
    let said =
        refused(here.path(), &["train", "--model", "simple-8", "--data", "folder", "--set", "data.folder=single"], 2);
    assert!(
        said.contains("`single`") && said.contains("a fifth of each class") && said.contains("train/CLASS"),
        "{said}"
    );

    // a file that is no picture, and one beside the pictures
    std::fs::write(folder.join("class0/torn.png"), b"\x89PNG\r\n\x1a\nand no more").unwrap();
    std::fs::write(folder.join("class1/notes.txt"), "of the photographer").unwrap();
    let torn = refused(here.path(), &with("train", &[]), 1);
    assert!(torn.contains("torn.png") && torn.contains("data.skip_corrupt = true"), "{torn}");
    assert!(!here.path().join("runs").exists());
    let skipped =
        with("train", &["--set", "data.skip_corrupt=true", "--set", "train.epochs=1", "--set", "train.steps=3"]);
    let output = program(here.path()).args(&skipped).output().unwrap();
    let said = err(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("left out 1 files") && said.contains("torn.png"), "{said}");
    assert!(said.contains("passed over 1 files") && said.contains("notes.txt"), "{said}");

    pictures(&folder, 11, 1);
    let many = refused(here.path(), &with("train", &[]), 2);
    assert!(many.contains("11 classes") && many.contains("`simple-8` answers with 10"), "{many}");
    assert!(
        done(here.path(), &["data"]).lines().any(|line| line.starts_with("folder") && line.contains("the model's"))
    );
}
