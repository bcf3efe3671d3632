//! `train_images` on folders as people have them.
//!
//! `cargo test` builds the example before it runs this; before `cargo test --test train_images`, `cargo build --examples` does.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use image::{DynamicImage, ImageBuffer, Luma, Rgb, RgbImage};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::{TempDir, tempdir};

/// What is asked for.
#[derive(Clone)]
struct Options {
    folder: PathBuf,
    epochs: usize,
    out: PathBuf,
    skip_corrupt: bool,
    threads: usize,
}

/// A picture of a class: its own colour, with stripes as wide as its number says.
fn picture(class: u8, number: u32) -> RgbImage {
    let (w, h) = (60 + 17 * (number % 4), 90 - 13 * (number % 3));
    RgbImage::from_fn(w, h, |x, _| {
        let light = if (x / (2 + number)).is_multiple_of(2) { 200 } else { 90 };
        let mut colour = [30; 3];
        colour[usize::from(class)] = light;
        Rgb(colour)
    })
}

fn save(image: &DynamicImage, path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.save(path).unwrap();
}

/// Photographs of three classes, of many sizes and kinds.
fn fill(folder: &Path, count: u32) {
    for (class, name) in ["red", "green", "blue"].into_iter().enumerate() {
        for number in 0..count {
            let ending = ["jpg", "png", "JPEG", "bmp"][number as usize % 4];
            let path = folder.join(name).join(format!("{number}.{ending}"));
            save(&picture(class as u8, number).into(), &path);
        }
    }
    save(&DynamicImage::from(picture(0, 1)).into_luma8().into(), &folder.join("red/grey.jpg"));
    let sixteen = ImageBuffer::from_fn(70, 40, |x, y| Rgb([0u16, 0, (x * 900 + y) as u16]));
    save(&sixteen.into(), &folder.join("blue/sixteen.png"));
    let grey = ImageBuffer::from_fn(70, 40, |x, _| Luma([(x * 900) as u16]));
    save(&grey.into(), &folder.join("green/sixteen_grey.png"));
    std::fs::write(folder.join("green/cmyk.jpg"), include_bytes!("../../../dynvision/tests/data/pictures/cmyk.jpg"))
        .unwrap();
}

fn options(folder: &Path, out: &TempDir) -> Options {
    Options { folder: folder.to_path_buf(), epochs: 1, out: out.path().join("run"), skip_corrupt: false, threads: 2 }
}

/// What a run prints, and its error.
fn told(options: &Options) -> (String, Option<String>) {
    let own = std::env::current_exe().unwrap();
    let name = format!("train_images{}", std::env::consts::EXE_SUFFIX);
    let program = own.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(program.exists(), "`cargo build --examples` makes {}", program.display());
    let mut command = Command::new(program);
    command.args(["--seed", "3", "--device", "cpu", "--epochs", &options.epochs.to_string()]);
    command.args(["--threads", &options.threads.to_string()]);
    command.arg("--folder").arg(&options.folder).arg("--out").arg(&options.out);
    command.args(options.skip_corrupt.then_some("--skip-corrupt"));
    let output = command.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)) && output.status.success() == error.is_empty(), "{error}");
    (String::from_utf8(output.stdout).unwrap(), Some(error).filter(|error| !error.is_empty()))
}

fn accuracy(text: &str) -> f64 {
    let last = text.lines().last().unwrap();
    let digits = last.strip_prefix("test accuracy ").unwrap_or_else(|| panic!("{text}"));
    assert_eq!(digits.len(), 5, "{last}");
    digits.parse().unwrap()
}

#[test]
fn both_layouts_train_and_the_seed_decides() {
    let (folder, out) = (tempdir().unwrap(), tempdir().unwrap());
    fill(&folder.path().join("train"), 4);
    fill(&folder.path().join("test"), 1);
    let options = options(folder.path(), &out);
    let (text, error) = told(&options);
    assert_eq!(error, None, "{text}");
    assert!(text.contains("16 images to train on, 7 held out, classes: blue, green, red"), "{text}");
    assert!((0.0..=1.0).contains(&accuracy(&text)));
    let weights = std::fs::read(out.path().join("run/last.safetensors")).unwrap();
    // the same again, whatever the number of threads
    let (_, error) = told(&Options { threads: 3, ..options.clone() });
    assert!(error.is_none() && std::fs::read(out.path().join("run/last.safetensors")).unwrap() == weights);
    // a folder of classes alone
    let (text, error) = told(&Options { folder: folder.path().join("train"), epochs: 0, ..options });
    assert_eq!(error, None, "{text}");
    // of five, six and five images the floor of four fifths each
    assert!(text.contains("12 images to train on, 4 held out"), "{text}");
    accuracy(&text);
}

#[test]
fn a_corrupt_file_is_named_or_left_out_by_name() {
    let (folder, out) = (tempdir().unwrap(), tempdir().unwrap());
    fill(folder.path(), 4);
    let broken = folder.path().join("green/0.jpg");
    let whole = std::fs::read(&broken).unwrap();
    std::fs::write(&broken, &whole[..whole.len() / 4]).unwrap();
    std::fs::write(folder.path().join("red/notes.txt"), "no image").unwrap();
    let options = options(folder.path(), &out);
    let (text, error) = told(&options);
    assert!(
        error.as_ref().is_some_and(|error| error.contains("0.jpg") && error.contains("cannot be decoded")),
        "{error:?}"
    );
    assert!(text.contains("1 files are of no known format") && text.contains("notes.txt"), "{text}");
    let (text, error) = told(&Options { skip_corrupt: true, epochs: 0, ..options });
    assert_eq!(error, None);
    assert!(text.contains("left out") && text.contains("0.jpg"), "{text}");
    accuracy(&text);
}

#[test]
fn what_cannot_be_trained_on_is_told_before_the_first_epoch() {
    let (root, out) = (tempdir().unwrap(), tempdir().unwrap());
    let make = |folder: &str, classes: &[String]| -> PathBuf {
        let folder = root.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        for class in classes {
            save(&picture(0, 1).into(), &folder.join(class).join("1.png"));
        }
        folder
    };
    let names = |count: usize| (0..count).map(|i| format!("class{i}")).collect::<Vec<_>>();
    let half = make("half", &[]);
    make("half/train", &names(2));
    let other = make("other", &[]);
    make("other/train", &names(2));
    make("other/test", &names(3));
    let empty_class = make("empty class", &names(2));
    std::fs::create_dir(empty_class.join("class2")).unwrap();
    for (folder, word) in [
        (root.path().join("missing"), "missing"),
        (make("empty", &[]), "no folders of classes"),
        (make("one", &names(1)), "one class, `class0`"),
        (empty_class, "class2"),
        (make("many", &names(101)), "number of classes is 101, expected at most 100"),
        (half, "val"),
        (other, "other classes"),
        (make("single", &names(2)), "at least one of the 2 images"),
    ] {
        let (_, error) = told(&options(&folder, &out));
        assert!(error.as_ref().is_some_and(|error| error.contains(word)), "{}: {error:?}", folder.display());
    }
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
    // a file where the folder of the weights should be
    std::fs::write(out.path().join("run"), "").unwrap();
    let folder = tempdir().unwrap();
    fill(folder.path(), 2);
    let (_, error) = told(&options(folder.path(), &out));
    assert!(error.as_ref().is_some_and(|error| error.contains("run")), "{error:?}");
}
