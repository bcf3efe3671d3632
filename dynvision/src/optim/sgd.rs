//! Stochastic gradient descent with momentum.

use super::update_rule::{Update, UpdateRule, WeightDecay, check_lr};
use super::{OptimError, ParameterKernel, SgdStep, UpdateStep};
use crate::kernels::Buffer;
use dfdx::prelude::{Device, Dtype, Shape, Tensor};

/// Stochastic gradient descent, with momentum or Nesterov's
/// ([Sutskever et al. 2013](https://proceedings.mlr.press/v28/sutskever13.html)). The same as in PyTorch, without dampening.
///
/// With the gradient `g` (plus `wd p` for L2 decay):
///
/// ```text
/// v = momentum v + g
/// p = p - lr v                   (g + momentum v in place of v for Nesterov's)
///       - lr wd p                (for decoupled decay)
/// ```
///
/// ```
/// use dynvision::optim::SgdConfig;
/// let config: SgdConfig = toml::from_str("momentum = 0.9\nnesterov = true")?;
/// assert_eq!(config, SgdConfig { momentum: 0.9, nesterov: true, ..Default::default() });
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// Learning rate.
    pub lr: f64,
    /// How much of the velocity an update keeps; 0 for none.
    pub momentum: f64,
    /// Whether the step looks one step ahead.
    pub nesterov: bool,
    /// How weights are drawn towards zero, if they are.
    pub weight_decay: Option<WeightDecay>,
}

impl Default for SgdConfig {
    fn default() -> Self {
        SgdConfig { lr: 1e-2, momentum: 0.0, nesterov: false, weight_decay: None }
    }
}

impl SgdConfig {
    fn step(&self, update: &Update) -> SgdStep {
        let (l2, decoupled) = WeightDecay::factors(self.weight_decay, update.weight_decay);
        let SgdConfig { momentum, nesterov, .. } = *self;
        SgdStep { lr: update.lr, momentum, nesterov, l2, decoupled }
    }
}

impl UpdateRule for SgdConfig {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn state(&self) -> &'static [&'static str] {
        &["momentum_buffer"]
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }

    fn check(&self) -> Result<(), OptimError> {
        check_lr(self.lr)?;
        if !(0.0..1.0).contains(&self.momentum) {
            return Err(OptimError::setting("momentum", self.momentum, "a number from 0 to below 1"));
        }
        if self.nesterov && self.momentum == 0.0 {
            return Err(OptimError::setting("momentum", self.momentum, "above 0, since `nesterov` is set"));
        }
        WeightDecay::check(self.weight_decay)
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn known(&self, update: &Update) -> Option<UpdateStep> {
        Some(UpdateStep::Sgd(self.step(update)))
    }

    fn apply<S: Shape, E: Dtype, D: Device<E> + ParameterKernel<E>>(
        &self,
        update: &Update,
        parameter: &mut Tensor<S, E, D>,
        state: &mut [Buffer<E, D>],
        gradient: &Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let [velocity] = state else { return Ok(()) };
        let step = self.step(update);
        let device = parameter.device().clone();
        device.sgd(&step, parameter, velocity, gradient)
    }
}
