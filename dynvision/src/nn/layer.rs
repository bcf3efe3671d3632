//! What drives an area.

use super::Spec;
use crate::cx::Cx;
use crate::error::Result;
use crate::geometry::{Geometry, Window};
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use crate::time::History;
use dfdx::prelude::{ConstDim, Device, Dim, Dtype, Tape, Tensor};

/// A feature map of a batch.
pub type MapOf<B, C, H, W, E, D> = Tensor<(B, C, H, W), E, D>;
/// What flows between operations: `None` while delays have not filled, and nothing else.
pub type Signal<S, E, D> = Option<Tensor<S, E, D>>;

/// A layer: what an area makes of its input and its own past.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of a dynamic model",
    label = "expected a layer, such as `RConv2d<IN, OUT>`",
    note = "a pooling goes in `#[area(pool = ..)]`; a classifier carries `#[readout]`"
)]
pub trait Layer: Spec {
    /// What it does to the shape of a map.
    const GEOMETRY: Geometry;
    /// Channels taken: `Const<..>` of `GEOMETRY`'s.
    type In: ConstDim;
    /// Channels produced.
    type Out: ConstDim;

    /// Why the parts of the layer do not fit each other, if they do not; read by `cargo check`.
    const MISFIT: Option<&'static str> = None;
    /// Whether it reads its own past, which then has the shape of what it gives; read by `cargo check`.
    const RECURRENT: bool = true;

    /// `GEOMETRY` with the channels of the types; nothing is left of a map where the two contradict each other. Not to be
    /// overridden.
    const TYPED: Geometry = typed(Self::GEOMETRY, Self::In::SIZE, Self::Out::SIZE);

    /// One step in time. `own` is the past of the area it is the layer of.
    ///
    /// # Shapes
    /// `x: (B, In, H, W)`, `own` and result `(B, Out, Ho, Wo)` by `GEOMETRY`.
    ///
    /// # Errors
    /// Those of its operations.
    fn step<B: Dim, H: ConstDim, W: ConstDim, Ho: ConstDim, Wo: ConstDim, E, D, T>(
        built: &Self::Built<E, D>,
        x: Signal<(B, Self::In, H, W), E, D>,
        own: &History<(B, Self::Out, Ho, Wo), E, D>,
        cx: &mut Cx<T>,
    ) -> Result<Signal<(B, Self::Out, Ho, Wo), E, D>>
    where
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>;
}

const fn typed(stated: Geometry, takes: usize, gives: usize) -> Geometry {
    let windows = match stated.channels {
        Some((i, o)) if i != takes || o != gives => [Window::new(0, 0, 0), Window::POINT],
        _ => stated.windows,
    };
    Geometry { channels: Some((takes, gives)), windows }
}

/// A signal as the layer takes it, whose number of channels has been compared with the signal's at compile time.
///
/// # Errors
/// [`Error::Shape`](crate::error::Error::Shape) if they differ all the same.
pub fn fit<B: Dim, C: Dim, In: Dim, H: Dim, W: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Signal<(B, C, H, W), E, D>,
    cx: &mut Cx<T>,
) -> Result<Signal<(B, In, H, W), E, D>> {
    x.map(|x| ops::retyped("input of an area", x, cx)).transpose()
}
