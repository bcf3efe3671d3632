//! Visits of the tensors of a part by name.

use crate::device::{Dev, device};
use crate::golden::Golden;
use dfdx::prelude::*;
use dynvision::kernels::ParameterKernel;
use dynvision::parameters::{each, each_mut};
use std::collections::BTreeMap;

/// The gradients of a part's tensors; those of fixed ones are left out.
pub(crate) fn gradients<M: TensorCollection<f32, Dev>>(
    part: &M,
    gradients: &mut Gradients<f32, Dev>,
) -> BTreeMap<String, Vec<f32>> {
    let mut of = BTreeMap::new();
    each(part, |name, trained, tensor| {
        if trained {
            let gradient = tensor.gradient(gradients).unwrap();
            of.insert(name.to_string(), ParameterKernel::<f32>::read(&device(), gradient).unwrap());
        }
    });
    of
}

/// Sets every tensor of a part to the golden's, whose names are given for ours.
pub(crate) fn set<M: TensorCollection<f32, Dev>>(part: &mut M, golden: &Golden, names: &[(&str, &str)]) {
    each_mut(part, |name, _, tensor| {
        let theirs = names.iter().find(|(ours, _)| *ours == name);
        let (_, theirs) = theirs.unwrap_or_else(|| panic!("{}: nothing for {name}", golden.name));
        tensor.set_values(&golden.values(&format!("param/{theirs}")));
    });
}
