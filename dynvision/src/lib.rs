//! Recurrent vision networks with biological dynamics, declared as structs and checked by the compiler.

pub mod geometry;
#[doc(hidden)]
pub mod kernels;
