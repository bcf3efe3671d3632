//! A mixture of channels, then a convolution of each.

use super::{Connection, LayerKernel, Recurrence, RecurrentKernel, odd};
use crate::error::Result;
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::conv_options::{between_channels, first};
use crate::nn::{ConvOptions, DefaultOptions, Spec, Uniform, built};
use crate::ops::Step;
use crate::unroll::Context;
use dfdx::prelude::{Const, ConstDim, Tape};
use std::marker::PhantomData;

/// A pointwise (1x1) convolution from the channels of the state to those of the target, then a depthwise one on these (the
/// original's `PointDepthwiseConnection`): `depthwise(pointwise(h) + bias) + bias`.
///
/// `K` is the kernel of the depthwise convolution, `C` the options of both.
///
/// # Shapes
/// State `(B, I, H, W)`, contribution `(B, O, H, W)`.
///
/// ```
/// use dynvision::nn::{Layer, PointDepthwise, RConv2d};
/// use dynvision::geometry::Map;
/// type V1 = RConv2d<3, 8, 3, 1, PointDepthwise>;
/// assert_eq!(V1::GEOMETRY.apply(Map::new(3, 16, 16)), Map::new(8, 16, 16));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PointDepthwise<K = LayerKernel, C = DefaultOptions<Uniform>>(PhantomData<(K, C)>);

impl<Q: RecurrentKernel, C: ConvOptions> Recurrence for PointDepthwise<Q, C> {
    type Connection<I: ConstDim, O: ConstDim, K: ConstDim> = PointDepthwiseConnection<I, O, Q::Of<K>, C>;
}

/// [`PointDepthwise`] from `I` to `O` channels with kernel `K`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PointDepthwiseConnection<I, O, K, C>(PhantomData<(I, O, K, C)>);
crate::spec!(impl [I: ConstDim, O: ConstDim, K: ConstDim, C: ConvOptions] PointDepthwiseConnection<I, O, K, C>
    => built::Separable<built::Conv2d<Const<1>, O, K, 1, C, E, D>, built::Conv2d<I, O, Const<1>, 1, C, E, D>>);

impl<I: ConstDim, O: ConstDim, K: ConstDim, C: ConvOptions> PointDepthwiseConnection<I, O, K, C> {
    /// What the state contributes, and the step with that, if there is one.
    fn contribute<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &<Self as Spec>::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        step: Option<Step<'_, E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let depthwise = Conv::new(Window::same(K::SIZE, 1)).grouped(O::SIZE);
        let mixed = weights.pointwise.forward(h, None, cx)?;
        let y = weights.depthwise.convolve_leaky(&depthwise, &mixed, onto, step, cx)?;
        cx.recycle(mixed);
        Ok(y)
    }
}

impl<I: ConstDim, O: ConstDim, K: ConstDim, C: ConvOptions> Connection for PointDepthwiseConnection<I, O, K, C> {
    const MISFIT: Option<&'static str> = first(between_channels::<C>(), odd(K::SIZE));

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Self::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        Self::contribute(weights, h, onto, None, cx)
    }

    fn forward_leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Self::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        step: Step<'_, E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        Self::contribute(weights, h, onto, Some(step), cx)
    }
}
