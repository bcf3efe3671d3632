//! Files that PyTorch 2.15 wrote (`tests/data/pytorch/make.py`), read without it.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use dfdx::nn::{DeviceBuildExt, builders::Linear};
use dfdx::prelude::{AsArray, Cpu};
use dynvision::interop::{StateDict, Weights, pytorch};
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pytorch").join(name)
}

fn numbers(state: &StateDict, name: &str) -> (Vec<usize>, Vec<f64>) {
    state.numbers(name).unwrap()
}

/// The values stand in `make.py`.
#[test]
fn both_layouts_hold_the_same_tensors_views_as_what_they_mean() {
    let base: Vec<f64> = (0..12).map(|i| f64::from(i) / 8.0).collect();
    let transposed: Vec<f64> = (0..12).map(|i| base[i % 3 * 4 + i / 3]).collect();
    for name in ["zip.pt", "legacy.pth"] {
        let loaded = pytorch::read(file(name)).unwrap();
        let state = &loaded.state;
        assert!(loaded.skipped.is_empty(), "{name}");
        assert_eq!(numbers(state, "weight"), (vec![3, 4], base.clone()), "{name}");
        assert_eq!(numbers(state, "transposed"), (vec![4, 3], transposed.clone()), "{name}");
        assert_eq!(numbers(state, "row"), (vec![4], base[4..8].to_vec()));
        assert_eq!(numbers(state, "broadcast"), (vec![2, 3], vec![0.5, 0.5, 0.5, -1.5, -1.5, -1.5]));
        assert_eq!(numbers(state, "half").1, [1.0, -0.333251953125, 65504.0, 2f64.powi(-24)]);
        assert_eq!(state.get::<f32>("bfloat", &[3]).unwrap(), [1.0, -3.140625, f32::from_bits(0x714a_0000)]);
        assert_eq!(numbers(state, "double").1, [1.0 / 3.0]);
        assert_eq!(numbers(state, "empty"), (vec![0, 3], vec![]));
        assert_eq!(numbers(state, "parameter"), (vec![1, 1], vec![0.25]));
        let error = state.get::<f32>("count", &[]).unwrap_err().to_string();
        assert!(error.contains("`count` is of type I64"), "{error}");
        assert_eq!(state.names().count(), 11);
    }
}

#[test]
fn a_lightning_checkpoint_gives_its_state_dict() {
    let loaded = pytorch::read(file("lightning.ckpt")).unwrap();
    let weight: Vec<f64> = (0..18).map(|i| f64::from(i) / 16.0).collect();
    assert_eq!(numbers(&loaded.state, "0.weight"), (vec![2, 1, 3, 3], weight));
    // as Python printed it
    assert_eq!(numbers(&loaded.state, "1.running_mean").1, [0.32500001788139343, 0.8375000357627869]);
    assert_eq!(loaded.state.names().count(), 7);
    assert!(loaded.skipped.iter().any(|name| name == "optimizer_states"), "{:?}", loaded.skipped);
}

/// The pickle would have run a command: it is an object without content here, and the tensors beside it are read.
#[test]
fn code_is_never_executed() {
    let loaded = pytorch::read(file("code.pt")).unwrap();
    assert_eq!(numbers(&loaded.state, "a").1, [1.0, 1.0]);
    assert_eq!(loaded.skipped, ["code"]);
    assert!(!Path::new("executed").exists());
}

#[test]
fn a_whole_model_is_refused_with_the_mend() {
    let error = pytorch::read(file("module.pt")).unwrap_err().to_string();
    for says in ["module.pt", "torch.nn.modules.container.Sequential", "model.state_dict()"] {
        assert!(error.contains(says), "{says} is not in {error}");
    }
}

#[test]
fn what_is_read_goes_into_a_model() {
    let mut state = StateDict::default();
    let loaded = pytorch::read(file("zip.pt")).unwrap();
    state.insert("weight", &[3, 4], &loaded.state.get::<f32>("weight", &[3, 4]).unwrap());
    state.insert("bias", &[3], &loaded.state.get::<f32>("bfloat", &[3]).unwrap());
    let mut net = Cpu::default().build_module::<Linear<4, 3>, f64>();
    net.set_weights(&state).unwrap();
    assert_eq!(net.weight.array()[2], [1.0, 1.125, 1.25, 1.375]);
}

/// Every cut, and every flipped bit of the storages, whose entries have checksums.
#[test]
fn damage_is_an_error() {
    let bytes = std::fs::read(file("zip.pt")).unwrap();
    for cut in 0..bytes.len() {
        assert!(pytorch::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    // the first storage begins at a multiple of 64 behind its header
    let storage: Vec<u8> = (0..12).flat_map(|i| (i as f32 / 8.0).to_le_bytes()).collect();
    let at = bytes.windows(storage.len()).position(|window| window == storage).unwrap();
    for bit in 0..storage.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[at + bit / 8] ^= 1 << (bit % 8);
        let error = pytorch::from_bytes(&flipped).unwrap_err().to_string();
        assert!(error.contains("data/0"), "{error}");
    }
    let legacy = std::fs::read(file("legacy.pth")).unwrap();
    for cut in 0..legacy.len() {
        assert!(pytorch::from_bytes(&legacy[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn other_files_are_told_what_reads_them() {
    let error = pytorch::from_bytes(&StateDict::default().to_safetensors().unwrap()).unwrap_err().to_string();
    assert!(error.contains("safetensors are read by"), "{error}");
    let error = pytorch::read("nowhere.pt").unwrap_err().to_string();
    assert!(error.contains("`nowhere.pt`"), "{error}");
}
