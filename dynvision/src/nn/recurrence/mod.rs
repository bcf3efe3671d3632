//! How an area acts on itself.

mod depth_pointwise;
mod full;
mod kernel;
mod local;
mod local_depthwise;
mod none;
mod point_depthwise;
mod self_connection;
mod separable;
mod target;

pub use depth_pointwise::{DepthPointwise, DepthPointwiseConnection};
pub use full::{Full, FullConnection};
pub use kernel::{LayerKernel, OwnKernel, RecurrentKernel};
pub use local::{LateralKernel, Local, LocalConnection};
pub use local_depthwise::{LocalDepthwise, LocalDepthwiseConnection};
pub use none::NoRecurrence;
pub use point_depthwise::{PointDepthwise, PointDepthwiseConnection};
pub(crate) mod built {
    pub use super::self_connection::built::SelfRecurrence;
    pub use super::separable::{LocalSeparable, Separable};
}
pub use self_connection::{Fixed, SelfRecurrence, SelfWeight, Trained, TrainedFrom, Unbiased};
pub use target::{RecurrenceTarget, Stage, ToInput, ToMiddle, ToOutput};

use super::Spec;
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops::Step;
use crate::unroll::Context;
use dfdx::prelude::{ConstDim, Tape};
use std::fmt::Debug;

/// The type of a recurrence: which [`Connection`] an area of some channels has with itself. Where it lands is the layer's
/// [`RecurrenceTarget`].
///
/// A connection whose weights do not depend on channels or kernel is a recurrence by itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a recurrence",
    label = "expected a recurrence, such as `Full`, `SelfRecurrence` or `NoRecurrence`",
    note = "a recurrence of your own implements `dynvision::nn::Connection`"
)]
pub trait Recurrence: Clone + Debug + 'static {
    /// The connection from a state of `I` channels to a target of `O`, in a layer whose kernel is `K`.
    type Connection<I: ConstDim, O: ConstDim, K: ConstDim>: Connection;
}

#[diagnostic::do_not_recommend]
impl<C: Connection> Recurrence for C {
    type Connection<I: ConstDim, O: ConstDim, K: ConstDim> = C;
}

/// A connection from an area's past state to its own drive.
///
/// ```
/// use dynvision::{error::Result, kernels::{Element, Maps, VisionDevice}, nn::{Connection, Empty}, ops, unroll::Context};
/// use dfdx::prelude::Tape;
///
/// /// `h²`.
/// #[derive(Clone, Debug)]
/// struct Squares;
/// dynvision::spec!(impl Squares => Empty);
/// impl Connection for Squares {
///     fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
///         _: &Empty,
///         h: &Maps<E, D>,
///         onto: Option<Maps<E, D>>,
///         cx: &mut Context<E, D, T>,
///     ) -> Result<Maps<E, D>> {
///         let y = cx.run(h.clone(), |h| h.try_square())?;
///         ops::add_onto(onto, y, cx)
///     }
/// }
/// # use dynvision::nn::{Layer, RConv2d};
/// # assert!(<RConv2d<3, 8, 3, 1, Squares>>::RECURRENT);
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is not the connection of an area with itself")]
pub trait Connection: Spec + Clone + Debug + 'static {
    /// Whether it needs a target with as many channels as the state.
    const SAME_CHANNELS: bool = false;
    /// Whether there is a connection at all.
    const CONNECTED: bool = true;
    /// Why it cannot work, if it cannot; read by `cargo check`.
    const MISFIT: Option<&'static str> = None;

    /// Computes what the state `h` contributes, added to `onto` where that is given.
    ///
    /// # Shapes
    /// `h: (B, I, H, W)`, `onto` and result `(B, O, H, W)`.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Self::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>>;

    /// A leaky step whose drive is what [`forward`](Connection::forward) makes. Worth an implementation of its own where both are
    /// one pass.
    ///
    /// # Shapes
    /// Those of [`forward`](Connection::forward); the state of the step is of the shape of the result.
    ///
    /// # Errors
    /// Those of [`forward`](Connection::forward) and of [`ops::leaky`](crate::ops::leaky()).
    fn forward_leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Self::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        step: Step<'_, E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let drive = Self::forward(weights, h, onto, cx)?;
        step.take(drive, cx)
    }
}

/// The misfit of a convolution of the state whose kernel is even.
const fn odd(kernel: usize) -> Option<&'static str> {
    match kernel.is_multiple_of(2) {
        true => Some(
            "its recurrence has an even kernel, which changes the size of the state; give it an odd one, as in \
             `Full<OwnKernel<3>>`, or the layer",
        ),
        false => None,
    }
}
