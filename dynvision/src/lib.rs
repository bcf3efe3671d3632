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

/// Turns the description of a network into a model: a struct with one field for each area and one for the readout.
///
/// ```
/// use dynvision::prelude::*;
///
/// #[dyn_model(
///     input = [3, 16, 16],
///     operations = [layer, skip, feedback, tstep, nonlin, record, delay, pool],
/// )]
/// pub struct TwoAreas<R: Recurrence = Full> {
///     #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = v2))]
///     v1: RConv2d<3, 4, 3, 1, R>,
///     #[area(skip(from = v1))]
///     v2: RConv2d<4, 6, 3, 1, R>,
///     #[readout]
///     classifier: Classifier<6, 5>,
/// }
///
/// assert_eq!(TwoAreas::V1.to_string(), "4x16x16");
/// assert_eq!(TwoAreas::V1_POOL.to_string(), "4x8x8");
/// ```
///
/// A type argument that changes a shape is refused when the model is built:
///
/// ```compile_fail
/// use dynvision::{nn::{ConvOptions, DefaultOptions, Padded}, prelude::*};
///
/// #[dyn_model(input = [3, 16, 16], operations = [layer, record, delay])]
/// struct Net<C: ConvOptions = DefaultOptions> {
///     v1: RConv2d<3, 4, 3, 1, Full, ToOutput, C>,
///     #[readout]
///     head: Classifier<4, 2>,
/// }
///
/// // "a type parameter changes the shape of `v1`": without padding, less is left of a map
/// Cpu::default().build_module::<Net<Padded<0>>, f32>();
/// ```
///
// The examples stand here, and not where the macro is: the library would be built once more for the tests of the macro.
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
