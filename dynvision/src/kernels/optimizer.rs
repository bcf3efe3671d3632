//! Updates of parameters and clipping of gradients: what a device must be able to do, composed of dfdx's operations where
//! it has no kernel of its own.

use super::Buffer;
use dfdx::prelude::*;

pub use dynvision_kernels::optimizer::{AdamStep, SgdStep};

/// One update by RMSprop of one parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RmsPropStep {
    /// Learning rate.
    pub lr: f64,
    /// How much of the mean square is kept.
    pub alpha: f64,
    /// What keeps the denominator from zero.
    pub eps: f64,
    /// How much of the velocity is kept.
    pub momentum: f64,
    /// Whether the variance takes the place of the mean square.
    pub centered: bool,
    /// Weight decay that is added to the gradient.
    pub l2: f64,
    /// Weight decay beside the step.
    pub decoupled: f64,
}

/// An update of one parameter that a device knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UpdateStep {
    /// By Adam. The state is the two moments.
    Adam(AdamStep),
    /// By gradient descent. The state is the velocity.
    Sgd(SgdStep),
    /// By RMSprop. The state is the mean square, the mean gradient and the velocity.
    RmsProp(RmsPropStep),
}

/// What is done with many parameters or gradients together, where a device can: it waits until
/// [`finish`](ParameterKernel::finish). This crate alone makes one, since all that waits has to stay where it is until then.
pub struct Together<E: Dtype, D: ParameterKernel<E>> {
    /// What waits.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "nothing waits on the CPU"))]
    pub(super) waiting: D::Waiting,
    /// The sums that were asked for, where they did not wait.
    pub(super) sums: Vec<f64>,
    /// Whether no tensor shares its memory with one of the parameters.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "the CPU sees it"))]
    pub(super) unshared: bool,
}

impl<E: Dtype, D: ParameterKernel<E>> Together<E, D> {
    /// Nothing yet. Parameters that are `unshared` are updated where they are, and no tensor shows their numbers before.
    pub(crate) fn new(unshared: bool) -> Self {
        Together { waiting: D::Waiting::default(), sums: Vec::new(), unshared }
    }
}

impl<E: Dtype, D: ParameterKernel<E>> std::fmt::Debug for Together<E, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Together").finish_non_exhaustive()
    }
}

/// What optimizers and clipping ask of a device. Parameters are contiguous, and their buffers as long as they are.
pub trait ParameterKernel<E: Dtype>: Device<E> {
    /// What waits to be done together; `()` where nothing does.
    type Waiting: Default;

    /// One update of a parameter, together with others. The state is in the order that [`UpdateStep`] says.
    ///
    /// # Errors
    /// Those of the device, here and below.
    fn update<S: Shape>(
        &self,
        step: &UpdateStep,
        parameter: &mut Tensor<S, E, Self>,
        state: &mut [Buffer<E, Self>],
        gradient: &Buffer<E, Self>,
        _: &mut Together<E, Self>,
    ) -> Result<(), Self::Err> {
        update(self, step, parameter, state, gradient)
    }

    /// The sum of the squares of a buffer, or of what [`clamp`](Self::clamp) would leave of it, together with others: one more of the
    /// numbers that [`finish`](Self::finish) gives.
    fn add_squares(
        &self,
        buffer: &Buffer<E, Self>,
        limit: Option<f64>,
        all: &mut Together<E, Self>,
    ) -> Result<(), Self::Err> {
        all.sums.push(match limit {
            Some(limit) => {
                let mut limited = buffer.clone();
                self.clamp(&mut limited, limit)?;
                self.sum_of_squares(&limited)?
            }
            None => self.sum_of_squares(buffer)?,
        });
        Ok(())
    }

    /// Multiplies a buffer, together with others.
    fn add_scale(&self, buffer: &mut Buffer<E, Self>, factor: f64, _: &mut Together<E, Self>) -> Result<(), Self::Err> {
        self.scale(buffer, factor)
    }

    /// Limits the elements of a buffer, together with others.
    fn add_clamp(&self, buffer: &mut Buffer<E, Self>, limit: f64, _: &mut Together<E, Self>) -> Result<(), Self::Err> {
        self.clamp(buffer, limit)
    }

    /// Does what waits, and gives the sums that were asked for and the elements of some tensors, in one copy to the host where the
    /// device can, and in none where nothing is asked for.
    fn finish(
        &self,
        all: Together<E, Self>,
        tensors: &[Tensor<(usize,), E, Self>],
    ) -> Result<(Vec<f64>, Vec<Vec<E>>), Self::Err> {
        Ok((all.sums, tensors.iter().map(|tensor| tensor.as_vec()).collect()))
    }

    /// One update by Adam of a parameter and its two moments.
    fn adam<S: Shape>(
        &self,
        step: &AdamStep,
        parameter: &mut Tensor<S, E, Self>,
        first: &mut Buffer<E, Self>,
        second: &mut Buffer<E, Self>,
        gradient: &Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::adam(step, parameter, first, second, gradient)
    }

