//! What a device must be able to do for a model: one trait, in a file of its own, per operation. Its default methods compose
//! the operation of dfdx's; a device overrides those for which it has a kernel.
//!
//! Model, layer and operation code is generic over the device and calls only these traits, so CPU and CUDA differ
//! nowhere else. Shapes are erased to [`Maps`] before a kernel is called: kernels are compiled once per dtype, not once
//! per area. Operations with a `y` that may be updated in place take it by value: a device that can do so returns the
//! same tensor, another one returns a new tensor.

mod bias;
mod composition;
mod conv;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod gather;
mod gradient;
mod identity;
mod leaky;
mod loss;
mod norm;
pub(crate) mod optimizer;
mod pointwise;
mod pool;
mod resize;
mod stack;
mod upload;
mod view;

pub use bias::BiasKernel;
pub(crate) use composition::contiguous;
pub use conv::{Addend, ConvKernel, Filter, FilterGradient};
#[cfg(feature = "cuda")]
pub(crate) use cuda::probe;
#[cfg(feature = "cudnn")]
pub(crate) use cuda::{allow_tf32, cudnn};
pub use gather::GatherKernel;
pub(crate) use gradient::take_grad;
pub(crate) use identity::id;
pub use leaky::{LeakyKernel, LeakyStep};
pub use loss::{LossKernel, Measure, RowTarget, UnitResponses};
pub use norm::{Moments, NormKernel, Running};
pub use optimizer::{AdamStep, ParameterKernel, RmsPropStep, SgdStep, Together, UpdateStep};
pub use pointwise::PointwiseKernel;
pub use pool::PoolKernel;
pub use resize::ResizeKernel;
pub use stack::StackKernel;
pub use upload::Upload;
pub use view::{view, view_mut};

/// Every operation composed of dfdx's own differentiable operations, on any device: the second implementation that tests
/// compare the kernels of a device with.
#[doc(hidden)]
pub mod composed {
    pub use super::bias::composed::*;
    pub use super::conv::composed::*;
    pub use super::gather::composed::*;
    pub use super::leaky::composed::*;
    pub use super::norm::composed::*;
    pub use super::pointwise::composed::*;
    pub use super::pool::composed::*;
    pub use super::resize::composed::*;
    pub use super::stack::composed::*;
}

use dfdx::prelude::*;
use dynvision_kernels::Kernels;

/// A dtype that models run in: `f32` or `f64`.
pub trait Element: Dtype + num_traits::Float + Kernels {}
impl<E: Dtype + num_traits::Float + Kernels> Element for E {}

/// Feature maps whose sizes are known at run time: `(batch, channels, rows, columns)`.
pub type Maps<E, D> = Tensor<Sizes, E, D>;
/// The sizes of [`Maps`].
pub type Sizes = (usize, usize, usize, usize);
/// One row of features for each sample: `(batch, features)`.
pub type Matrix<E, D> = Tensor<(usize, usize), E, D>;
/// Elements in one row.
pub type Vector<E, D> = Tensor<(usize,), E, D>;
/// A device's buffer of `E`. `D::Vec` alone is ambiguous under `D: Device<E>`, which implies other dtypes' storages.
pub type Buffer<E, D> = <D as Storage<E>>::Vec;

/// All that a model asks of a device.
pub trait VisionDevice<E: Element>:
    Device<E>
    + Cache
    + ConvKernel<E>
    + PoolKernel<E>
    + ResizeKernel<E>
    + LeakyKernel<E>
    + PointwiseKernel<E>
    + BiasKernel<E>
    + NormKernel<E>
    + GatherKernel<E>
    + StackKernel<E>
    + LossKernel<E>
    + Upload<E>
{
}
impl<E: Element, D> VisionDevice<E> for D where
    D: Device<E>
        + Cache
        + ConvKernel<E>
        + PoolKernel<E>
        + ResizeKernel<E>
        + LeakyKernel<E>
        + PointwiseKernel<E>
        + BiasKernel<E>
        + NormKernel<E>
        + GatherKernel<E>
        + StackKernel<E>
        + LossKernel<E>
        + Upload<E>
{
}
