//! A recorded case: its tensors by name, and how far from them an answer may lie.

use dfdx::prelude::*;
use dynvision::cx::Cx;
use dynvision::nn::MapOf;
use dynvision::time::Plan;
use std::collections::BTreeMap;

/// Relative to the largest value of a tensor.
pub(crate) const FORWARD: f32 = 1e-5;
pub(crate) const GRADIENT: f32 = 1e-4;

pub(crate) struct Golden {
    name: &'static str,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

/// Maps whose channels are known to the compiler.
pub(crate) type Map32<const C: usize> = MapOf<usize, Const<C>, usize, usize, f32, Cpu>;

impl Golden {
    pub(crate) fn read(name: &'static str) -> Self {
        let path = format!("{}/tests/goldens/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let file = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file.tensors().into_iter().filter(|(_, t)| t.dtype() == ::safetensors::Dtype::F32);
        let floats = |bytes: &[u8]| bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        let tensors = tensors.map(|(name, t)| (name, (t.shape().to_vec(), floats(t.data())))).collect();
        Golden { name, tensors }
    }

    pub(crate) fn shape(&self, tensor: &str) -> &[usize] {
        &self.tensors.get(tensor).unwrap_or_else(|| panic!("{} has no {tensor}", self.name)).0
    }

    pub(crate) fn values(&self, tensor: &str) -> &[f32] {
        &self.tensors.get(tensor).unwrap_or_else(|| panic!("{} has no {tensor}", self.name)).1
    }

    pub(crate) fn map<const C: usize>(&self, tensor: &str) -> Map32<C> {
        let &[b, c, h, w] = self.shape(tensor) else { panic!("{tensor} is no map") };
        assert_eq!(c, C);
        Cpu::default().tensor_from_vec(self.values(tensor).to_vec(), (b, Const, h, w))
    }

    /// Sets a parameter.
    pub(crate) fn set<S: Shape>(&self, parameter: &mut Tensor<S, f32, Cpu>, name: &str) {
        parameter.copy_from(self.values(&format!("param/{name}")));
    }

    pub(crate) fn near(&self, what: &str, found: &[f32], tolerance: f32) {
        let want = self.values(what);
        assert_eq!(found.len(), want.len(), "{}: {what}", self.name);
        let largest = want.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let off = found.iter().zip(want).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(off <= tolerance * largest, "{}: {what} is off by {off} of {largest}", self.name);
    }

    /// Runs `forward` on the golden's input, compares its output, and gives the gradients that the recorded gradient of the
    /// output causes, after comparing that of the input.
    pub(crate) fn run<const I: usize, const O: usize>(
        &self,
        forward: impl FnOnce(&Map32<I>, &mut Cx<OwnedTape<f32, Cpu>>) -> dynvision::error::Result<Map32<O>>,
    ) -> Gradients<f32, Cpu> {
        let (x, tape) = self.map::<I>("input").leaky_trace().split_tape();
        let mut cx = Cx::new(tape, Plan::default());
        let y = forward(&x, &mut cx).unwrap();
        self.near("output", &y.as_vec(), FORWARD);
        let loss = (y.put_tape(cx.tape) * self.map::<O>("grad_output")).sum::<Rank0, _>();
        let grads = loss.backward();
        self.near("grad_input", &grads.get(&x).as_vec(), GRADIENT);
        grads
    }

    /// The same for an operation that was recorded on a vector.
    pub(crate) fn run_flat(
        &self,
        forward: impl FnOnce(Map32<1>, &mut Cx<OwnedTape<f32, Cpu>>) -> dynvision::error::Result<Map32<1>>,
    ) {
        let map = |tensor| {
            let values = self.values(tensor).to_vec();
            let to = (1, Const, 1, values.len());
            Cpu::default().tensor_from_vec(values, to)
        };
        let (x, tape) = Map32::<1>::leaky_trace(&map("input")).split_tape();
        let mut cx = Cx::new(tape, Plan::default());
        let y = forward(x.clone(), &mut cx).unwrap();
        self.near("output", &y.as_vec(), FORWARD);
        let grads = (y.put_tape(cx.tape) * map("grad_output")).sum::<Rank0, _>().backward();
        self.near("grad_input", &grads.get(&x).as_vec(), GRADIENT);
    }

    /// Compares the gradient of a parameter.
    pub(crate) fn gradient<S: Shape>(&self, grads: &Gradients<f32, Cpu>, parameter: &Tensor<S, f32, Cpu>, name: &str) {
        self.near(&format!("grad/{name}"), &grads.get(parameter).as_vec(), GRADIENT);
    }
}
