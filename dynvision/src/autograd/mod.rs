//! Reverse-mode differentiation: the tape, and what stays valid while one unroll runs.
//!
//! Tensors travel beside the tape without one of their own; a [`Graph`] holds it, and gradients find tensors by their
//! identity.

mod cache;
mod graph;

pub(crate) use cache::{FrameKey, FrameOp};
pub use graph::Graph;
pub(crate) use graph::take_grad;

use dfdx::optim::UnusedTensors;
use dfdx::prelude::{Dtype, Shape, Storage, Tensor, UniqueId};

/// Returns the identity under which gradients know a tensor.
pub(crate) fn id<S: Shape, E: Dtype, D: Storage<E>>(t: &Tensor<S, E, D>) -> UniqueId {
    let mut named = UnusedTensors::default();
    named.add(t);
    named.ids[0]
}
