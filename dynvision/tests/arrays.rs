//! Files that NumPy wrote (`tests/data/numpy`, made by its `make.py`), read without it.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use dynvision::data::{Arrays, Dataset, Split, Values, cifar};
use dynvision::interop::npz::{self, Array, NpzFile};
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/numpy").join(name)
}

/// The elements as numbers, by the type that NumPy names.
fn numbers(kind: &str, bytes: &[u8]) -> Vec<f64> {
    macro_rules! each {
        ($type:ty, $width:literal) => {
            bytes.as_chunks::<$width>().0.iter().map(|bytes| <$type>::from_le_bytes(*bytes) as f64).collect()
        };
    }
    match kind {
        "u1" => each!(u8, 1),
        "i1" => each!(i8, 1),
        "u2" => each!(u16, 2),
        "i2" => each!(i16, 2),
        "u4" => each!(u32, 4),
        "i4" => each!(i32, 4),
        "u8" => each!(u64, 8),
        "i8" => each!(i64, 8),
        "f2" => bytes.as_chunks().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes).to_f64()).collect(),
        "f4" => each!(f32, 4),
        "f8" => each!(f64, 8),
        kind => panic!("{kind}"),
    }
}

#[test]
fn every_type_and_order_of_numpy_is_read() {
    let mut archive = NpzFile::open(file("kinds.npz")).unwrap();
    let counted: Vec<f64> = (0..24).map(f64::from).collect();
    let names = archive.names().to_vec();
    assert_eq!(names.iter().filter(|name| name.starts_with("rows")).count(), 14);
    for name in names.iter().filter(|name| name.starts_with("rows")) {
        let array = archive.read(name).unwrap();
        let kind = name.split(' ').nth(1).unwrap();
        assert_eq!((array.shape(), numbers(kind, array.bytes())), (&[2, 3, 4][..], counted.clone()), "{name}");
    }
    let columns = archive.read("columns").unwrap();
    assert_eq!((columns.shape(), numbers("f4", columns.bytes())), (&[2, 3, 4][..], counted));
    let two = archive.read("columns of two").unwrap();
    assert_eq!(numbers("i8", two.bytes()), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(archive.read("truth").unwrap().bytes(), [0, 1].repeat(12));
    let single = archive.read("single").unwrap();
    assert_eq!((single.shape(), single.bytes()), (&[][..], &0.1f64.to_le_bytes()[..]));
    assert_eq!(archive.read("nothing").unwrap().shape(), [0, 5]);
    assert_eq!(numbers("f4", archive.read("folder/below").unwrap().bytes()), [0.0, 1.0, 2.0]);
    let state = npz::read(file("kinds.npz")).unwrap();
    assert_eq!(state.names().count(), names.len());
    assert_eq!(state.get::<f64>("single", &[]).unwrap(), [0.1]);
}

#[test]
fn every_version_is_read() {
    for version in 1..=3 {
        let array = npz::read_npy(file(&format!("version{version}.npy"))).unwrap();
        assert_eq!(numbers("f4", array.bytes()), [0.0, 1.0, 2.0, 3.0, 4.0]);
    }
}

#[test]
fn what_are_no_numbers_is_refused_by_name() {
    let mut archive = NpzFile::open(file("refused.npz")).unwrap();
    for (name, word) in [
        ("objects", "objects of Python"),
        ("texts", "`U2`"),
        ("complex", "`c16`"),
        ("records", "records"),
        ("times", "`M8[s]`"),
    ] {
        let error = archive.read(name).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains(name) && error.contains("refused.npz"), "{error}");
    }
    let error = archive.read("other").unwrap_err().to_string();
    assert!(error.contains("no array `other`, but objects, texts"), "{error}");
}

#[test]
fn films_of_bytes_are_a_data_set() {
    let films = Arrays::read(file("stored.npz"), "images", "labels").unwrap();
    assert_eq!((films.labels(), films.frames()), (&[1, 0][..], 3));
    assert_eq!(films.sample(1).unwrap().values(), &Values::Bytes((12..24).collect()));
    let error = Arrays::read_npy(file("version1.npy"), file("version1.npy")).unwrap_err().to_string();
    assert!(error.contains("[5]") && error.contains("version1.npy"), "{error}");
}

/// Protocol 4 has frames, a memo without numbers and bytes that Python 2 does not know.
#[test]
fn a_batch_of_cifar_from_python_3_is_read() {
    let images = cifar::read_cifar10_python(file(""), Split::Test).unwrap();
    assert_eq!(images.labels(), [3, 9]);
    assert_eq!((images.image(0).unwrap(), images.image(1).unwrap()), (&[7; 3072][..], &[8; 3072][..]));
}

#[test]
fn every_truncation_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut");
    for name in ["version1.npy", "version2.npy", "version3.npy"] {
        let whole = std::fs::read(file(name)).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(npz::read_npy(&path).is_err(), "{name} {cut}");
            assert!(npz::npy_from_bytes(&whole[..cut]).is_err(), "{name} {cut}");
        }
        std::fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
        assert!(npz::read_npy(&path).unwrap_err().to_string().contains("more"), "{name}");
    }
    let whole = std::fs::read(file("stored.npz")).unwrap();
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert!(npz::read(&path).is_err(), "{cut}");
    }
}

#[test]
fn sizes_that_are_only_stated_take_no_memory() {
    for shape in [
        "(1000000000000,)",
        "(4294967296, 4294967296)",
        "(18446744073709551615,)",
        "(99999999999999999999,)",
        "(2, -1)",
    ] {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let bytes =
            [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat();
        assert!(npz::npy_from_bytes(&bytes).is_err(), "{shape}");
    }
    let error = npz::npy_from_bytes(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{").unwrap_err().to_string();
    assert!(error.contains("4294967295 bytes"), "{error}");
}

/// Seventy thousand arrays, written and read. The time is printed: `cargo test --release --test arrays -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout, reason = "its result")]
fn many_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.npz");
    for count in [7_000, 70_000] {
        let names: Vec<String> = (0..count).map(|i| format!("array{i}")).collect();
        let arrays: Vec<Array<'_>> =
            names.iter().map(|name| Array::new(name, &[4], &[1.0f32, 2.0, 3.0, 4.0][..])).collect();
        let start = std::time::Instant::now();
        npz::write(&path, &arrays).unwrap();
        let written = start.elapsed();
        let state = npz::read(&path).unwrap();
        assert_eq!(state.names().count(), count);
        println!("{count} arrays: written in {written:?}, read in {:?}", start.elapsed() - written);
    }
}
