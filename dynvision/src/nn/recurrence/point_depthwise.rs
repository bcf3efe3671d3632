//! A mixture of channels, then a convolution of each.

use super::{LayerKernel, Recurrence, RecurrentKernel};
use crate::cx::Cx;
use crate::error::Result;
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, VisionDevice};
use crate::nn::{ConvOptions, MapOf, Plain, Uniform, built};
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Const, ConstDim, Device, Dim, Dtype, Tape};
use std::marker::PhantomData;

/// A pointwise (1x1) convolution from the channels of the state to those of the target, then a depthwise one on these (the
/// original's `PointDepthwiseConnection`): `depthwise(pointwise(h) + bias) + bias`.
///
/// `K` is the kernel of the depthwise convolution, `C` the options of both.
///
/// ```
/// use dynvision::nn::{Layer, PointDepthwise, RConv2d};
/// use dynvision::geometry::Map;
/// type V1 = RConv2d<3, 8, 3, 1, PointDepthwise>;
/// assert_eq!(V1::GEOMETRY.apply(Map::new(3, 16, 16)), Map::new(8, 16, 16));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PointDepthwise<K = LayerKernel, C = Plain<Uniform>>(PhantomData<(K, C)>);

#[diagnostic::do_not_recommend]
impl<Q: RecurrentKernel, C: ConvOptions> Recurrence for PointDepthwise<Q, C> {
    const IS_EVEN: [bool; 2] = Q::IS_EVEN;
    type Built<I: ConstDim, O: ConstDim, K: ConstDim, E: Dtype, D: Device<E>> =
        built::Separable<built::Conv2d<Const<1>, O, Q::Of<K>, 1, C, E, D>, built::Conv2d<I, O, Const<1>, 1, C, E, D>>;

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
        let mixed: MapOf<B, O, H, W, E, D> = weights.pointwise.slide(&Conv::new(Window::POINT), h, None, cx)?;
        weights.depthwise.slide(&depthwise::<O, Q::Of<K>>(), &mixed, None, cx)
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
        let mixed: MapOf<B, O, H, W, E, D> = weights.pointwise.slide(&Conv::new(Window::POINT), h, None, cx)?;
        weights.depthwise.slide(&depthwise::<O, Q::Of<K>>(), &mixed, Some(onto), cx)
    }
}

const fn depthwise<C: ConstDim, K: ConstDim>() -> Conv {
    Conv::new(Window::same(K::SIZE, 1)).grouped(C::SIZE)
}