    /// One update by gradient descent of a parameter and its velocity.
    fn sgd<S: Shape>(
        &self,
        step: &SgdStep,
        parameter: &mut Tensor<S, E, Self>,
        velocity: &mut Buffer<E, Self>,
        gradient: &Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::sgd(step, parameter, velocity, gradient)
    }

    /// One update by RMSprop of a parameter, its mean square, its mean gradient and its velocity: the gradient is normalised,
    /// and [`sgd`](ParameterKernel::sgd) follows it.
    fn rms_prop<S: Shape>(
        &self,
        step: &RmsPropStep,
        parameter: &mut Tensor<S, E, Self>,
        square: &mut Buffer<E, Self>,
        mean: &mut Buffer<E, Self>,
        velocity: &mut Buffer<E, Self>,
        gradient: &Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        let flat = match step.l2 > 0.0 {
            true => Some(parameter.clone().try_reshape_like(&(parameter.shape().num_elements(),))?),
            false => None,
        };
        let normalised = composed::rms_normalised(self, step, flat, square, mean, gradient)?;
        let RmsPropStep { lr, momentum, decoupled, .. } = *step;
        let step = SgdStep { lr, momentum, decoupled, ..Default::default() };
        self.sgd(&step, parameter, velocity, &normalised)
    }

    /// The sum of the squares of a buffer, the same on any number of threads.
    fn sum_of_squares(&self, buffer: &Buffer<E, Self>) -> Result<f64, Self::Err> {
        composed::sum_of_squares(self, buffer)
    }

    /// Multiplies a buffer.
    fn scale(&self, buffer: &mut Buffer<E, Self>, factor: f64) -> Result<(), Self::Err> {
        composed::scale(self, buffer, factor)
    }

    /// Limits a buffer's elements to `-limit` to `limit`.
    fn clamp(&self, buffer: &mut Buffer<E, Self>, limit: f64) -> Result<(), Self::Err> {
        composed::clamp(self, buffer, limit)
    }

    /// The elements of a buffer.
    fn read(&self, buffer: &Buffer<E, Self>) -> Result<Vec<E>, Self::Err> {
        composed::read(self, buffer)
    }

    /// A buffer of the given elements.
    fn buffer(&self, elements: &[E]) -> Result<Buffer<E, Self>, Self::Err> {
        composed::buffer(self, elements)
    }
}

/// One update at once. A state of too few buffers is refused by nobody: rules name as many as they keep.
pub(super) fn update<S: Shape, E: Dtype, D: ParameterKernel<E>>(
    dev: &D,
    step: &UpdateStep,
    parameter: &mut Tensor<S, E, D>,
    state: &mut [Buffer<E, D>],
    gradient: &Buffer<E, D>,
) -> Result<(), D::Err> {
    match (step, state) {
        (UpdateStep::Adam(step), [first, second]) => dev.adam(step, parameter, first, second, gradient),
        (UpdateStep::Sgd(step), [velocity]) => dev.sgd(step, parameter, velocity, gradient),
        (UpdateStep::RmsProp(step), [square, mean, velocity]) => {
            dev.rms_prop(step, parameter, square, mean, velocity, gradient)
        }
        _ => Ok(()),
    }
}

/// The composition.
pub(crate) mod composed {
    use super::*;
    use crate::kernels::composition::rectified;
    use dfdx::optim::{AdamConfig, Momentum, SgdConfig, WeightDecay};

    /// dfdx knows one kind of decay at a time, and so do our rules.
    fn weight_decay(l2: f64, decoupled: f64) -> Option<WeightDecay> {
        if decoupled > 0.0 {
            Some(WeightDecay::Decoupled(decoupled))
        } else {
            (l2 > 0.0).then_some(WeightDecay::L2(l2))
        }
    }

    pub(crate) fn adam<S: Shape, E: Dtype, D: Device<E>>(
        step: &AdamStep,
        parameter: &mut Tensor<S, E, D>,
        first: &mut Buffer<E, D>,
        second: &mut Buffer<E, D>,
        gradient: &Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let AdamStep { lr, betas, eps, l2, decoupled, .. } = *step;
        let config = AdamConfig { lr, betas, eps, weight_decay: weight_decay(l2, decoupled) };
        // From far below the greatest number on, the corrections that it enters are 1.
        let number = i32::try_from(step.number).unwrap_or(i32::MAX);
        config.try_update(number, parameter, first, second, gradient)
    }

    pub(crate) fn sgd<S: Shape, E: Dtype, D: Device<E>>(
        step: &SgdStep,
        parameter: &mut Tensor<S, E, D>,
        velocity: &mut Buffer<E, D>,
        gradient: &Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let momentum = match (step.momentum, step.nesterov) {
            (0.0, _) => None,
            (momentum, false) => Some(Momentum::Classic(momentum)),
            (momentum, true) => Some(Momentum::Nesterov(momentum)),
        };
        let config = SgdConfig { lr: step.lr, momentum, weight_decay: weight_decay(step.l2, step.decoupled) };
        config.try_update(parameter, velocity, gradient)
    }

