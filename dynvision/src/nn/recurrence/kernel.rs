//! The kernel of a recurrence.

use dfdx::prelude::{Const, ConstDim};
use std::fmt::Debug;

/// The kernel of a recurrence. It is odd, so that the state keeps its size.
pub trait RecurrentKernel: Clone + Debug + 'static {
    /// The kernel, where that of the layer is `K`.
    type Of<K: ConstDim>: ConstDim;
}
/// The kernel of the layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct LayerKernel;
impl RecurrentKernel for LayerKernel {
    type Of<K: ConstDim> = K;
}
/// A kernel of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnKernel<const K: usize>;
impl<const K: usize> RecurrentKernel for OwnKernel<K> {
    type Of<L: ConstDim> = Const<K>;
}
