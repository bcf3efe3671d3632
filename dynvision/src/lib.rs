//! Recurrent vision networks with biological dynamics, declared as structs and checked by the compiler.

pub mod check;
pub mod cx;
pub mod data;
pub mod error;
pub mod geometry;
pub mod interop;
pub mod kernels;
pub mod model;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod parameters;
pub mod prelude;
pub mod record;
pub mod summary;
pub mod time;

#[doc(hidden)]
pub mod __private;
