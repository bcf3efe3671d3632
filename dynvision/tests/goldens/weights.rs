//! Visits of the tensors of a part by name.

use crate::loader::Golden;
use dfdx::prelude::*;
use std::collections::BTreeMap;

/// The gradients of a part's tensors; those of fixed ones are left out.
pub(crate) fn gradients<M: TensorCollection<f32, Cpu>>(
    part: &M,
    gradients: &Gradients<f32, Cpu>,
) -> BTreeMap<String, Vec<f32>> {
    let mut flat = Flat { gradients, of: BTreeMap::new() };
    M::iter_tensors(&mut RecursiveWalker { m: (part, String::new()), f: &mut flat }).unwrap();
    flat.of
}

/// Sets every tensor of a part to the golden's, whose names are given for ours.
pub(crate) fn set<M: TensorCollection<f32, Cpu>>(part: &mut M, golden: &Golden, names: &[(&str, &str)]) {
    let mut set = Set { golden, names };
    M::iter_tensors(&mut RecursiveWalker { m: (part, String::new()), f: &mut set }).unwrap();
}

struct Flat<'a> {
    gradients: &'a Gradients<f32, Cpu>,
    of: BTreeMap<String, Vec<f32>>,
}

impl TensorVisitor<f32, Cpu> for Flat<'_> {
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = CpuError;
    type E2 = f32;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, f32, Cpu>,
        (tensor, name): (&Tensor<S, f32, Cpu>, String),
    ) -> Result<Option<Tensor<S, f32, Cpu>>, CpuError> {
        if options.do_gradient_update {
            self.of.insert(name, self.gradients.get(tensor).as_vec());
        }
        Ok(None)
    }
}

struct Set<'a> {
    golden: &'a Golden,
    names: &'a [(&'a str, &'a str)],
}

impl TensorVisitor<f32, Cpu> for Set<'_> {
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = CpuError;
    type E2 = f32;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, f32, Cpu>,
        (tensor, name): (&mut Tensor<S, f32, Cpu>, String),
    ) -> Result<Option<Tensor<S, f32, Cpu>>, CpuError> {
        let theirs = self.names.iter().find(|(ours, _)| *ours == name);
        let (_, theirs) = theirs.unwrap_or_else(|| panic!("{}: nothing for {name}", self.golden.name));
        tensor.copy_from(&self.golden.values(&format!("param/{theirs}")));
        Ok(None)
    }
}
