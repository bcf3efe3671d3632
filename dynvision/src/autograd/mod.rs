//! Reverse-mode differentiation: the tape, and what stays valid while one unroll runs.
//!
//! Tensors travel beside the tape without one of their own; a [`Graph`] holds it, and gradients find tensors by their
//! identity.

mod cache;
mod graph;
mod kept;
mod spare;

pub(crate) use cache::{CommonWeights, FrameKey, FrameOp};
pub(crate) use graph::Before;
pub use graph::Graph;
pub(crate) use kept::{Depthwise, Kept, Made};

pub(crate) use crate::kernels::{id, take_grad};
