//! Lateral connections between neighbours on the cortical plane.

use super::Recurrence;
use crate::cx::Cx;
use crate::error::Result;
use crate::geometry::{Border, Conv, Window};
use crate::kernels::{Element, VisionDevice};
use crate::nn::{ConvOptions, MapOf, Plain, Uniform, built};
use crate::ops::{self, Plane};
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Const, ConstDim, Device, Dim, Dtype, HasShape, Shape, Tape};
use std::marker::PhantomData;

/// Lateral connections between units that are near each other in place and feature (the original's
/// `LocalLateralConnection`): one small convolution with one bias slides over the cortical [`Plane`], mirrored at its
/// border.
///
/// With `F` features along a tile, the kernel is the odd one of `F / 4` and `F / 4 + 1`, at least 3. Any number of
/// channels will do: see [`Plane`].
///
/// ```
/// use dynvision::nn::{LateralKernel, Layer, Local, RConv2d};
/// use dfdx::prelude::{Const, ConstDim};
/// assert!(<RConv2d<3, 48, 5, 1, Local>>::MISFIT.is_none());
/// assert_eq!(LateralKernel::<Const<225>>::SIZE, 3);
/// assert_eq!(LateralKernel::<Const<529>>::SIZE, 5);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Local<C = Plain<Uniform>>(PhantomData<C>);

/// The kernel of the lateral connections of an area of `I` channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LateralKernel<I>(PhantomData<I>);
impl<I: ConstDim> Dim for LateralKernel<I> {
    fn size(&self) -> usize {
        Self::SIZE
    }
    fn from_size(size: usize) -> Option<Self> {
        (size == Self::SIZE).then_some(LateralKernel(PhantomData))
    }
}
impl<I: ConstDim> ConstDim for LateralKernel<I> {
    const SIZE: usize = {
        let quarter = Plane::side(I::SIZE) / 4;
        if quarter < 3 { 3 } else { quarter + (quarter + 1) % 2 }
    };
}

pub(super) type Lateral<I, C, E, D> = built::Conv2d<Const<1>, Const<1>, LateralKernel<I>, 1, C, E, D>;

/// What the neighbours on the plane contribute.
pub(super) fn lateral<I: ConstDim, C: ConvOptions, B: Dim, H: Dim, W: Dim, E, D, T>(
    weights: &Lateral<I, C, E, D>,
    h: &MapOf<B, I, H, W, E, D>,
    cx: &mut Cx<T>,
) -> Result<MapOf<B, I, H, W, E, D>>
where
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    type OnPlane<B, E, D> = MapOf<B, Const<1>, usize, usize, E, D>;
    let [_, channels, rows, columns] = h.shape().concrete();
    let plane = cx.plane([channels, rows, columns])?;
    let [height, width] = plane.size();
    let to = (h.shape().0, Const, height, width);
    let laid_out: OnPlane<B, E, D> = ops::gather(h, plane.lay_out(), to, cx)?;
    let conv = Conv::new(Window::same(LateralKernel::<I>::SIZE, 1)).bordered(Border::Reflect);
    let near: OnPlane<B, E, D> = weights.slide(&conv, &laid_out, None, cx)?;
    ops::gather(&near, plane.take_up(), *h.shape(), cx)
}

#[diagnostic::do_not_recommend]
impl<C: ConvOptions> Recurrence for Local<C> {
    const SAME_CHANNELS: bool = true;
    type Built<I: ConstDim, O: ConstDim, K: ConstDim, E: Dtype, D: Device<E>> = Lateral<I, C, E, D>;

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
        let y = lateral::<I, C, B, H, W, E, D, T>(weights, h, cx)?;
        ops::retyped::<_, (B, O, H, W), E, D, T>("local recurrence: channels of its target", y, cx)
    }
}
