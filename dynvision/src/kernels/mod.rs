//! What a device must be able to do for a model: one trait per operation.
//!
//! Model, layer and operation code is generic over the device and calls only these traits, so CPU and CUDA differ
//! nowhere else. Shapes are erased to [`Maps`] before a kernel is called: kernels are compiled once per dtype, not once
//! per area. Operations with a `y` that may be updated in place take it by value: a device that can do so returns the
//! same tensor, another one returns a new tensor.

#[doc(hidden)]
pub mod composed;
mod cpu_device;
#[cfg(feature = "cuda")]
mod cuda;
mod loss;
mod view;

#[doc(hidden)]
pub use dynvision_kernels as cpu;
pub use loss::{LossKernel, Measure, Target};
pub use view::{view, view_mut};

use crate::geometry::{Conv, Over, Window};
use dfdx::prelude::*;

/// A dtype that models run in: `f32` or `f64`.
pub trait Element: Dtype + num_traits::Float + cpu::Scalar {}
impl<E: Dtype + num_traits::Float + cpu::Scalar> Element for E {}

/// Feature maps whose sizes are known at run time: `(batch, channels, rows, columns)`.
pub type Maps<E, D> = Tensor<Sizes, E, D>;
/// The sizes of [`Maps`].
pub type Sizes = (usize, usize, usize, usize);
/// A device's buffer of `E`. `D::Vec` alone is ambiguous under `D: Device<E>`, which implies other dtypes' storages.
pub type Buffer<E, D> = <D as Storage<E>>::Vec;

/// What a result is added to.
pub enum Onto<'a, E: Dtype, D: Storage<E>> {
    /// Maps that are updated in place where nobody else holds them.
    Own(Maps<E, D>),
    /// Maps that stay as they are.
    Kept(&'a Maps<E, D>),
}

/// Convolution (cross-correlation, as everywhere in machine learning).
///
/// # Shapes
/// `x: (B, I, H, W)`, `w: (O, I / groups, K, K)`, `bias: (O)`, result `(B, O, H', W')` by
/// [`Window::places`].
pub trait ConvKernel<E: Dtype>: Storage<E> {
    /// What the device derives from a weight: packed panels, transforms. Starts empty, is filled at need, and lives as
    /// long as one unroll, during which the weight does not change.
    type Packs: Default + 'static;

    /// `conv(x, w) + bias`, added to `onto` where that is given.
    fn conv2d(
        &self,
        conv: &Conv,
        x: &Maps<E, Self>,
        w: &Maps<E, Self>,
        bias: Option<&Tensor<(usize,), E, Self>>,
        packs: &Self::Packs,
        onto: Option<Onto<'_, E, Self>>,
    ) -> Result<Maps<E, Self>, Self::Err>;

    /// Adds the gradients of input, weight and bias to those that are given. With `gather`, the device may keep that of
    /// the weight in `packs` until [`conv2d_collect`](ConvKernel::conv2d_collect).
    #[allow(clippy::too_many_arguments)] // two inputs, their gradients and the output's
    fn conv2d_backward(
        &self,
        conv: &Conv,
        x: &Maps<E, Self>,
        w: &Maps<E, Self>,
        packs: &Self::Packs,
        y: Sizes,
        gy: &Self::Vec,
        gx: Option<&mut Self::Vec>,
        gw: &mut Self::Vec,
        gb: Option<&mut Self::Vec>,
        gather: bool,
    ) -> Result<(), Self::Err>;

    /// Adds what was gathered in `packs` to the gradient of the weight.
    fn conv2d_collect(&self, packs: &Self::Packs, gw: &mut Self::Vec) -> Result<(), Self::Err>;
}

