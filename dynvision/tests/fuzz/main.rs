//! Every reader on inputs that are nearly right: no panic, and no memory beyond what the file could need.
//!
//! The inputs are those of `corpus/` and of `tests/data`, changed at random places by a generator whose seed is
//! fixed, so that a failure comes again; its message has the round. The gate takes a few seconds. With
//! `DYNVISION_FUZZ_SECONDS=600` each reader is tried for that long, with other changes each time.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod mutate;

use dfdx::nn::DeviceBuildExt;
use dfdx::prelude::Cpu;
use dynvision::data::{Arrays, Split, cifar, idx::Idx};
#[cfg(feature = "images")]
use dynvision::data::{Dataset, ImageFolder};
use dynvision::interop::{StateDict, Weights, npz, pytorch, torch};
use mutate::Mutator;
use peak_alloc::PeakAlloc;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The memory is that of the whole process: one reader at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Rounds in the gate.
const ROUNDS: u64 = 1500;
/// What a reader may take in any case, and for each byte of its input: an instruction of a pickle is a byte, and DEFLATE
/// makes up to 1032 bytes of one.
const BASE: usize = 4 << 20;

dynvision::simple_rcnn! {
    struct Small; input = [1, 4, 4], classes = 2
}

fn corpus(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let found = ["fuzz/corpus", "data/pytorch", "data/numpy", "data/pictures"].map(|part| folder.join(part).join(name));
    let path: &PathBuf = found.iter().find(|path| path.exists()).unwrap();
    std::fs::read(path).unwrap()
}

/// Gives `read` the seeds themselves, and then changed ones. `wrap` packs a changed input, for formats whose checksum would
/// else stop nearly all of them at the door.
fn fuzz(seeds: &[Vec<u8>], per_byte: usize, wrap: impl Fn(Vec<u8>) -> Vec<u8>, read: impl Fn(&[u8]) -> bool) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let long = std::env::var("DYNVISION_FUZZ_SECONDS").ok().map(|text| Duration::from_secs(text.parse().unwrap()));
    let (begin, offset) = (Instant::now(), long.map_or(0, |_| u64::from(std::process::id()) << 32));
    for seed in seeds {
        assert!(read(&wrap(seed.clone())), "a seed of the corpus is refused");
    }
    let mut round = 0;
    while long.map_or(round < ROUNDS, |long| begin.elapsed() < long) {
        let input = wrap(Mutator::new(offset + round).change(seeds));
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(&input))).is_err();
        let taken = MEMORY.peak_usage().saturating_sub(before);
        let greatest = BASE + per_byte * input.len();
        assert!(!panicked, "round {}: a panic, see above", offset + round);
        assert!(taken <= greatest, "round {}: {taken} bytes for {} of input", offset + round, input.len());
        round += 1;
    }
}

fn as_it_is(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

fn gzip(bytes: Vec<u8>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn idx() {
    let seeds = [corpus("images.idx3-ubyte"), corpus("labels.idx1-ubyte")];
    fuzz(&seeds, 16, as_it_is, |bytes| Idx::decode("fuzz", bytes).is_ok());
    fuzz(&seeds, 1100, gzip, |bytes| Idx::decode("fuzz", bytes).is_ok());
}

#[test]
fn idx_in_gzip() {
    fuzz(&[corpus("images.idx3-ubyte.gz")], 1100, as_it_is, |bytes| Idx::decode("fuzz", bytes).is_ok());
}

#[test]
fn cifar_records() {
    fuzz(&[corpus("cifar10.bin")], 16, as_it_is, |bytes| cifar::decode_cifar10("fuzz", bytes).is_ok());
    let coarse = |bytes: &[u8]| cifar::decode_cifar100("fuzz", bytes, cifar::LabelMode::Coarse).is_ok();
    fuzz(&[corpus("cifar100.bin")], 16, as_it_is, coarse);
}

/// Behind the names of its functions, a batch of CIFAR's Python version is a pickle as any other.
#[test]
fn cifar_pickles() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test_batch");
    fuzz(&[corpus("test_batch")], 256, as_it_is, |bytes| {
        std::fs::write(&path, bytes).unwrap();
        cifar::read_cifar10_python(folder.path(), Split::Test).is_ok()
    });
}

#[test]
fn npy() {
    let seeds = ["version1.npy", "version2.npy", "version3.npy"].map(corpus);
    fuzz(&seeds, 16, as_it_is, |bytes| npz::npy_from_bytes(bytes).is_ok());
}

/// An archive as it lies in a file, and a data set of it.
#[test]
fn npz() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("arrays.npz");
    fuzz(&["kinds.npz", "stored.npz"].map(corpus), 1100, as_it_is, |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let _ = Arrays::read(&path, "images", "labels");
        npz::read(&path).is_ok()
    });
}

