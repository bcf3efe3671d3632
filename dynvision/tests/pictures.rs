//! Pictures of every kind, read as PIL reads them (`tests/data/pictures`, made by its `make.py`).
#![cfg(feature = "images")]
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use dynvision::data::{DataError, Dataset, ImageFolder, Values};
use dynvision::geometry::Map;
use dynvision::interop::npz::NpzFile;
use std::path::Path;

fn pictures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures")
}

/// How far values may be from those of PIL: JPEG leaves the rounding of its transform and the interpolation of its colours to the decoder.
fn tolerance(name: &str) -> u8 {
    match name {
        "full.jpg" | "grey.jpg" => 2,
        "cmyk.jpg" => 4,
        name if name.ends_with(".jpg") => 6,
        _ => 0,
    }
}

#[test]
fn every_kind_of_picture_is_what_pil_makes_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = NpzFile::open(pictures().join("expected.npz")).unwrap();
    let names = expected.names().to_vec();
    assert_eq!(names.len(), 17);
    for class in ["a", "b"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        for name in &names {
            std::fs::copy(pictures().join(name), folder.path().join(class).join(name)).unwrap();
        }
    }
    let set = ImageFolder::open(folder.path()).unwrap();
    let mut wrong = Vec::new();
    for (index, path) in set.files().iter().enumerate().take(names.len()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let sample = match set.sample(index) {
            Ok(sample) => sample,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        let expected = expected.read(name).unwrap();
        assert_eq!((sample.shape(), expected.shape()), (Map::new(3, 13, 18), &[3, 13, 18][..]), "{name}");
        let Values::Bytes(found) = sample.into_values() else { panic!("{name} is not of bytes") };
        let apart = found.iter().zip(expected.bytes()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        if apart > tolerance(name) {
            wrong.push(format!("{name} is {apart} apart"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Decoders fill up what is missing, and a picture that is half grey is learnt in silence.
#[test]
fn what_is_cut_off_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let names = NpzFile::open(pictures().join("expected.npz")).unwrap().names().to_vec();
    for class in ["a", "b"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
    }
    std::fs::copy(pictures().join("rgb.bmp"), folder.path().join("b/sound.bmp")).unwrap();
    for name in names {
        let (whole, path) = (std::fs::read(pictures().join(&name)).unwrap(), folder.path().join("a").join(&name));
        for cut in [0, 2, 30, whole.len() / 2, whole.len() * 3 / 4] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let set = ImageFolder::open(folder.path()).unwrap();
            let error = set.sample(0).err().map(|error| error.to_string());
            assert!(error.as_ref().is_some_and(|error| error.contains(&name)), "{name} cut to {cut}: {error:?}");
        }
        std::fs::remove_file(path).unwrap();
    }
}

/// A header of a few bytes that states a large picture takes no memory for it.
#[test]
fn a_size_that_is_only_stated_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
    }
    let mut bmp = std::fs::read(pictures().join("rgb.bmp")).unwrap();
    // width and height as little-endian numbers
    bmp[18..22].copy_from_slice(&8000u32.to_le_bytes());
    bmp[22..26].copy_from_slice(&8000u32.to_le_bytes());
    std::fs::write(folder.path().join("a/large.bmp"), &bmp).unwrap();
    std::fs::copy(pictures().join("rgb.bmp"), folder.path().join("b/sound.bmp")).unwrap();
    let set = ImageFolder::open(folder.path()).unwrap();
    let error = set.sample(0).unwrap_err();
    assert!(matches!(error, DataError::Corrupt { .. }) && error.to_string().contains("8000x8000"), "{error}");
    set.sample(1).unwrap();
}
