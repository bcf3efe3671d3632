//! A convolution from the area to itself.

use super::{Connection, LayerKernel, Recurrence, RecurrentKernel, odd};
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::conv_options::{channels, first};
use crate::nn::{ConvOptions, DefaultOptions, Uniform, built};
use crate::ops::Step;
use crate::unroll::Context;
use dfdx::prelude::{ConstDim, Tape};
use std::marker::PhantomData;

/// Every channel of the state acts on every channel of the target through a convolution (the original's
/// `FullConnection`): `conv(h) + bias`.
///
/// `K` is the kernel of the convolution, `C` its options.
///
/// # Shapes
/// State `(B, I, H, W)`, contribution `(B, O, H, W)`.
///
/// ```
/// use dynvision::nn::{Full, Layer, OwnKernel, RConv2d};
/// assert!(<RConv2d<3, 8, 3, 1, Full<OwnKernel<5>>>>::MISFIT.is_none());
/// assert!(<RConv2d<3, 8, 3, 1, Full<OwnKernel<4>>>>::MISFIT.is_some_and(|why| why.contains("even kernel")));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Full<K = LayerKernel, C = DefaultOptions<Uniform>>(PhantomData<(K, C)>);

impl<Q: RecurrentKernel, C: ConvOptions> Recurrence for Full<Q, C> {
    type Connection<I: ConstDim, O: ConstDim, K: ConstDim> = FullConnection<I, O, Q::Of<K>, C>;
}

/// [`Full`] from `I` to `O` channels with kernel `K`.
#[derive(Clone, Copy, Debug, Default)]
pub struct FullConnection<I, O, K, C>(PhantomData<(I, O, K, C)>);
crate::spec!(impl [I: ConstDim, O: ConstDim, K: ConstDim, C: ConvOptions]
    FullConnection<I, O, K, C> => built::Conv2d<I, O, K, 1, C, E, D>);

impl<I: ConstDim, O: ConstDim, K: ConstDim, C: ConvOptions> Connection for FullConnection<I, O, K, C> {
    const MISFIT: Option<&'static str> = first(channels::<C>(I::SIZE, O::SIZE), odd(K::SIZE));

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Self::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        weights.forward(h, onto, cx)
    }

    fn forward_leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Self::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        step: Step<'_, E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        weights.forward_leaky(h, onto, Some(step), cx)
    }
}
