//! Norms: each area's activity brought to a common mean and variance.

mod batch;
mod group;

pub use batch::{BatchNorm, BatchNormWith, KerasNorm, NormOptions, TorchNorm};
pub use group::{GroupNorm, LayerNorm};

pub(crate) mod built {
    pub use super::batch::built::BatchNorm;
    pub use super::group::built::GroupNorm;
}

/// Added to a variance, so that it is not 0.
const EPS: f64 = 1e-5;
