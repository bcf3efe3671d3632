//! How one parameter is changed: the part in which optimizers differ.

use super::{OptimError, ParameterKernel, UpdateStep};
use crate::kernels::Buffer;
use dfdx::prelude::{Device, Dtype, Shape, Tensor};

/// How weights are drawn towards zero.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightDecay {
    /// `wd * parameter` is added to the gradient, before moments are formed.
    L2(f64),
    /// `lr * wd * parameter` is taken off the parameter beside the step
    /// ([Loshchilov and Hutter 2019](https://arxiv.org/abs/1711.05101)).
    Decoupled(f64),
}

impl WeightDecay {
    pub(super) fn check(decay: Option<Self>) -> Result<(), OptimError> {
        match decay {
            Some(WeightDecay::L2(wd) | WeightDecay::Decoupled(wd)) if !wd.is_finite() || wd < 0.0 => {
                Err(OptimError::setting("weight_decay", wd, "a finite number, not negative"))
            }
            _ => Ok(()),
        }
    }

    /// The two factors, of which one is 0: of L2, and of decoupled decay.
    pub(super) fn factors(decay: Option<Self>, scale: f64) -> (f64, f64) {
        match decay {
            None => (0.0, 0.0),
            Some(WeightDecay::L2(wd)) => (wd * scale, 0.0),
            Some(WeightDecay::Decoupled(wd)) => (0.0, wd * scale),
        }
    }
}

/// What a rule needs to know about the update of one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    /// The number of this update of this parameter, from 1.
    pub number: u64,
    /// The learning rate of its group: the rule's own, multiplied.
    pub lr: f64,
    /// By what the group multiplies the weight decay.
    pub weight_decay: f64,
}

/// How an optimizer changes one parameter. A rule of one's own makes an [`Optimizer`](super::Optimizer) with groups, freezing and
/// a state that can be saved.
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::kernels::Buffer;
/// use dynvision::optim::{Optimizer, OptimError, ParameterKernel, UpdateRule, SgdStep, Update};
///
/// /// Gradient descent whose rate falls with the number of updates.
/// #[derive(Clone)]
/// struct Falling {
///     lr: f64,
/// }
///
/// impl UpdateRule for Falling {
///     fn name(&self) -> &'static str {
///         "falling"
///     }
///     fn state(&self) -> &'static [&'static str] {
///         &["unused"]
///     }
///     fn check(&self) -> Result<(), OptimError> {
///         Ok(())
///     }
///     fn lr(&self) -> f64 {
///         self.lr
///     }
///     fn set_lr(&mut self, lr: f64) {
///         self.lr = lr;
///     }
///     fn apply<S: Shape, E: Dtype, D: Device<E> + ParameterKernel<E>>(
///         &self,
///         update: &Update,
///         parameter: &mut Tensor<S, E, D>,
///         state: &mut [Buffer<E, D>],
///         gradient: &Buffer<E, D>,
///     ) -> Result<(), D::Err> {
///         let step = SgdStep { lr: update.lr / update.number as f64, ..Default::default() };
///         let device = parameter.device().clone();
///         device.sgd(&step, parameter, &mut state[0], gradient)
///     }
/// }
///
/// let dev = Cpu::default();
/// let mut p = dev.tensor([2.0f32]);
/// let mut optim = Optimizer::new(&p, Falling { lr: 0.5 })?;
/// for expected in [1.5, 1.25] {
///     let mut grads = p.leaky_trace().sum().backward();
///     optim.step(&mut p, &mut grads)?;
///     assert_eq!(p.array(), [expected]);
/// }
/// # Ok::<(), OptimError>(())
/// ```
pub trait UpdateRule: Clone {
    /// Its name, by which a saved state is known.
    fn name(&self) -> &'static str;

    /// The names of what is kept for each parameter: tensors of its shape, zero before the first update.
    fn state(&self) -> &'static [&'static str];

    /// Those of [`state`](Self::state) that are means of squares of gradients. They are never negative, and a gradient whose square is
    /// beyond the range of its type is refused. None unless said otherwise.
    fn squares(&self) -> &'static [&'static str] {
        &[]
    }

    /// Its name with its settings, by which a checkpoint knows that a resumed training updates alike. Name and rate unless
    /// said otherwise.
    fn describe(&self) -> String {
        format!("{} of rate {}", self.name(), self.lr())
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// The first that is out of its range.
    fn check(&self) -> Result<(), OptimError>;

    /// The learning rate of parameters that no group holds for.
    fn lr(&self) -> f64;

    /// Sets it.
    fn set_lr(&mut self, lr: f64);

    /// The update as one that devices know, if it is: they do those of all parameters together, and [`apply`](Self::apply) is not
    /// called. None unless said otherwise.
    fn known(&self, update: &Update) -> Option<UpdateStep> {
        let _ = update;
        None
    }

    /// Changes a parameter and its state, which has the order of [`state`](Self::state). All buffers have the parameter's length.
    ///
    /// # Errors
    /// Those of the device.
    fn apply<S: Shape, E: Dtype, D: Device<E> + ParameterKernel<E>>(
        &self,
        update: &Update,
        parameter: &mut Tensor<S, E, D>,
        state: &mut [Buffer<E, D>],
        gradient: &Buffer<E, D>,
    ) -> Result<(), D::Err>;
}

/// Checks what keeps a denominator from zero, in numbers of 32 bits as well.
pub(super) fn check_eps(eps: f64) -> Result<(), OptimError> {
    if (f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX)).contains(&eps) {
        return Ok(());
    }
    Err(OptimError::setting("eps", eps, "a finite number from 1.2e-38 on, below which f32 takes it for 0"))
}

/// Checks a learning rate.
pub(crate) fn check_lr(lr: f64) -> Result<(), OptimError> {
    if lr.is_finite() && lr >= 0.0 {
        return Ok(());
    }
    Err(OptimError::setting("lr", lr, "a finite number, not negative"))
}
