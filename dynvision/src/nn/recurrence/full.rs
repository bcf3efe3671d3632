//! A convolution from the area to itself.

use super::{LayerKernel, Recurrence, RecurrentKernel};
use crate::cx::Cx;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::nn::{ConvOptions, MapOf, Plain, Uniform, built};
use dfdx::nn::TensorCollection;
use dfdx::prelude::{ConstDim, Device, Dim, Dtype, Tape};
use std::marker::PhantomData;

/// Every channel of the state acts on every channel of the target through a convolution (the original's
/// `FullConnection`): `conv(h) + bias`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Full<K = LayerKernel, C = Plain<Uniform>>(PhantomData<(K, C)>);

#[diagnostic::do_not_recommend]
impl<Q: RecurrentKernel, C: ConvOptions> Recurrence for Full<Q, C> {
    const IS_EVEN: [bool; 2] = Q::IS_EVEN;
    type Built<I: ConstDim, O: ConstDim, K: ConstDim, E: Dtype, D: Device<E>> =
        built::Conv2d<I, O, Q::Of<K>, 1, C, E, D>;

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
        weights.apply(h, None, cx)
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
        weights.apply(h, Some(onto), cx)
    }
}
