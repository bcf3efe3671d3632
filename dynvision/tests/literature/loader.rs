//! Reads a golden: what went into a model of the literature, and what its authors' code made of it.

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::path::PathBuf;

/// One case.
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) json: Value,
    bytes: Vec<u8>,
}

/// The names of all cases.
pub(crate) fn names() -> Vec<String> {
    let index: Value = serde_json::from_slice(&std::fs::read(path("index.json")).unwrap()).unwrap();
    index["cases"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_string()).collect()
}

fn path(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "literature", "data", file].iter().collect()
}

/// Numbers that a description says how to make: `offset + scale u`, `u` uniform in ±1 by a hash of the index, or a constant.
fn made(init: &Value, n: usize) -> Vec<f32> {
    let number = |key: &str| init[key].as_f64().unwrap();
    if init["kind"] == "constant" {
        return vec![number("value") as f32; n];
    }
    let (seed, scale, offset) = (init["seed"].as_u64().unwrap() as u32, number("scale"), number("offset"));
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

impl Golden {
    pub(crate) fn load(name: &str) -> Golden {
        let read = |ending: &str| {
            std::fs::read(path(&format!("{name}.{ending}"))).unwrap_or_else(|e| panic!("{name}.{ending}: {e}"))
        };
        Golden { name: name.into(), json: serde_json::from_slice(&read("json")).unwrap(), bytes: read("safetensors") }
    }

    /// A tensor with its sizes, stored or made by its formula.
    pub(crate) fn get(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let init = &self.json["made"][name];
        if !init.is_null() {
            let sizes: Vec<usize> =
                init["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
            let n = sizes.iter().product();
            return Some((sizes, made(init, n)));
        }
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).ok()?;
        assert_eq!(view.dtype(), Dtype::F32, "{}: {name}", self.name);
        let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        Some((view.shape().to_vec(), values))
    }

    /// A tensor that must be there.
    pub(crate) fn values(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        self.get(name).unwrap_or_else(|| panic!("{}: no {name}", self.name))
    }

    /// Integers that may be there.
    pub(crate) fn integers(&self, name: &str) -> Option<Vec<usize>> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).ok()?;
        assert_eq!(view.dtype(), Dtype::I64, "{}: {name}", self.name);
        let number = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap()) as usize;
        Some(view.data().chunks_exact(8).map(number).collect())
    }

    /// Whether rounding alone makes the gradient of this parameter.
    pub(crate) fn has_no_gradient(&self, name: &str) -> bool {
        let none = self.json["params_with_zero_grad_up_to_rounding"].as_array().unwrap();
        none.iter().any(|other| other == name)
    }

    /// A number of the authors' configuration.
    pub(crate) fn number(&self, key: &str) -> f64 {
        self.json["config"][key].as_f64().unwrap_or_else(|| panic!("{}: no number {key}", self.name))
    }

    pub(crate) fn description(&self) -> &str {
        self.json["description"].as_str().unwrap_or_default()
    }
}