/// Pictures of every format: what they state takes no memory that they could not fill.
#[cfg(feature = "images")]
#[test]
fn pictures() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        std::fs::write(folder.path().join(class).join("1.png"), corpus("rgb.png")).unwrap();
    }
    let set = ImageFolder::open(folder.path()).unwrap();
    let seeds = [
        "rgb.jpg",
        "progressive.jpg",
        "cmyk.jpg",
        "palette.png",
        "greyalpha.png",
        "packed.tif",
        "palette.gif",
        "rgb.bmp",
    ];
    // the format is told by the content
    fuzz(&seeds.map(corpus), 1 << 17, as_it_is, |bytes| {
        std::fs::write(&set.files()[0], bytes).unwrap();
        set.sample(0).is_ok()
    });
}

#[test]
fn safetensors() {
    let seeds = ["foreign.safetensors", "texts.safetensors", "checksum.safetensors"].map(corpus);
    fuzz(&seeds, 256, as_it_is, |bytes| {
        let Ok(state) = StateDict::from_safetensors(bytes) else { return false };
        let _ = state.narrowed();
        for name in state.names() {
            let _ = state.numbers(name);
        }
        true
    });
}

/// What a model takes up is either refused, or finite.
#[test]
fn state_dicts() {
    let dev = Cpu::default();
    let mut net = dev.build_module::<Small, f32>();
    let own = without_checksum(&net.weights());
    let theirs = without_checksum(&torch::export(&net, &torch::Names::default()).unwrap());
    net.set_weights(&StateDict::from_safetensors(&own).unwrap()).unwrap();
    let net = std::cell::RefCell::new(net);
    let finite = || {
        let state = net.borrow().weights();
        state.names().all(|name| state.numbers(name).unwrap().1.iter().all(|value| value.is_finite()))
    };
    fuzz(&[own], 512, as_it_is, |bytes| {
        let Ok(state) = StateDict::from_safetensors(bytes) else { return false };
        let taken = net.borrow_mut().set_weights(&state).is_ok();
        assert!(finite());
        taken
    });
    fuzz(&[theirs], 512, as_it_is, |bytes| {
        let Ok(state) = StateDict::from_safetensors(bytes) else { return false };
        let taken = torch::import(&mut *net.borrow_mut(), &state).is_ok();
        assert!(finite());
        taken
    });
}

/// A file of ours as another program would write it.
fn without_checksum(state: &StateDict) -> Vec<u8> {
    let bytes = state.to_safetensors().unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    safetensors::serialize(file.tensors(), &None).unwrap()
}

#[test]
fn pytorch_files() {
    let read = |bytes: &[u8]| pytorch::from_bytes(bytes).is_ok();
    fuzz(&["zip.pt", "lightning.ckpt", "code.pt"].map(corpus), 256, as_it_is, read);
    // the legacy layout has no checksums
    fuzz(&[corpus("legacy.pth")], 256, as_it_is, read);
    // behind the checksums of the archive
    fuzz(&["zip.pt", "lightning.ckpt"].map(|name| program(&corpus(name))), 256, archive, read);
}

/// The pickle of an archive.
fn program(bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let index = (0..archive.len()).find(|&i| archive.by_index(i).unwrap().name().ends_with("/data.pkl")).unwrap();
    let mut program = Vec::new();
    archive.by_index(index).unwrap().read_to_end(&mut program).unwrap();
    program
}

/// An archive of that pickle and storages that are large enough.
fn archive(program: Vec<u8>) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let storages = (0..30).map(|key| (format!("data/{key}"), vec![0; 96]));
    for (name, content) in [("data.pkl".to_string(), program)].into_iter().chain(storages) {
        archive.start_file(format!("zip/{name}"), stored).unwrap();
        archive.write_all(&content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[cfg(feature = "train")]
#[test]
fn training_settings() {
    fuzz(&[corpus("training.toml")], 4096, as_it_is, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        dynvision::train::TrainConfig::from_toml(text).is_ok()
    });
}
