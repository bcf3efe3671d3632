//! Every operation against three things that know nothing of each other: loops that follow its definition, finite
//! differences of random objectives in f64, and a second implementation composed of dfdx's operations.
#![allow(clippy::unwrap_used, missing_docs)] // a failing test may panic

#[path = "common/device.rs"]
mod device;

#[path = "ops/check.rs"]
#[macro_use]
mod check;
#[path = "ops/arithmetic.rs"]
mod arithmetic;
#[path = "ops/concat.rs"]
mod concat;
#[path = "ops/conv.rs"]
mod conv;
#[path = "ops/errors.rs"]
mod errors;
#[path = "ops/every.rs"]
mod every;
#[path = "ops/gather.rs"]
mod gather;
#[cfg(not(feature = "cuda"))] // where a tensor lies is seen on the CPU
#[path = "ops/in_place.rs"]
mod in_place;
#[path = "ops/kernels.rs"]
mod kernels;
#[path = "ops/norm.rs"]
mod norm;
#[path = "ops/pointwise.rs"]
mod pointwise;
#[path = "ops/pool.rs"]
mod pool;
#[path = "ops/pytorch.rs"]
mod pytorch;
#[path = "ops/resize.rs"]
mod resize;
#[path = "ops/slice.rs"]
mod slice;
#[path = "ops/stack.rs"]
mod stack;
#[path = "ops/steps.rs"]
mod steps;
#[path = "ops/views.rs"]
mod views;
