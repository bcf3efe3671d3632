//! Lateral connections on the cortical plane, then a convolution of each channel.

use super::local::{Lateral, lateral};
use super::{LayerKernel, Recurrence, RecurrentKernel};
use crate::cx::Cx;
use crate::error::Result;
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, VisionDevice};
use crate::nn::{ConvOptions, MapOf, Plain, Uniform, built};
use crate::ops;
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Const, ConstDim, Device, Dim, Dtype, Tape};
use std::marker::PhantomData;

/// [`Local`](super::Local), then a depthwise convolution with zeros beyond the border (the original's
/// `LocalSeparableConnection`): near neighbours on the cortical plane, and far ones of the same feature.
///
/// `K` is the kernel of the depthwise convolution, `C` the options of both. Both begin by the scheme of `C`; the original
/// leaves them as PyTorch draws them, against its own intent.
///
/// ```
/// use dynvision::nn::{Layer, LocalDepthwise, RConv2d};
/// assert!(<RConv2d<3, 16, 3, 1, LocalDepthwise>>::MISFIT.is_none());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDepthwise<K = LayerKernel, C = Plain<Uniform>>(PhantomData<(K, C)>);

#[diagnostic::do_not_recommend]
impl<Q: RecurrentKernel, C: ConvOptions> Recurrence for LocalDepthwise<Q, C> {
    const IS_EVEN: [bool; 2] = Q::IS_EVEN;
    const SAME_CHANNELS: bool = true;
    type Built<I: ConstDim, O: ConstDim, K: ConstDim, E: Dtype, D: Device<E>> =
        built::LocalSeparable<Lateral<I, C, E, D>, built::Conv2d<Const<1>, I, Q::Of<K>, 1, C, E, D>>;

    fn converted<I: ConstDim, O: ConstDim, K: ConstDim, E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
        it: <Self::Built<I, O, K, E, D> as TensorCollection<E, D>>::To<E2, D2>,
    ) -> Self::Built<I, O, K, E2, D2> {
        it
    }

    fn drive<I: ConstDim, O: ConstDim, K: ConstDim, B: Dim, H: Dim, W: Dim, E, D, T>(
        weights: &Self::Built<I, O, K, E, D>,
        h: &MapOf<B, I, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, O, H, W, E, D>>
    where
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        let near = lateral::<I, C, B, H, W, E, D, T>(&weights.local, h, cx)?;
        let conv = Conv::new(Window::same(Q::Of::<K>::SIZE, 1)).grouped(I::SIZE);
        let far: MapOf<B, I, H, W, E, D> = weights.depthwise.slide(&conv, &near, None, cx)?;
        ops::retyped::<_, (B, O, H, W), E, D, T>("local recurrence: channels of its target", far, cx)
    }
}
