//! Adam and AdamW.

use super::update_rule::{Update, UpdateRule, WeightDecay, check_eps, check_lr};
use super::{AdamStep, OptimError, ParameterKernel, UpdateStep};
use crate::kernels::Buffer;
use dfdx::prelude::{Device, Dtype, Shape, Tensor};

/// Adam ([Kingma and Ba 2015](https://arxiv.org/abs/1412.6980)); AdamW with
/// [decoupled](WeightDecay::Decoupled) weight decay. The same as in PyTorch.
///
/// With the gradient `g` (plus `wd p` for L2 decay), at update `t`:
///
/// ```text
/// m = beta1 m + (1 - beta1) g
/// v = beta2 v + (1 - beta2) g^2
/// p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) - lr wd p    (the last for decoupled decay)
/// ```
///
/// ```
/// use dynvision::optim::{AdamConfig, WeightDecay};
/// let config: AdamConfig = toml::from_str("lr = 2e-4\nweight_decay = { l2 = 5e-4 }")?;
/// assert_eq!(config, AdamConfig { lr: 2e-4, weight_decay: Some(WeightDecay::L2(5e-4)), ..Default::default() });
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// Learning rate.
    pub lr: f64,
    /// How much of the two moments an update keeps.
    pub betas: [f64; 2],
    /// What keeps the denominator from zero.
    pub eps: f64,
    /// How weights are drawn towards zero, if they are.
    pub weight_decay: Option<WeightDecay>,
}

impl Default for AdamConfig {
    fn default() -> Self {
        AdamConfig { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: None }
    }
}

impl AdamConfig {
    fn step(&self, update: &Update) -> AdamStep {
        let (l2, decoupled) = WeightDecay::factors(self.weight_decay, update.weight_decay);
        let AdamConfig { betas, eps, .. } = *self;
        AdamStep { number: update.number, lr: update.lr, betas, eps, l2, decoupled }
    }
}

impl UpdateRule for AdamConfig {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn state(&self) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    fn squares(&self) -> &'static [&'static str] {
        &["exp_avg_sq"]
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }

    fn check(&self) -> Result<(), OptimError> {
        check_lr(self.lr)?;
        if !self.betas.iter().all(|beta| (0.0..1.0).contains(beta)) {
            return Err(OptimError::setting("betas", self.betas, "two numbers from 0 to below 1"));
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
        Some(UpdateStep::Adam(self.step(update)))
    }

    fn apply<S: Shape, E: Dtype, D: Device<E> + ParameterKernel<E>>(
        &self,
        update: &Update,
        parameter: &mut Tensor<S, E, D>,
        state: &mut [Buffer<E, D>],
        gradient: &Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let [first, second] = state else { return Ok(()) };
        let step = self.step(update);
        let device = parameter.device().clone();
        device.adam(&step, parameter, first, second, gradient)
    }
}
