//! The rule that a configuration names.

use super::{AdamConfig, OptimError, ParameterKernel, RmsPropConfig, Rule, SgdConfig, Update};
use crate::kernels::Buffer;
use dfdx::prelude::{Device, Dtype, Shape, Tensor};

/// One of the rules, chosen at run time.
///
/// ```
/// use dynvision::optim::{Method, SgdConfig};
/// let method: Method = toml::from_str("method = \"sgd\"\nlr = 0.1\nmomentum = 0.9")?;
/// assert_eq!(method, Method::Sgd(SgdConfig { lr: 0.1, momentum: 0.9, ..Default::default() }));
/// assert!(toml::from_str::<Method>("method = \"adam\"\nmomentum = 0.9").is_err());
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// Adam or AdamW.
    Adam(AdamConfig),
    /// Stochastic gradient descent.
    Sgd(SgdConfig),
    /// RMSprop.
    RmsProp(RmsPropConfig),
}

impl Default for Method {
    fn default() -> Self {
        Method::Adam(AdamConfig::default())
    }
}

impl Rule for Method {
    fn name(&self) -> &'static str {
        match self {
            Method::Adam(rule) => rule.name(),
            Method::Sgd(rule) => rule.name(),
            Method::RmsProp(rule) => rule.name(),
        }
    }

    fn state(&self) -> &'static [&'static str] {
        match self {
            Method::Adam(rule) => rule.state(),
            Method::Sgd(rule) => rule.state(),
            Method::RmsProp(rule) => rule.state(),
        }
    }

    fn describe(&self) -> String {
        match self {
            Method::Adam(rule) => rule.describe(),
            Method::Sgd(rule) => rule.describe(),
            Method::RmsProp(rule) => rule.describe(),
        }
    }

    fn check(&self) -> Result<(), OptimError> {
        match self {
            Method::Adam(rule) => rule.check(),
            Method::Sgd(rule) => rule.check(),
            Method::RmsProp(rule) => rule.check(),
        }
    }

    fn lr(&self) -> f64 {
        match self {
            Method::Adam(rule) => rule.lr(),
            Method::Sgd(rule) => rule.lr(),
            Method::RmsProp(rule) => rule.lr(),
        }
    }

    fn set_lr(&mut self, lr: f64) {
        match self {
            Method::Adam(rule) => rule.set_lr(lr),
            Method::Sgd(rule) => rule.set_lr(lr),
            Method::RmsProp(rule) => rule.set_lr(lr),
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
            Method::Adam(rule) => rule.apply(update, parameter, state, gradient),
            Method::Sgd(rule) => rule.apply(update, parameter, state, gradient),
            Method::RmsProp(rule) => rule.apply(update, parameter, state, gradient),
        }
    }
}
