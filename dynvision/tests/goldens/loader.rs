//! Reads a golden: what the original was told, what went in, and what came out.

use dynvision::interop::StateDict;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::path::PathBuf;

/// One case that the original computed.
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) json: Value,
    bytes: Vec<u8>,
}

/// The names of all cases, copied or not.
pub(crate) fn names() -> Vec<String> {
    let index: Value = serde_json::from_slice(&std::fs::read(path("index.json")).unwrap()).unwrap();
    index["cases"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_string()).collect()
}

fn path(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "goldens", "data", file].iter().collect()
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
fn made(init: &Value, shape: &[usize]) -> Vec<f32> {
    let n = shape.iter().product();
    match init["kind"].as_str() {
        Some("constant") => vec![init["value"].as_f64().unwrap() as f32; n],
        _ => hash_uniform(
            n,
            init["seed"].as_u64().unwrap() as u32,
            init["scale"].as_f64().unwrap(),
            init["offset"].as_f64().unwrap(),
        ),
    }
}

fn shape_of(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

impl Golden {
    pub(crate) fn load(name: &str) -> Golden {
        let read = |ending: &str| {
            std::fs::read(path(&format!("{name}.{ending}"))).unwrap_or_else(|e| panic!("{name}.{ending}: {e}"))
        };
        Golden { name: name.into(), json: serde_json::from_slice(&read("json")).unwrap(), bytes: read("safetensors") }
    }

    /// A stored tensor of numbers, with its shape.
    pub(crate) fn get(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).ok()?;
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
            Dtype::F64 => data.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap()) as f32).collect(),
            Dtype::U8 => data.iter().map(|&b| f32::from(b)).collect(),
            other => panic!("{}: {name} is {other:?}", self.name),
        };
        Some((view.shape().to_vec(), values))
    }

    /// A stored tensor that must be there.
    pub(crate) fn values(&self, name: &str) -> Vec<f32> {
        self.get(name).unwrap_or_else(|| panic!("{}: no {name}", self.name)).1
    }

    /// Stored integers that must be there.
    pub(crate) fn integers(&self, name: &str) -> Vec<i64> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap();
        assert_eq!(view.dtype(), Dtype::I64, "{}: {name}", self.name);
        view.data().chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
    }

    /// The names of the stored tensors that begin so.
    pub(crate) fn stored(&self, prefix: &str) -> Vec<String> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        file.names().into_iter().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    /// The input; made by its formula, and compared bit by bit where it is stored as well.
    pub(crate) fn input(&self) -> (Vec<usize>, Vec<f32>) {
        let (stored, init) = (self.get("input"), &self.json["input_init"]);
        let shape = stored.as_ref().map_or_else(|| shape_of(&init["shape"]), |(shape, _)| shape.clone());
        let values = if init.is_null() { stored.clone().unwrap().1 } else { made(init, &shape) };
        if let Some((_, stored)) = stored {
            assert_eq!(values, stored, "{}: input and its formula", self.name);
        }
        (shape, values)
    }

    /// The weights and buffers by the original's names; made by their formulas, and compared bit by bit where they are stored as well.
    pub(crate) fn params(&self) -> StateDict {
        let mut state = StateDict::default();
        for (name, param) in self.json["params"].as_object().unwrap() {
            let shape = shape_of(&param["shape"]);
            let init = if param["init"].is_null() { param } else { &param["init"] };
            let values = made(init, &shape);
            if let Some((_, stored)) = self.get(&format!("param/{name}")) {
                assert_eq!(values, stored, "{}: {name} and its formula", self.name);
            }
            state.insert(name, &shape, &values);
        }
        for (name, buffer) in self.json["buffer_init"].as_object().into_iter().flatten() {
            let shape = shape_of(&buffer["shape"]);
            state.insert(name, &shape, &made(buffer, &shape));
        }
        state
    }

    /// A number of the original's configuration.
    pub(crate) fn number(&self, key: &str) -> f64 {
        self.json["config"][key].as_f64().unwrap_or_else(|| panic!("{}: no number {key}", self.name))
    }

    pub(crate) fn description(&self) -> &str {
        self.json["description"].as_str().unwrap_or_default()
    }
}
