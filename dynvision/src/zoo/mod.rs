//! Models that are declared with `#[dyn_model]` alone, after the original and the literature.
//!
//! Each is a family: a macro declares a member for an input size, a number of classes and the links that it has, and one
//! member is declared here under the model's own name.

mod dyrcnn;
mod guide;
mod resnet;
mod simple;

pub use dyrcnn::*;
pub use guide::*;
pub use resnet::*;
pub use simple::*;
