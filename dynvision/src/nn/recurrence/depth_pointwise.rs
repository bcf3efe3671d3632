//! A convolution of each channel of the state, then a mixture of channels.

use super::{Connection, LayerKernel, Recurrence, RecurrentKernel, odd};
use crate::error::Result;
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::conv_options::{between_channels, first};
use crate::nn::{ConvOptions, DefaultOptions, Uniform, built};
use crate::ops::Step;
use crate::unroll::Context;
use dfdx::prelude::{Const, ConstDim, Tape};
use std::marker::PhantomData;

/// A depthwise convolution on the channels of the state, then a pointwise (1x1) one to the channels of the target (the
/// original's `DepthPointwiseConnection`): `pointwise(depthwise(h) + bias) + bias`.
///
/// `K` is the kernel of the depthwise convolution, `C` the options of both.
///
/// # Shapes
/// State `(B, I, H, W)`, contribution `(B, O, H, W)`.
///
/// ```
/// use dynvision::nn::{DepthPointwise, Layer, NoBias, OwnKernel, RConv2d, Uniform};
/// use dynvision::geometry::Map;
/// type V1 = RConv2d<3, 8, 3, 1, DepthPointwise<OwnKernel<5>, NoBias<Uniform>>>;
/// assert_eq!(V1::GEOMETRY.apply(Map::new(3, 16, 16)), Map::new(8, 16, 16));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DepthPointwise<K = LayerKernel, C = DefaultOptions<Uniform>>(PhantomData<(K, C)>);

impl<Q: RecurrentKernel, C: ConvOptions> Recurrence for DepthPointwise<Q, C> {
    type Connection<I: ConstDim, O: ConstDim, K: ConstDim> = DepthPointwiseConnection<I, O, Q::Of<K>, C>;
}

/// [`DepthPointwise`] from `I` to `O` channels with kernel `K`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DepthPointwiseConnection<I, O, K, C>(PhantomData<(I, O, K, C)>);
crate::spec!(impl [I: ConstDim, O: ConstDim, K: ConstDim, C: ConvOptions] DepthPointwiseConnection<I, O, K, C>
    => built::Separable<built::Conv2d<Const<1>, I, K, 1, C, E, D>, built::Conv2d<I, O, Const<1>, 1, C, E, D>>);

impl<I: ConstDim, O: ConstDim, K: ConstDim, C: ConvOptions> DepthPointwiseConnection<I, O, K, C> {
    const DEPTHWISE: Conv = Conv::new(Window::same(K::SIZE, 1)).grouped(I::SIZE);
}

impl<I: ConstDim, O: ConstDim, K: ConstDim, C: ConvOptions> Connection for DepthPointwiseConnection<I, O, K, C> {
    const MISFIT: Option<&'static str> = first(between_channels::<C>(), odd(K::SIZE));

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Self::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        weights.depthwise.convolve_then(&Self::DEPTHWISE, &weights.pointwise, h, onto, None, cx)
    }

    fn forward_leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Self::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        step: Step<'_, E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        weights.depthwise.convolve_then(&Self::DEPTHWISE, &weights.pointwise, h, onto, Some(step), cx)
    }
}