/// Pooling.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C, H', W')` by [`Window::places`]; global: to `(B, C)`.
pub trait PoolKernel<E: Dtype>: Storage<E> {
    /// Which input each output was taken from.
    type Chosen: 'static;
    /// The maximum of each window; padding never wins. `keep` asks for what backward needs.
    fn max_pool2d(
        &self,
        window: Window,
        x: &Maps<E, Self>,
        keep: bool,
    ) -> Result<(Maps<E, Self>, Option<Self::Chosen>), Self::Err>;
    /// Adds each gradient to the chosen input's.
    fn max_pool2d_backward(
        &self,
        window: Window,
        x: &Maps<E, Self>,
        chosen: &Self::Chosen,
        y: Sizes,
        gy: &Self::Vec,
        gx: &mut Self::Vec,
    ) -> Result<(), Self::Err>;
    /// The mean of each window, padding counted as zeros.
    fn avg_pool2d(&self, window: Window, x: &Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err>;
    /// The adjoint of [`avg_pool2d`](PoolKernel::avg_pool2d).
    fn avg_pool2d_backward(
        &self,
        window: Window,
        x: Sizes,
        y: Sizes,
        gy: &Self::Vec,
        gx: &mut Self::Vec,
    ) -> Result<(), Self::Err>;
    /// The mean of each map.
    fn global_avg(&self, x: &Maps<E, Self>) -> Result<Tensor<(usize, usize), E, Self>, Self::Err>;
    /// The adjoint of [`global_avg`](PoolKernel::global_avg).
    fn global_avg_backward(&self, x: Sizes, gy: &Self::Vec, gx: &mut Self::Vec) -> Result<(), Self::Err>;
}

/// Nearest-neighbour resizing: source index `floor(dst * in / out)`.
pub trait ResizeKernel<E: Dtype>: Storage<E> {
    /// `x` at `height` rows and `width` columns, added to `onto` where that is given.
    fn resize(
        &self,
        x: &Maps<E, Self>,
        height: usize,
        width: usize,
        onto: Option<Maps<E, Self>>,
    ) -> Result<Maps<E, Self>, Self::Err>;
    /// The adjoint of [`resize`](ResizeKernel::resize).
    fn resize_backward(&self, x: Sizes, y: Sizes, gy: &Self::Vec, gx: &mut Self::Vec) -> Result<(), Self::Err>;
}

/// The leaky step `y = h + rate (x - h)`, optionally rectified; an absent `h` is zero.
pub trait LeakyKernel<E: Dtype>: Storage<E> {
    /// The step.
    fn leaky(
        &self,
        rate: E,
        x: Maps<E, Self>,
        h: Option<&Maps<E, Self>>,
        relu: bool,
    ) -> Result<Maps<E, Self>, Self::Err>;
    /// Turns the gradient of `y`, in place, into that of `x`, and adds that of `h` to `gh`. `y` is given where the step
    /// was rectified.
    fn leaky_backward(
        &self,
        rate: E,
        y: Option<&Maps<E, Self>>,
        g: &mut Self::Vec,
        gh: Option<&mut Self::Vec>,
    ) -> Result<(), Self::Err>;
    /// Adds `scale` times the gradient of the rate, `sum of gy (x - h)` over units where `y` is not cut off, to the
    /// single element of `grate`. Called before [`leaky_backward`](LeakyKernel::leaky_backward).
    fn leaky_backward_rate(
        &self,
        scale: E,
        x: &Maps<E, Self>,
        h: Option<&Maps<E, Self>>,
        y: Option<&Maps<E, Self>>,
        gy: &Self::Vec,
        grate: &mut Self::Vec,
    ) -> Result<(), Self::Err>;
}

/// Elementwise operations.
pub trait PointwiseKernel<E: Dtype>: Storage<E> {
    /// `y + x`.
    fn add(&self, y: Maps<E, Self>, x: &Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err>;
    /// `into += scale * from`, for gradients.
    fn accumulate(&self, scale: E, from: &Self::Vec, into: &mut Self::Vec) -> Result<(), Self::Err>;
    /// `max(x, 0)`.
    fn relu(&self, x: Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err>;
    /// Zeroes the gradient, in place, where `y` is not positive.
    fn relu_backward(&self, y: &Maps<E, Self>, g: &mut Self::Vec) -> Result<(), Self::Err>;
    /// `x (1 + tanh h)`.
    fn gain(&self, x: &Maps<E, Self>, h: &Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err>;
    /// Adds the gradients of [`gain`](PointwiseKernel::gain).
    fn gain_backward(
        &self,
        x: &Maps<E, Self>,
        h: &Maps<E, Self>,
        gy: &Self::Vec,
        gx: &mut Self::Vec,
        gh: &mut Self::Vec,
    ) -> Result<(), Self::Err>;
    /// `k sign(x) max(|x|, 1e-6)^n` of `x` clamped to ±1e6; 0 at 0.
    fn supralinear(&self, k: E, n: E, x: &Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err>;
    /// Adds the gradient of [`supralinear`](PointwiseKernel::supralinear): zero where `x` is clamped.
    fn supralinear_backward(
        &self,
        k: E,
        n: E,
        x: &Maps<E, Self>,
        gy: &Self::Vec,
        gx: &mut Self::Vec,
    ) -> Result<(), Self::Err>;
}

/// A vector added to maps in a repeating pattern.
pub trait BiasKernel<E: Dtype>: Storage<E> {
    /// Adds `bias[i / run % len]` to element `i` of `y`, in memory order, where `len` is the length of `bias`.
    fn add_bias(
        &self,
        y: Maps<E, Self>,
        bias: &Tensor<(usize,), E, Self>,
        run: usize,
    ) -> Result<Maps<E, Self>, Self::Err>;
    /// Adds the gradient of a bias of `len` elements to `gb`; `y` are the sizes of `gy`.
    fn add_bias_backward(
        &self,
        len: usize,
        run: usize,
        y: Sizes,
        gy: &Self::Vec,
        gb: &mut Self::Vec,
    ) -> Result<(), Self::Err>;
}

/// Mean and variance of each block of a normalisation, in the order of [`Over::blocks`].
#[derive(Clone, Debug)]
pub struct Moments<E: Dtype, D: Storage<E>> {
    /// The means.
    pub mean: Tensor<(usize,), E, D>,
    /// The variances, not corrected for the sample.
    pub variance: Tensor<(usize,), E, D>,
}

/// Normalisation `y = w[c] (x - mean) / sqrt(variance + eps) + b[c]`.
pub trait NormKernel<E: Dtype>: Storage<E> {
    /// The moments of each block of `x`.
    fn moments(&self, over: Over, x: &Maps<E, Self>) -> Result<Moments<E, Self>, Self::Err>;
    /// The normalisation by given moments; `w` and `b` have one element for each channel.
    fn normalize(
        &self,
        over: Over,
        eps: f64,
        x: &Maps<E, Self>,
        moments: &Moments<E, Self>,
        w: &Tensor<(usize,), E, Self>,
        b: &Tensor<(usize,), E, Self>,
    ) -> Result<Maps<E, Self>, Self::Err>;
    /// Adds the gradients of input, weight and bias, where the moments are those of `x`.
    #[allow(clippy::too_many_arguments)] // three inputs and their gradients
    fn normalize_backward(
        &self,
        over: Over,
        eps: f64,
        x: &Maps<E, Self>,
        moments: &Moments<E, Self>,
        w: &Tensor<(usize,), E, Self>,
        gy: &Self::Vec,
        gx: &mut Self::Vec,
        gw: &mut Self::Vec,
        gb: &mut Self::Vec,
    ) -> Result<(), Self::Err>;
}

/// Units picked from a map: a permutation, a mirrored border, a crop.
pub trait GatherKernel<E: Dtype>: Storage<E> {
    /// Unit `u` of each sample of the result, of sizes `y`, is unit `index[u]` of that sample of `x`. Units are counted as
    /// they lie in memory: channels, rows, columns.
    fn gather(&self, index: &[u32], x: &Maps<E, Self>, y: Sizes) -> Result<Maps<E, Self>, Self::Err>;
    /// Adds the gradient of every unit of the result to that of the unit it was picked from.
    fn gather_backward(&self, index: &[u32], x: Sizes, gy: &Self::Vec, gx: &mut Self::Vec) -> Result<(), Self::Err>;
}

/// Steps to a time axis and back.
pub trait StackKernel<E: Dtype>: Storage<E> {
    /// Steps of `(batch, len)` to `(batch, first + steps, len)`; what is before `first` is zero. `steps` are given with
    /// their numbers of elements, `batch * len` each.
    fn stack_time<X: Shape, Y: Shape>(
        &self,
        first: usize,
        steps: &[Tensor<X, E, Self>],
        y: Y,
    ) -> Result<Tensor<Y, E, Self>, Self::Err>;
    /// Adds step `step` of a gradient of `sizes` `(batch, time, len)` to one of `(batch, len)`.
    fn unstack_time(&self, sizes: [usize; 3], step: usize, gy: &Self::Vec, gx: &mut Self::Vec)
    -> Result<(), Self::Err>;
}

/// All that a model asks of a device.
pub trait VisionDevice<E: Element>:
    Device<E>
    + ConvKernel<E>
    + PoolKernel<E>
    + ResizeKernel<E>
    + LeakyKernel<E>
    + PointwiseKernel<E>
    + BiasKernel<E>
    + NormKernel<E>
    + GatherKernel<E>
    + StackKernel<E>
    + StackKernel<E>
    + LossKernel<E>
{
}
impl<E: Element, D> VisionDevice<E> for D where
    D: Device<E>
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
{
}
