//! Recurrent vision networks with biological dynamics, declared as structs and checked by the compiler.

pub mod check;
pub mod cx;
pub mod error;
pub mod geometry;
pub mod kernels;
pub mod ops;
pub mod time;
