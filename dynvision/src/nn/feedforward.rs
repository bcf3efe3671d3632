//! The feedforward part of a layer: one convolution, or two with something between them.

use super::conv_options::{ConvOptions, channels};
use super::{Conv2d, Spec};
use crate::error::Result;
use crate::geometry::{Geometry, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::unroll::Context;
use dfdx::prelude::{Const, ConstDim, Tape};

/// Two stages from an input to an output; a recurrence may be added before, between or after them. Its channels and kernel
/// are types, since the weights of the recurrence depend on them.
#[diagnostic::on_unimplemented(message = "`{Self}` is not the feedforward part of a layer")]
pub trait Feedforward: Spec + Clone + std::fmt::Debug + 'static {
    /// The name under which a layer holds its weights.
    const NAME: &'static str = "conv";
    /// Why its parts do not fit each other, if they do not; read by `cargo check`.
    const MISFIT: Option<&'static str> = None;
    /// What both stages do to the shape of a map.
    const GEOMETRY: Geometry;
    /// Channels taken.
    type In: ConstDim;
    /// Channels between the stages.
    type Middle: ConstDim;
    /// Channels produced.
    type Out: ConstDim;
    /// The kernel that a recurrence has if it has none of its own.
    type Kernel: ConstDim;

    /// Runs the first stage.
    ///
    /// # Shapes
    /// `(B, In, H, W)` to `(B, Middle, Hm, Wm)` by the first of `GEOMETRY`'s windows.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn first<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: &Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>>;

    /// Runs the second stage; nothing where there is only one.
    ///
    /// # Shapes
    /// `(B, Middle, Hm, Wm)` to `(B, Out, Ho, Wo)` by the second of `GEOMETRY`'s windows.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn second<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>>;

    /// Returns what stands between the stages while there is no input, for maps of `[rows, columns]` there: nothing, unless
    /// the layer says otherwise.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn without_input<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _built: &Self::Built<E, D>,
        _size: [usize; 2],
        _cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        Ok(None)
    }
}

impl<const I: usize, const O: usize, const K: usize, const S: usize, C: ConvOptions> Feedforward
    for Conv2d<I, O, K, S, C>
{
    const MISFIT: Option<&'static str> = channels::<C>(I, O);
    const GEOMETRY: Geometry = Geometry::conv(I, O, Self::WINDOW).then(Window::POINT);
    type In = Const<I>;
    type Middle = Const<O>;
    type Out = Const<O>;
    type Kernel = Const<K>;

    fn first<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: &Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        built.forward_once(x, cx)
    }

    fn second<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Self::Built<E, D>,
        x: Maps<E, D>,
        _: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        Ok(x)
    }
}
