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

pub use depth_pointwise::DepthPointwise;
pub use full::Full;
pub use kernel::{LayerKernel, OwnKernel, RecurrentKernel};
pub use local::{LateralKernel, Local};
pub use local_depthwise::LocalDepthwise;
pub use none::NoRecurrence;
pub use point_depthwise::PointDepthwise;
/// What holds the weights.
pub(crate) mod built {
    pub use super::self_connection::built::SelfRecurrence;
    pub use super::separable::{LocalSeparable, Separable};
}
pub use self_connection::{Fixed, SelfRecurrence, SelfWeight, Trained, TrainedFrom, Unbiased};
pub use target::{Stage, Target, ToInput, ToMiddle, ToOutput};

use super::MapOf;
use crate::cx::Cx;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use dfdx::nn::TensorCollection;
use dfdx::prelude::{ConstDim, Device, Dim, Dtype, Tape};
use std::fmt::Debug;

/// A connection from an area's past state to its own drive. Where it lands is the layer's [`Target`].
///
/// `I` are the channels of the state, `O` those of the target, `K` the kernel of the layer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a recurrence",
    label = "expected a recurrence, such as `Full`, `SelfRecurrence` or `NoRecurrence`"
)]
pub trait Recurrence: Clone + Debug + 'static {
    /// Whether it needs a target with as many channels as the state.
    const SAME_CHANNELS: bool = false;
    /// Whether there is a connection at all.
    const CONNECTED: bool = true;
    /// Whether its kernel is even, where that of the layer is odd and where it is even: the state would change its size, which
    /// does not compile.
    const IS_EVEN: [bool; 2] = [false, false];
    /// What holds the weights.
    type Built<I: ConstDim, O: ConstDim, K: ConstDim, E: Dtype, D: Device<E>>: TensorCollection<E, D> + Clone + Debug;

    /// The converted weights, unchanged: the body is `it`.
    fn converted<I: ConstDim, O: ConstDim, K: ConstDim, E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
        it: <Self::Built<I, O, K, E, D> as TensorCollection<E, D>>::To<E2, D2>,
    ) -> Self::Built<I, O, K, E2, D2>;

    /// What the state `h` contributes.
    ///
    /// # Shapes
    /// `h: (B, I, H, W)`, result `(B, O, H, W)`.
    ///
    /// # Errors
    /// Those of its operations.
    fn drive<I: ConstDim, O: ConstDim, K: ConstDim, B: Dim, H: Dim, W: Dim, E, D, T>(
        weights: &Self::Built<I, O, K, E, D>,
        h: &MapOf<B, I, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, O, H, W, E, D>>
    where
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>;

    /// The same, added to `onto`. Worth an implementation of its own where the sum costs less than `drive` and a sum.
    ///
    /// # Errors
    /// As [`drive`](Recurrence::drive).
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
        let driven = Self::drive::<I, O, K, B, H, W, E, D, T>(weights, h, cx)?;
        ops::add(onto, &driven, cx)
    }
}
