//! A convolution of each channel of the state, then a mixture of channels.

use super::{LayerKernel, Recurrence, RecurrentKernel};
use crate::cx::Cx;
use crate::error::Result;
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, VisionDevice};
use crate::nn::{ConvOptions, MapOf, Plain, Uniform, built};
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Const, ConstDim, Device, Dim, Dtype, Tape};
use std::marker::PhantomData;

/// A depthwise convolution on the channels of the state, then a pointwise (1x1) one to the channels of the target (the
/// original's `DepthPointwiseConnection`): `pointwise(depthwise(h) + bias) + bias`.
///
/// `K` is the kernel of the depthwise convolution, `C` the options of both.
///
/// ```
/// use dynvision::nn::{DepthPointwise, Layer, NoBias, OwnKernel, RConv2d, Uniform};
/// use dynvision::geometry::Map;
/// type V1 = RConv2d<3, 8, 3, 1, DepthPointwise<OwnKernel<5>, NoBias<Uniform>>>;
/// assert_eq!(V1::GEOMETRY.apply(Map::new(3, 16, 16)), Map::new(8, 16, 16));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DepthPointwise<K = LayerKernel, C = Plain<Uniform>>(PhantomData<(K, C)>);

#[diagnostic::do_not_recommend]
impl<Q: RecurrentKernel, C: ConvOptions> Recurrence for DepthPointwise<Q, C> {
    const IS_EVEN: [bool; 2] = Q::IS_EVEN;
    type Built<I: ConstDim, O: ConstDim, K: ConstDim, E: Dtype, D: Device<E>> =
        built::Separable<built::Conv2d<Const<1>, I, Q::Of<K>, 1, C, E, D>, built::Conv2d<I, O, Const<1>, 1, C, E, D>>;

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
        let mixed = depthwise::<Q, I, K, C, B, H, W, E, D, T>(&weights.depthwise, h, cx)?;
        weights.pointwise.slide(&Conv::new(Window::POINT), &mixed, None, cx)
    }

    fn drive_onto<I: ConstDim, O: ConstDim, K: ConstDim, B: Dim, H: Dim, W: Dim, E, D, T>(
        weights: &Self::Built<I, O, K, E, D>,
        h: &MapOf<B, I, H, W, E, D>,
        onto: MapOf<B, O, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, O, H, W, E, D>>
    where
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        let mixed = depthwise::<Q, I, K, C, B, H, W, E, D, T>(&weights.depthwise, h, cx)?;
        weights.pointwise.slide(&Conv::new(Window::POINT), &mixed, Some(onto), cx)
    }
}

fn depthwise<Q: RecurrentKernel, I: ConstDim, K: ConstDim, C: ConvOptions, B: Dim, H: Dim, W: Dim, E, D, T>(
    weights: &built::Conv2d<Const<1>, I, Q::Of<K>, 1, C, E, D>,
    h: &MapOf<B, I, H, W, E, D>,
    cx: &mut Cx<T>,
) -> Result<MapOf<B, I, H, W, E, D>>
where
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    weights.slide(&Conv::new(Window::same(Q::Of::<K>::SIZE, 1)).grouped(I::SIZE), h, None, cx)
}
