//! Shapes of feature maps, from [`dynvision_kernels`].
//!
//! Every function is `const` and total: where a window does not fit, a dimension is 0. Whether that is a mistake is the
//! business of the `check_*` functions in [`crate::check`], so that one mistake gives one error.

pub use dynvision_kernels::geometry::*;
