//! The rule that a configuration names.

use super::{AdamConfig, OptimError, ParameterKernel, RmsPropConfig, SgdConfig, Update, UpdateRule, UpdateStep};
use crate::kernels::Buffer;
use dfdx::prelude::{Device, Dtype, Shape, Tensor};

/// One of the rules, chosen at run time.
///
/// ```
/// use dynvision::optim::{OptimizerConfig, SgdConfig};
/// let config: OptimizerConfig = toml::from_str("method = \"sgd\"\nlr = 0.1\nmomentum = 0.9")?;
/// assert_eq!(config, OptimizerConfig::Sgd(SgdConfig { lr: 0.1, momentum: 0.9, ..Default::default() }));
/// assert!(toml::from_str::<OptimizerConfig>("method = \"adam\"\nmomentum = 0.9").is_err());
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
#[non_exhaustive]
pub enum OptimizerConfig {
    /// Adam or AdamW.
    Adam(AdamConfig),
    /// Stochastic gradient descent.
    Sgd(SgdConfig),
    /// RMSprop.
    RmsProp(RmsPropConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        OptimizerConfig::Adam(AdamConfig::default())
    }
}

impl UpdateRule for OptimizerConfig {
    fn name(&self) -> &'static str {
        match self {
            OptimizerConfig::Adam(rule) => rule.name(),
            OptimizerConfig::Sgd(rule) => rule.name(),
            OptimizerConfig::RmsProp(rule) => rule.name(),
        }
    }

    fn state(&self) -> &'static [&'static str] {
        match self {
            OptimizerConfig::Adam(rule) => rule.state(),
            OptimizerConfig::Sgd(rule) => rule.state(),
            OptimizerConfig::RmsProp(rule) => rule.state(),
        }
    }

    fn squares(&self) -> &'static [&'static str] {
        match self {
            OptimizerConfig::Adam(rule) => rule.squares(),
            OptimizerConfig::Sgd(rule) => rule.squares(),
            OptimizerConfig::RmsProp(rule) => rule.squares(),
        }
    }

    fn describe(&self) -> String {
        match self {
            OptimizerConfig::Adam(rule) => rule.describe(),
            OptimizerConfig::Sgd(rule) => rule.describe(),
            OptimizerConfig::RmsProp(rule) => rule.describe(),
        }
    }

    fn check(&self) -> Result<(), OptimError> {
        match self {
            OptimizerConfig::Adam(rule) => rule.check(),
            OptimizerConfig::Sgd(rule) => rule.check(),
            OptimizerConfig::RmsProp(rule) => rule.check(),
        }
    }

    fn lr(&self) -> f64 {
        match self {
            OptimizerConfig::Adam(rule) => rule.lr(),
            OptimizerConfig::Sgd(rule) => rule.lr(),
            OptimizerConfig::RmsProp(rule) => rule.lr(),
        }
    }

    fn set_lr(&mut self, lr: f64) {
        match self {
            OptimizerConfig::Adam(rule) => rule.set_lr(lr),
            OptimizerConfig::Sgd(rule) => rule.set_lr(lr),
            OptimizerConfig::RmsProp(rule) => rule.set_lr(lr),
        }
    }

    fn known(&self, update: &Update) -> Option<UpdateStep> {
        match self {
            OptimizerConfig::Adam(rule) => rule.known(update),
            OptimizerConfig::Sgd(rule) => rule.known(update),
            OptimizerConfig::RmsProp(rule) => rule.known(update),
        }
    }

    fn apply<S: Shape, E: Dtype, D: Device<E> + ParameterKernel<E>>(
        &self,
        update: &Update,
        parameter: &mut Tensor<S, E, D>,
        state: &mut [Buffer<E, D>],
        gradient: &Buffer<E, D>,
    ) -> Result<(), D::Err> {
        match self {
            OptimizerConfig::Adam(rule) => rule.apply(update, parameter, state, gradient),
            OptimizerConfig::Sgd(rule) => rule.apply(update, parameter, state, gradient),
            OptimizerConfig::RmsProp(rule) => rule.apply(update, parameter, state, gradient),
        }
    }
}
