//! Reads goldens: what others' code was told, what went in, and what came out. Each test has a folder of them.
#![allow(dead_code, reason = "each test uses its part")]

use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::path::PathBuf;

/// One case.
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) json: Value,
    bytes: Vec<u8>,
}

fn folder(test: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", test, "data"].iter().collect()
}

/// The names of all cases of a test: those of its index, copied or not, or else those of its files.
pub(crate) fn names(test: &str) -> Vec<String> {
    let folder = folder(test);
    if let Ok(index) = std::fs::read(folder.join("index.json")) {
        let index: Value = serde_json::from_slice(&index).unwrap();
        return index["cases"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_string()).collect();
    }
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let cases = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let mut names: Vec<String> = cases.map(|path| path.file_stem().unwrap().to_str().unwrap().to_string()).collect();
    names.sort_unstable();
    names
}

/// Numbers `offset + scale * u`, `u` uniform in ±1 by a hash of the index: the one way in which weights and inputs of the
/// goldens were made, the same in any language.
pub(crate) fn hash_uniform(n: usize, seed: u32, scale: f64, offset: f64) -> Vec<f32> {
    let value = |i: u32| {
        let mut h = i.wrapping_mul(0x9E37_79B1).wrapping_add(seed.wrapping_mul(0x85EB_CA77)).wrapping_add(1);
        h ^= h >> 16;
        h = h.wrapping_mul(0x85EB_CA6B);
        h ^= h >> 13;
        h = h.wrapping_mul(0xC2B2_AE35);
        h ^= h >> 16;
        (offset + scale * (2.0 * (f64::from(h) / 4_294_967_296.0) - 1.0)) as f32
    };
    (0..n as u32).map(value).collect()
}

/// A tensor that a description says how to make.
pub(crate) fn made(init: &Value, shape: &[usize]) -> Vec<f32> {
    let (n, number) = (shape.iter().product(), |key: &str| init[key].as_f64().unwrap());
    match init["kind"].as_str() {
        Some("constant") => vec![number("value") as f32; n],
        _ => hash_uniform(n, init["seed"].as_u64().unwrap() as u32, number("scale"), number("offset")),
    }
}

/// The sizes of a description.
pub(crate) fn shape_of(sizes: &Value) -> Vec<usize> {
    sizes.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

/// Stored numbers of `N` bytes each.
fn each<const N: usize, T>(data: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.chunks_exact(N).map(|bytes| number(bytes.try_into().unwrap())).collect()
}

impl Golden {
    pub(crate) fn load(test: &str, name: &str) -> Golden {
        let read = |ending: &str| {
            let path = folder(test).join(format!("{name}.{ending}"));
            std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        };
        Golden { name: name.into(), json: serde_json::from_slice(&read("json")).unwrap(), bytes: read("safetensors") }
    }

    /// What is read from a stored tensor, if it is there.
    fn view<T>(&self, name: &str, read: impl FnOnce(&TensorView<'_>) -> T) -> Option<T> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        file.tensor(name).ok().map(|view| read(&view))
    }

    fn must<T>(&self, name: &str, found: Option<T>) -> T {
        found.unwrap_or_else(|| panic!("{}: no {name}", self.name))
    }

    /// The numbers of a stored tensor of any type.
    fn doubles(&self, name: &str, view: &TensorView<'_>) -> Vec<f64> {
        match view.dtype() {
            Dtype::F16 => each(view.data(), |b| f16::from_le_bytes(b).into()),
            Dtype::F32 => each(view.data(), |b| f32::from_le_bytes(b).into()),
            Dtype::F64 => each(view.data(), f64::from_le_bytes),
            Dtype::I64 => each(view.data(), |b| i64::from_le_bytes(b) as f64),
            Dtype::BOOL | Dtype::U8 => view.data().iter().map(|&b| b.into()).collect(),
            other => panic!("{}: {name} is {other:?}", self.name),
        }
    }

    /// A tensor with its sizes, stored or made by its formula.
    pub(crate) fn get(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let init = &self.json["made"][name];
        if !init.is_null() {
            let sizes = shape_of(&init["shape"]);
            let values = made(init, &sizes);
            return Some((sizes, values));
        }
        self.view(name, |view| {
            let values = match view.dtype() {
                Dtype::F32 => each(view.data(), f32::from_le_bytes),
                _ => self.doubles(name, view).into_iter().map(|x| x as f32).collect(),
            };
            (view.shape().to_vec(), values)
        })
    }

    /// A tensor that must be there, with its sizes.
    pub(crate) fn tensor(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        self.must(name, self.get(name))
    }

    /// The values of a tensor that must be there.
    pub(crate) fn values(&self, name: &str) -> Vec<f32> {
        self.tensor(name).1
    }

    /// The values of a stored tensor that must be there, in the precision that they have.
    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        self.must(name, self.view(name, |view| self.doubles(name, view)))
    }

    /// Stored whole numbers that must be there.
    pub(crate) fn integers(&self, name: &str) -> Vec<i64> {
        let read = |view: &TensorView<'_>| match view.dtype() {
            Dtype::I64 => each(view.data(), i64::from_le_bytes),
            _ => self.doubles(name, view).into_iter().map(|x| x as i64).collect(),
        };
        self.must(name, self.view(name, read))
    }

    /// Stored bytes that must be there, with their sizes.
    pub(crate) fn bytes(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let (shape, dtype, data) =
            self.must(name, self.view(name, |view| (view.shape().to_vec(), view.dtype(), view.data().to_vec())));
        assert_eq!(dtype, Dtype::U8, "{}: {name}", self.name);
        (shape, data)
    }

    /// The sizes of a stored tensor that must be there.
    pub(crate) fn shape(&self, name: &str) -> Vec<usize> {
        self.must(name, self.view(name, |view| view.shape().to_vec()))
    }

    /// Whether a tensor is stored.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.view(name, |_| ()).is_some()
    }

    /// The names of the stored tensors that begin so.
    pub(crate) fn stored(&self, prefix: &str) -> Vec<String> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        file.names().into_iter().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    /// A number of the configuration.
    pub(crate) fn number(&self, key: &str) -> f64 {
        self.json["config"][key].as_f64().unwrap_or_else(|| panic!("{}: no number {key}", self.name))
    }

    pub(crate) fn description(&self) -> &str {
        self.json["description"].as_str().unwrap_or_default()
    }
}
