//! A case of the original's numbers, from its two files.

use half::f16;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

pub(crate) struct Golden {
    pub(crate) json: Value,
    bytes: Vec<u8>,
    compared: usize,
}

impl Golden {
    pub(crate) fn load(name: &str) -> Self {
        let read = |end| {
            let path = format!("{}/tests/goldens/data/{name}.{end}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
        };
        let json = serde_json::from_slice(&read("json")).unwrap();
        Golden { json, bytes: read("safetensors"), compared: 0 }
    }

    pub(crate) fn shape(&self, tensor: &str) -> Vec<usize> {
        SafeTensors::deserialize(&self.bytes).unwrap().tensor(tensor).unwrap().shape().to_vec()
    }

    pub(crate) fn numbers(&self, tensor: &str) -> Vec<f64> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(tensor).unwrap_or_else(|e| panic!("{tensor}: {e}"));
        let data = view.data();
        match view.dtype() {
            Dtype::F16 => data.chunks_exact(2).map(|b| f16::from_le_bytes(b.try_into().unwrap()).into()).collect(),
            Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect(),
            Dtype::F64 => data.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
            Dtype::BOOL | Dtype::U8 => data.iter().map(|&b| b.into()).collect(),
            Dtype::I64 => data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect(),
            other => panic!("{tensor} is {other:?}"),
        }
    }

    pub(crate) fn name(&self) -> String {
        self.json["name"].as_str().unwrap().to_string()
    }

    /// The names of the tensors.
    pub(crate) fn names(&self) -> Vec<String> {
        SafeTensors::deserialize(&self.bytes).unwrap().names().into_iter().cloned().collect()
    }

    /// Says that so many numbers were compared.
    pub(crate) fn count(&mut self, numbers: usize) {
        self.compared += numbers;
    }

    pub(crate) fn floats(&self, tensor: &str) -> Vec<f32> {
        self.numbers(tensor).into_iter().map(|x| x as f32).collect()
    }

    pub(crate) fn integers(&self, tensor: &str) -> Vec<i64> {
        self.numbers(tensor).into_iter().map(|x| x as i64).collect()
    }

    pub(crate) fn tolerance(&self) -> f64 {
        self.json["tolerance"].as_f64().unwrap()
    }

    /// Compares at the case's own tolerance; what is missing must be NaN.
    pub(crate) fn compare(&mut self, tensor: &str, found: &[Option<f64>]) {
        self.compare_at(tensor, found, self.tolerance());
    }

    pub(crate) fn compare_all(&mut self, tensor: &str, found: &[f64]) {
        self.compare(tensor, &found.iter().copied().map(Some).collect::<Vec<_>>());
    }

    /// Compares at a tolerance relative to the tensor's largest value.
    pub(crate) fn compare_at(&mut self, tensor: &str, found: &[Option<f64>], tolerance: f64) {
        let expected = self.numbers(tensor);
        assert!(!expected.is_empty(), "{tensor} is empty");
        assert_eq!(found.len(), expected.len(), "{tensor}: length");
        let scale = expected.iter().filter(|x| x.is_finite()).fold(0., |m: f64, x| m.max(x.abs()));
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            match found {
                None => assert!(expected.is_nan(), "{tensor}[{i}] is missing, not {expected}"),
                Some(x) => {
                    let off = (x - expected).abs();
                    assert!(off <= tolerance * scale, "{tensor}[{i}] is {x}, not {expected} (largest {scale})");
                }
            }
        }
        self.compared += expected.len();
    }

    pub(crate) fn compared(&self) -> usize {
        self.compared
    }
}
