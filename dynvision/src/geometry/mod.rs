//! Shapes of feature maps, most of them from [`dynvision_kernels`], and how units lie in them.
//!
//! Every function is `const` and total: where a window does not fit, a dimension is 0. Whether that is a mistake is the
//! business of the `check_*` functions in [`crate::check`], so that one mistake gives one error.

mod beside;
mod edge;
mod features;
mod plane;
mod units;

pub use beside::beside;
pub use dynvision_kernels::geometry::*;
pub use edge::EdgeSize;
pub use features::Features;
pub use plane::Plane;
pub use units::Units;
