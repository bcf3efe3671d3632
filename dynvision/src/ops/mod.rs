//! Differentiable operations on tensors without a tape; the tape is in the [`Graph`](crate::autograd::Graph).
//!
//! They take and return [`Maps`](crate::kernels::Maps), whose sizes are known at run time: each is compiled once per dtype
//! and device, not once per area. [`erase`] and [`restore`] lead from typed shapes to maps and back; both keep data and
//! identity.
//!
//! An operation that takes a tensor by value may update it in place. It then keeps its identity, and the gradient of
//! what it was before is made from the gradient of what it became in place as well. That is exact as long as the old
//! value has no other reader, which is what a buffer with a single owner means; a shared one is copied first and gets an
//! identity of its own.

mod arithmetic;
mod beside;
mod bias;
mod concat;
mod conv;
mod conv_transpose;
mod dropout;
mod gather;
mod leaky;
mod norm;
mod pointwise;
mod pool;
mod resize;
mod response_norm;
mod shape;
mod slice;
mod stack;
mod straight_through;
mod unit_noise;
mod weight_norm;

pub use arithmetic::{affine, clamp, div, mix, mul, scale, sigmoid, spread, sub, tanh, within_channels};
pub use beside::concatenate;
pub use bias::add_bias;
pub use concat::concat;
pub use conv::{Filter, conv2d, conv2d_leaky, conv2d_once, separable_conv2d, separable_conv2d_leaky};
pub use conv_transpose::conv_transpose2d;
pub use dropout::dropout;
pub use gather::gather;
pub use leaky::{Rate, Step, leaky};
pub use norm::{Affine, batch_norm, group_norm, normalize};
pub use pointwise::{add, add_onto, gain, relu, scale_shift, scale_shift_leaky, supralinear};
pub use pool::{adaptive_avg_pool2d, avg_pool2d, global_avg_pool, global_max_pool, max_pool2d};
pub use resize::resize;
pub use response_norm::local_response_norm;
pub use shape::{MapShape, RunTimeSizes, contiguous, erase, flatten, reshaped, restore};
pub(crate) use shape::{realized, vector, whole};
pub use slice::{slice, stop_gradient};
pub use stack::stack_time;
pub use straight_through::{Surrogate, spike, straight_through};
pub use unit_noise::unit_noise;
pub use weight_norm::weight_norm;
