//! The feedforward part of a layer: one convolution, or two with something between them.

use super::conv::ConvOptions;
use super::{Conv2d, MapOf, Signal, Spec};
use crate::cx::Cx;
use crate::error::Result;
use crate::geometry::{Geometry, Window};
use crate::kernels::{Element, VisionDevice};
use crate::ops::{erased, restored};
use dfdx::prelude::{Const, ConstDim, Dim, Tape};

/// Two stages from an input to an output; a recurrence may be added before, between or after them.
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

    /// The first stage.
    ///
    /// # Shapes
    /// `(B, In, H, W)` to `(B, Middle, Hm, Wm)` by the first of `GEOMETRY`'s windows.
    ///
    /// # Errors
    /// Those of its operations.
    fn first<B: Dim, H: Dim, W: Dim, Hm: Dim, Wm: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: &MapOf<B, Self::In, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, Self::Middle, Hm, Wm, E, D>>;

    /// The second stage; nothing where there is only one.
    ///
    /// # Shapes
    /// `(B, Middle, Hm, Wm)` to `(B, Out, Ho, Wo)` by the second of `GEOMETRY`'s windows.
    ///
    /// # Errors
    /// Those of its operations.
    fn second<B: Dim, Hm: Dim, Wm: Dim, Ho: Dim, Wo: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: MapOf<B, Self::Middle, Hm, Wm, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, Self::Out, Ho, Wo, E, D>>;

    /// What stands between the stages while there is no input, for maps of `[rows, columns]` there: nothing, unless the
    /// layer says otherwise.
    ///
    /// # Errors
    /// Those of its operations.
    fn without_input<B: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _built: &Self::Built<E, D>,
        _size: [usize; 2],
        _cx: &mut Cx<T>,
    ) -> Result<Signal<(B, Self::Middle, usize, usize), E, D>> {
        Ok(None)
    }
}

impl<const I: usize, const O: usize, const K: usize, const S: usize, C: ConvOptions> Feedforward
    for Conv2d<I, O, K, S, C>
{
    const GEOMETRY: Geometry = Geometry::conv(I, O, Self::WINDOW).then(Window::POINT);
    type In = Const<I>;
    type Middle = Const<O>;
    type Out = Const<O>;
    type Kernel = Const<K>;

    fn first<B: Dim, H: Dim, W: Dim, Hm: Dim, Wm: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: &MapOf<B, Self::In, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, Self::Middle, Hm, Wm, E, D>> {
        built.drive(x, cx)
    }

    fn second<B: Dim, Hm: Dim, Wm: Dim, Ho: Dim, Wo: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Self::Built<E, D>,
        x: MapOf<B, Self::Middle, Hm, Wm, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, Self::Out, Ho, Wo, E, D>> {
        restored("output of a convolution", erased(&x, cx)?)
    }
}
