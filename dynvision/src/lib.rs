//! Recurrent vision networks with biological dynamics, declared as structs and checked by the compiler.

pub mod autograd;
pub mod check;
pub mod data;
pub mod device;
pub mod error;
pub mod file;
pub mod geometry;
pub mod interop;
pub mod kernels;
#[cfg(test)]
mod layers;
pub mod loss;
pub mod model;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod parameters;
mod pickle;
#[cfg(feature = "plot")]
pub mod plot;
pub mod prelude;
pub mod profile;
pub mod protocol;
pub mod stream;
pub mod summary;
pub mod time;
#[cfg(feature = "train")]
pub mod train;
pub mod unroll;

pub mod zoo;

#[doc(hidden)]
pub mod __private;
mod missing;

pub use dynvision_macros::dyn_model;

// generated code names this crate, also where it is written in this crate
#[allow(unused_extern_crates)]
extern crate self as dynvision;

/// The code of the front page and of the guide is tested.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct FrontPage;
/// See above.
#[cfg(doctest)]
#[doc = include_str!("../../docs/custom-models.md")]
pub struct CustomModels;