    /// The gradient divided by the root of its mean square or variance, which are brought up to date; the parameter decays where
    /// it is given.
    pub(crate) fn rms_normalised<E: Dtype, D: Device<E>>(
        dev: &D,
        step: &RmsPropStep,
        parameter: Option<Tensor<(usize,), E, D>>,
        square: &mut Buffer<E, D>,
        mean: &mut Buffer<E, D>,
        gradient: &Buffer<E, D>,
    ) -> Result<Buffer<E, D>, D::Err> {
        // settings are finite, so that every floating type has a number next to them
        let number = |x: f64| E::from_f64(x).unwrap_or_default();
        let (keep, add) = (number(step.alpha), number(1.0 - step.alpha));
        let mut g = tensor_of(dev, gradient)?;
        if let Some(parameter) = parameter {
            g = g.try_add(parameter.try_mul(number(step.l2))?)?;
        }
        let v = tensor_of(dev, square)?.try_mul(keep)?.try_add(g.clone().try_square()?.try_mul(add)?)?;
        *square = buffer_of(v.clone())?;
        let spread = if step.centered {
            let a = tensor_of(dev, mean)?.try_mul(keep)?.try_add(g.clone().try_mul(add)?)?;
            *mean = buffer_of(a.clone())?;
            // rounding may leave a variance just below 0
            let spread = v.try_sub(a.try_square()?)?;
            rectified(spread.clone(), &spread)?
        } else {
            v
        };
        buffer_of(g.try_div(spread.try_sqrt()?.try_add(number(step.eps))?)?)
    }

    pub(crate) fn sum_of_squares<E: Dtype, D: Device<E>>(dev: &D, buffer: &Buffer<E, D>) -> Result<f64, D::Err> {
        let sum = tensor_of(dev, buffer)?.try_square()?.try_sum::<Rank0, Axis<0>>()?;
        Ok(sum.as_vec()[0].to_f64().unwrap_or(f64::NAN))
    }

    /// `velocity = momentum velocity + gradient`, with the factor as momentum and no gradient.
    pub(crate) fn scale<E: Dtype, D: Device<E>>(dev: &D, buffer: &mut Buffer<E, D>, factor: f64) -> Result<(), D::Err> {
        let len = Storage::<E>::len(dev, buffer);
        let mut unused: Tensor<(usize,), E, D> = dev.try_zeros_like(&(len,))?;
        let zeros = Storage::<E>::try_alloc_len(dev, len)?;
        SgdConfig { lr: 0.0, momentum: Some(Momentum::Classic(factor)), weight_decay: None }.try_update(
            &mut unused,
            buffer,
            &zeros,
        )
    }

    pub(crate) fn clamp<E: Dtype, D: Device<E>>(dev: &D, buffer: &mut Buffer<E, D>, limit: f64) -> Result<(), D::Err> {
        *buffer = buffer_of(tensor_of(dev, buffer)?.try_clamp(-limit, limit)?)?;
        Ok(())
    }

    pub(crate) fn read<E: Dtype, D: Device<E>>(dev: &D, buffer: &Buffer<E, D>) -> Result<Vec<E>, D::Err> {
        Ok(tensor_of(dev, buffer)?.as_vec())
    }

    pub(crate) fn buffer<E: Dtype, D: Device<E>>(dev: &D, elements: &[E]) -> Result<Buffer<E, D>, D::Err> {
        let mut tensor: Tensor<(usize,), E, D> = dev.try_zeros_like(&(elements.len(),))?;
        tensor.copy_from(elements);
        buffer_of(tensor)
    }

    /// A tensor with a buffer's elements: gradients can be read as tensors, so the buffer is read as a gradient.
    fn tensor_of<E: Dtype, D: Device<E>>(dev: &D, buffer: &Buffer<E, D>) -> Result<Tensor<(usize,), E, D>, D::Err> {
        let key: Tensor<(usize,), E, D> = dev.try_zeros_like(&(Storage::<E>::len(dev, buffer),))?;
        let mut gradients = Gradients::leaky();
        *gradients.get_or_alloc_mut(&key)? = buffer.clone();
        Ok(gradients.get(&key))
    }

    /// A buffer with a tensor's elements: the velocity after a step without momentum and gradient, whose weight decay of 1
    /// adds the parameter.
    fn buffer_of<E: Dtype, D: Device<E>>(mut tensor: Tensor<(usize,), E, D>) -> Result<Buffer<E, D>, D::Err> {
        let dev = tensor.device().clone();
        let len = tensor.shape().num_elements();
        let (mut velocity, zeros) = (Storage::<E>::try_alloc_len(&dev, len)?, Storage::<E>::try_alloc_len(&dev, len)?);
        SgdConfig { lr: 0.0, momentum: Some(Momentum::Classic(0.0)), weight_decay: Some(WeightDecay::L2(1.0)) }
            .try_update(&mut tensor, &mut velocity, &zeros)?;
        Ok(velocity)
    }
}
