//! What drives an area.

use super::Spec;
use crate::error::Result;
use crate::geometry::{Geometry, Map};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops::Step;
use crate::unroll::{Context, Past};
use dfdx::prelude::{Device, Dtype, HasShape, Tape, Tensor};

/// The signal between two areas, under its shape: `None` while delays have not filled, and nothing else.
pub type Signal<S, E, D> = Option<Tensor<S, E, D>>;

/// A layer: computes the response of an area from its input and its own past.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of a dynamic model",
    label = "expected a layer, such as `RConv2d<IN, OUT>`",
    note = "a pooling goes in `#[area(pool = ..)]`; a classifier carries `#[readout]`"
)]
pub trait Layer: Spec {
    /// What it does to the shape of a map. Its channels are given.
    const GEOMETRY: Geometry;
    /// Why the parts of the layer do not fit each other, if they do not; read by `cargo check`.
    const MISFIT: Option<&'static str> = None;
    /// Whether it reads its own past, which then has the shape of its result; read by `cargo check`.
    const RECURRENT: bool = true;

    /// Computes one step in time. `own` is the past of the area it is the layer of; the size of `x`, also where it is
    /// absent, is [`Context::input`].
    ///
    /// # Shapes
    /// `x: (B, C, H, W)`, `own` and result `(B, C', H', W')` by `GEOMETRY`.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>>;

    /// A leaky step whose drive is what [`forward`](Layer::forward) makes; an absent drive stays absent. Worth an implementation of
    /// its own where both are one pass.
    ///
    /// # Shapes
    /// Those of [`forward`](Layer::forward); the state of the step is of the shape of the result.
    ///
    /// # Errors
    /// Those of [`forward`](Layer::forward) and of [`ops::leaky`](crate::ops::leaky()).
    fn forward_leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        step: Step<'_, E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let drive = Self::forward(built, x, own, cx)?;
        drive.map(|drive| step.take(drive, cx)).transpose()
    }
}

/// Returns the sizes of a map in the batch of the run.
pub(crate) fn sizes<E: Element, D: VisionDevice<E>, T>(map: Map, cx: &Context<E, D, T>) -> [usize; 4] {
    [cx.batch(), map.c, map.h, map.w]
}

/// The newest response of `own` at `updates` ago, if it has the shape `map`: a pooling before `delay` leaves another one.
pub(crate) fn past_of_shape<E: Dtype, D: Device<E>>(own: &Past<E, D>, updates: usize, map: Map) -> Option<&Maps<E, D>> {
    own.ago(updates).filter(|h| (h.shape().1, h.shape().2, h.shape().3) == (map.c, map.h, map.w))
}
