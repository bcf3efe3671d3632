//! Lateral connections on the cortical plane, then a convolution of each channel.

use super::local::{Lateral, lateral};
use super::{Connection, LayerKernel, Recurrence, RecurrentKernel, odd};
use crate::error::Result;
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::conv_options::{between_channels, first};
use crate::nn::{ConvOptions, DefaultOptions, Uniform, built};
use crate::unroll::Context;
use dfdx::prelude::{Const, ConstDim, Tape};
use std::marker::PhantomData;

/// [`Local`](super::Local), then a depthwise convolution with zeros beyond the border (the original's
/// `LocalSeparableConnection`): near neighbours on the cortical plane, and far ones of the same feature.
///
/// `K` is the kernel of the depthwise convolution, `C` the options of both. Both begin by the scheme of `C`; the original
/// leaves them as PyTorch draws them, against its own intent.
///
/// # Shapes
/// State and result `(B, I, H, W)`.
///
/// ```
/// use dynvision::nn::{Layer, LocalDepthwise, RConv2d};
/// assert!(<RConv2d<3, 16, 3, 1, LocalDepthwise>>::MISFIT.is_none());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDepthwise<K = LayerKernel, C = DefaultOptions<Uniform>>(PhantomData<(K, C)>);

impl<Q: RecurrentKernel, C: ConvOptions> Recurrence for LocalDepthwise<Q, C> {
    type Connection<I: ConstDim, O: ConstDim, K: ConstDim> = LocalDepthwiseConnection<I, Q::Of<K>, C>;
}

/// [`LocalDepthwise`] in an area of `I` channels with kernel `K`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDepthwiseConnection<I, K, C>(PhantomData<(I, K, C)>);
crate::spec!(impl [I: ConstDim, K: ConstDim, C: ConvOptions] LocalDepthwiseConnection<I, K, C>
    => built::LocalSeparable<Lateral<I, C, E, D>, built::Conv2d<Const<1>, I, K, 1, C, E, D>>);

impl<I: ConstDim, K: ConstDim, C: ConvOptions> Connection for LocalDepthwiseConnection<I, K, C> {
    const SAME_CHANNELS: bool = true;
    const MISFIT: Option<&'static str> = first(between_channels::<C>(), odd(K::SIZE));

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Self::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let near = lateral(&weights.local, h, cx)?;
        let depthwise = Conv::new(Window::same(K::SIZE, 1)).grouped(I::SIZE);
        let y = weights.depthwise.convolve(&depthwise, &near, onto, cx)?;
        cx.recycle(near);
        Ok(y)
    }
}
