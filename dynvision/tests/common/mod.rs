//! What several tests need.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use dfdx::nn::{RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorName, ViewTensorRef};
use dfdx::prelude::{Cpu, Device, Dtype, Gradients, Shape, Tensor};
use std::collections::BTreeMap;

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
