//! Lateral connections between neighbours on the cortical plane.

use super::{Connection, Recurrence};
use crate::error::Result;
use crate::geometry::{Border, Conv, Plane, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::conv_options::between_channels;
use crate::nn::{ConvOptions, DefaultOptions, Uniform, built};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::{Const, ConstDim, Dim, HasShape, Tape};
use std::marker::PhantomData;

/// Lateral connections between units that are near each other in place and feature (the original's
/// `LocalLateralConnection`): one small convolution with one bias slides over the cortical [`Plane`], mirrored at its
/// border.
///
/// With `F` features along a tile, the kernel is the odd one of `F / 4` and `F / 4 + 1`, at least 3. Any number of
/// channels will do: see [`Plane`].
///
/// # Shapes
/// State and result `(B, I, H, W)`.
///
/// ```
/// use dynvision::nn::{LateralKernel, Layer, Local, RConv2d};
/// use dfdx::prelude::{Const, ConstDim};
/// assert!(<RConv2d<3, 48, 5, 1, Local>>::MISFIT.is_none());
/// assert_eq!(LateralKernel::<Const<225>>::SIZE, 3);
/// assert_eq!(LateralKernel::<Const<529>>::SIZE, 5);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Local<C = DefaultOptions<Uniform>>(PhantomData<C>);

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

/// The weights of lateral connections in an area of `I` channels.
pub(super) type Lateral<I, C, E, D> = built::Conv2d<Const<1>, Const<1>, LateralKernel<I>, 1, C, E, D>;

/// Computes what the neighbours on the plane contribute.
pub(super) fn lateral<I: ConstDim, C: ConvOptions, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    weights: &Lateral<I, C, E, D>,
    h: &Maps<E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    let sizes @ (batch, channels, rows, columns) = *h.shape();
    let plane = cx.plane([channels, rows, columns])?;
    let [height, width] = plane.size();
    let laid_out = ops::gather(h, plane.lay_out(), (batch, 1, height, width), cx)?;
    let conv = Conv::new(Window::same(LateralKernel::<I>::SIZE, 1)).bordered(Border::Reflect);
    let near = weights.convolve(&conv, &laid_out, None, cx)?;
    ops::gather(&near, plane.take_up(), sizes, cx)
}

impl<C: ConvOptions> Recurrence for Local<C> {
    type Connection<I: ConstDim, O: ConstDim, K: ConstDim> = LocalConnection<I, C>;
}

/// [`Local`] in an area of `I` channels.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalConnection<I, C>(PhantomData<(I, C)>);
crate::spec!(impl [I: ConstDim, C: ConvOptions] LocalConnection<I, C> => Lateral<I, C, E, D>);

impl<I: ConstDim, C: ConvOptions> Connection for LocalConnection<I, C> {
    const SAME_CHANNELS: bool = true;
    const MISFIT: Option<&'static str> = between_channels::<C>();

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Self::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let y = lateral(weights, h, cx)?;
        ops::add_onto(onto, y, cx)
    }
}
