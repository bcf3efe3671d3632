//! Optimizers whose state can be saved and taken up again exactly, groups of parameters by name, clipping, schedules.
//!
//! ```
//! use dfdx::prelude::*;
//! use dynvision::optim::{Adam, AdamConfig, Clip, Group, Groups, Schedule};
//!
//! let dev = Cpu::default();
//! let mut model = dev.build_module::<dfdx::nn::builders::Linear<4, 2>, f32>();
//! let groups = Groups::new([Group::named("bias").weight_decay(0.0)]);
//! let mut optim = Adam::new(&model, AdamConfig { lr: 1e-2, ..Default::default() })?.with_groups(groups)?;
//! let schedule = Schedule::WarmupCosine { warmup: 10, steps: 100, start: None, floor: 0.0 };
//! let mut grads = model.alloc_grads();
//! let x: Tensor<(usize, Const<4>), f32, _> = dev.sample_normal_like(&(8, Const));
//! for step in 0..3 {
//!     grads = model.forward(x.trace(grads)).square().mean().backward();
//!     let norm = Clip::Norm(1.0).apply(&model, &mut grads, optim.groups())?;
//!     optim.set_lr(schedule.lr(1e-2, step))?;
//!     optim.step(&mut model, &mut grads)?;
//!     model.zero_grads(&mut grads);
//!     assert!(norm > 0.0);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adam;
mod average;
mod clip;
mod error;
mod groups;
mod optimizer;
mod optimizer_config;
mod plateau;
mod rms_prop;
mod scaling;
mod schedule;
mod sgd;
#[cfg(test)]
mod tests;
mod update_rule;

pub use crate::kernels::{AdamStep, ParameterKernel, RmsPropStep, SgdStep, UpdateStep};
pub use adam::AdamConfig;
pub use average::Average;
pub use clip::Clip;
#[cfg(feature = "train")]
pub(crate) use clip::{Clipped, Squares, scale_gradients};
pub use error::OptimError;
pub use groups::{Group, Groups, Settings};
pub use optimizer::Optimizer;
pub use optimizer_config::OptimizerConfig;
pub use plateau::{MonitorMode, Plateau};
pub use rms_prop::RmsPropConfig;
pub use scaling::LrScaling;
pub use schedule::Schedule;
pub use sgd::SgdConfig;
#[cfg(feature = "train")]
pub(crate) use update_rule::check_lr;
pub use update_rule::{Update, UpdateRule, WeightDecay};

/// Adam, and AdamW by decoupled weight decay; see [`AdamConfig`].
pub type Adam<M, E, D> = Optimizer<AdamConfig, M, E, D>;

/// Stochastic gradient descent with momentum; see [`SgdConfig`].
pub type Sgd<M, E, D> = Optimizer<SgdConfig, M, E, D>;

/// RMSprop; see [`RmsPropConfig`].
pub type RmsProp<M, E, D> = Optimizer<RmsPropConfig, M, E, D>;
