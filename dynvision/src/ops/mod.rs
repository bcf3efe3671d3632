//! Differentiable operations on tensors without a tape; the tape is in the [`Cx`](crate::cx::Cx).
//!
//! Shapes are typed at the entry and the exit, and erased between them ([`erased`], [`restored`]): both keep data and
//! identity, and the work is compiled once per dtype and device, not once per area.
//!
//! An operation that takes a tensor by value may update it in place. It then keeps its identity, and the gradient of
//! what it was before is made from the gradient of what it became in place as well. That is exact as long as the old
//! value has no other reader, which is what a buffer with a single owner means; a shared one is copied first and gets an
//! identity of its own.

mod bias;
mod conv;
mod dropout;
mod gather;
mod leaky;
mod norm;
mod plane;
mod pointwise;
mod pool;
mod resize;
mod shape;
mod slice;
mod stack;
mod weight_norm;

pub use bias::add_bias;
pub use conv::{conv2d, conv2d_once, conv2d_onto};
pub use dropout::dropout;
pub use gather::{Units, gather};
pub use leaky::{Rate, leaky};
pub use norm::{Affine, batch_norm, group_norm, normalize};
pub use plane::Plane;
pub use pointwise::{add, gain, relu, scale_shift, scale_shift_onto, supralinear};
pub use pool::{adaptive_avg_pool2d, avg_pool2d, global_avg_pool, max_pool2d};
pub use resize::{resize, resize_onto};
pub(crate) use shape::renamed;
pub use shape::{MapShape, erased, reshaped, restored, retyped};
pub use slice::{slice, stop_gradient};
pub use stack::stack_time;
pub use weight_norm::weight_norm;
