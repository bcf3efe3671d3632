//! What several tests need.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use dfdx::nn::{RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorName, ViewTensorRef};
use dfdx::prelude::{Cpu, Device, Dtype, Gradients, Shape, Tensor};
use safetensors::SafeTensors;
use std::collections::BTreeMap;

/// A case that the original computed.
pub struct Golden {
    pub json: serde_json::Value,
    bytes: Vec<u8>,
}

impl Golden {
    pub fn load(name: &str) -> Golden {
        let path = |ending| format!("{}/tests/goldens/data/{name}.{ending}", env!("CARGO_MANIFEST_DIR"));
        let json = serde_json::from_slice(&std::fs::read(path("json")).unwrap()).unwrap();
        Golden { json, bytes: std::fs::read(path("safetensors")).unwrap() }
    }

    fn file(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap()
    }

    pub fn has(&self, name: &str) -> bool {
        self.file().tensor(name).is_ok()
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        let file = self.file();
        file.tensor(name).unwrap().data().chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    pub fn integers(&self, name: &str) -> Vec<i64> {
        let file = self.file();
        file.tensor(name).unwrap().data().chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
    }

    /// The tensors whose names begin so: the rest of the name, shape, values.
    pub fn tensors(&self, prefix: &str) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let file = self.file();
        let names = file.names().into_iter().filter(|name| name.starts_with(prefix));
        names
            .map(|n| (n[prefix.len()..].to_string(), file.tensor(n).unwrap().shape().to_vec(), self.floats(n)))
            .collect()
    }
}

/// The goldens' own random numbers: uniform from -1 to 1.
pub fn hash_uniform(len: u32, seed: u32) -> Vec<f32> {
    let value = |i: u32| {
        let mut h = i.wrapping_mul(0x9E37_79B1).wrapping_add(seed.wrapping_mul(0x85EB_CA77)).wrapping_add(1);
        h ^= h >> 16;
        h = h.wrapping_mul(0x85EB_CA6B);
        h ^= h >> 13;
        h = h.wrapping_mul(0xC2B2_AE35);
        h ^= h >> 16;
        (2.0 * (f64::from(h) / 4_294_967_296.0) - 1.0) as f32
    };
    (0..len).map(value).collect()
}

/// The gradients of the parameters that are trained, by name.
pub fn gradients<M: TensorCollection<E, Cpu>, E: Dtype>(
    net: &M,
    grads: &mut Gradients<E, Cpu>,
) -> BTreeMap<String, Vec<E>>
where
    Cpu: Device<E>,
{
    let mut by_name = ByName { grads, found: BTreeMap::new() };
    M::iter_tensors(&mut RecursiveWalker { m: (net, String::new()), f: &mut by_name }).unwrap();
    by_name.found
}

struct ByName<'a, E: Dtype>
where
    Cpu: Device<E>,
{
    grads: &'a mut Gradients<E, Cpu>,
    found: BTreeMap<String, Vec<E>>,
}

impl<E: Dtype> TensorVisitor<E, Cpu> for ByName<'_, E>
where
    Cpu: Device<E>,
{
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = std::convert::Infallible;
    type E2 = E;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, Cpu>,
        (t, name): (&Tensor<S, E, Cpu>, String),
    ) -> Result<Option<Tensor<S, E, Cpu>>, Self::Err> {
        if options.do_gradient_update {
            self.grads.get_or_alloc_mut(t).unwrap();
            self.found.insert(name, self.grads.get(t).as_vec());
        }
        Ok(None)
    }
}
