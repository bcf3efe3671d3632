//! Reads a golden.

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::path::PathBuf;

/// One case that the original computed.
pub(crate) struct Golden {
    pub(crate) json: Value,
    bytes: Vec<u8>,
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "goldens_data", "data"].iter().collect()
}

/// The names of all cases.
pub(crate) fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let cases = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let mut names: Vec<String> = cases.map(|path| path.file_stem().unwrap().to_str().unwrap().to_string()).collect();
    names.sort_unstable();
    names
}

impl Golden {
    pub(crate) fn load(name: &str) -> Golden {
        let read = |ending| std::fs::read(folder().join(name).with_extension(ending)).unwrap();
        Golden { json: serde_json::from_slice(&read("json")).unwrap(), bytes: read("safetensors") }
    }

    /// A stored tensor's shape and little-endian bytes.
    pub(crate) fn tensor(&self, name: &str, dtype: Dtype) -> (Vec<usize>, Vec<u8>) {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap();
        assert_eq!(view.dtype(), dtype, "{name}");
        (view.shape().to_vec(), view.data().to_vec())
    }

    pub(crate) fn bytes(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        self.tensor(name, Dtype::U8)
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        let (_, data) = self.tensor(name, Dtype::F32);
        data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    pub(crate) fn doubles(&self, name: &str) -> (Vec<usize>, Vec<f64>) {
        let (shape, data) = self.tensor(name, Dtype::F64);
        (shape, data.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect())
    }

    pub(crate) fn integers(&self, name: &str) -> Vec<i64> {
        let (_, data) = self.tensor(name, Dtype::I64);
        data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
    }
}
