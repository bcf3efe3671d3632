//! RMSprop.

use super::update_rule::{Update, UpdateRule, WeightDecay, check_eps, check_lr};
use super::{OptimError, ParameterKernel, RmsPropStep, UpdateStep};
use crate::kernels::Buffer;
use dfdx::prelude::{Device, Dtype, Shape, Tensor};

/// RMSprop ([Hinton 2012](https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf), lecture 6e), centred or not
/// ([Graves 2013](https://arxiv.org/abs/1308.0850)), with momentum or not. The same as in PyTorch.
///
/// With the gradient `g` (plus `wd p` for L2 decay):
///
/// ```text
/// v = alpha v + (1 - alpha) g^2
/// a = alpha a + (1 - alpha) g                     (0 unless centred)
/// b = momentum b + g / (sqrt(v - a^2) + eps)
/// p = p - lr b - lr wd p                          (the last for decoupled decay)
/// ```
///
/// ```
/// use dynvision::optim::{OptimizerConfig, RmsPropConfig};
/// let config: OptimizerConfig = toml::from_str("method = \"rms_prop\"\nmomentum = 0.9")?;
/// assert_eq!(config, OptimizerConfig::RmsProp(RmsPropConfig { momentum: 0.9, ..Default::default() }));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsPropConfig {
    /// Learning rate.
    pub lr: f64,
    /// How much of the mean square an update keeps.
    pub alpha: f64,
    /// What keeps the denominator from zero.
    pub eps: f64,
    /// How much of the velocity an update keeps; 0 for none.
    pub momentum: f64,
    /// Whether the variance takes the place of the mean square.
    pub centered: bool,
    /// How weights are drawn towards zero, if they are.
    pub weight_decay: Option<WeightDecay>,
}

impl Default for RmsPropConfig {
    /// PyTorch's.
    fn default() -> Self {
        RmsPropConfig { lr: 1e-2, alpha: 0.99, eps: 1e-8, momentum: 0.0, centered: false, weight_decay: None }
    }
}

impl RmsPropConfig {
    fn step(&self, update: &Update) -> RmsPropStep {
        let (l2, decoupled) = WeightDecay::factors(self.weight_decay, update.weight_decay);
        let RmsPropConfig { alpha, eps, momentum, centered, .. } = *self;
        RmsPropStep { lr: update.lr, alpha, eps, momentum, centered, l2, decoupled }
    }
}

impl UpdateRule for RmsPropConfig {
    fn name(&self) -> &'static str {
        "rms_prop"
    }

    fn state(&self) -> &'static [&'static str] {
        &["square_avg", "grad_avg", "momentum_buffer"]
    }

    fn squares(&self) -> &'static [&'static str] {
        &["square_avg"]
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }

    fn check(&self) -> Result<(), OptimError> {
        check_lr(self.lr)?;
        for (setting, value) in [("alpha", self.alpha), ("momentum", self.momentum)] {
            if !(0.0..1.0).contains(&value) {
                return Err(OptimError::setting(setting, value, "a number from 0 to below 1"));
            }
        }
        check_eps(self.eps)?;
        WeightDecay::check(self.weight_decay)
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn known(&self, update: &Update) -> Option<UpdateStep> {
        Some(UpdateStep::RmsProp(self.step(update)))
    }

    fn apply<S: Shape, E: Dtype, D: Device<E> + ParameterKernel<E>>(
        &self,
        update: &Update,
        parameter: &mut Tensor<S, E, D>,
        state: &mut [Buffer<E, D>],
        gradient: &Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let [square, mean, velocity] = state else { return Ok(()) };
        let step = self.step(update);
        let device = parameter.device().clone();
        device.rms_prop(&step, parameter, square, mean, velocity, gradient)
    }
}
