//! Clipping of gradients.

use super::{Groups, OptimError, ParameterKernel};
use crate::kernels::Buffer;
use crate::parameters::each;
use dfdx::prelude::*;

/// How gradients are kept from growing too large.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// All gradients together are scaled so that their norm is at most this: by
    /// `min(1, limit / (norm + 1e-6))`, as PyTorch does.
    Norm(f64),
    /// Each element is limited to minus this to this.
    Value(f64),
}

/// What clipping found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Clipped {
    /// The norm of all gradients together, before.
    pub(crate) norm: f64,
    /// Whether any of them was changed.
    pub(crate) changed: bool,
}

impl Clip {
    /// Clips the gradients of a model's parameters in place and gives their norm before, the square root of the sum of the
    /// squares of all. Frozen parameters neither count nor change. `Clip::Norm(f64::INFINITY)` only measures.
    ///
    /// A parameter that has no gradient is given one of zero, which an optimizer takes for a gradient: make gradients by
    /// `model.alloc_grads()`, which gives one to each.
    ///
    /// ```
    /// use dfdx::prelude::*;
    /// use dynvision::optim::{Clip, Groups};
    /// let p = Cpu::default().tensor([3.0f64, 4.0]);
    /// let mut grads = (p.leaky_trace().square() * 0.5).sum().backward();
    /// assert_eq!(Clip::Norm(1.0).apply(&p, &mut grads, &Groups::default())?, 5.0);
    /// assert!((grads.get(&p).array()[0] - 0.6).abs() < 1e-6);
    /// # Ok::<(), dynvision::optim::OptimError>(())
    /// ```
    ///
    /// # Errors
    /// A limit that is not above 0, or a gradient that is not finite: then no gradient has changed.
    pub fn apply<M, E, D>(&self, model: &M, grads: &mut Gradients<E, D>, groups: &Groups) -> Result<f64, OptimError>
    where
        M: TensorCollection<E, D>,
        E: Dtype + num_traits::Float,
        D: Device<E> + ParameterKernel<E>,
    {
        Ok(self.clip(model, grads, groups)?.norm)
    }

    /// The same, which also says whether there was something to clip.
    pub(crate) fn clip<M, E, D>(
        &self,
        model: &M,
        grads: &mut Gradients<E, D>,
        groups: &Groups,
    ) -> Result<Clipped, OptimError>
    where
        M: TensorCollection<E, D>,
        E: Dtype + num_traits::Float,
        D: Device<E> + ParameterKernel<E>,
    {
        let (Clip::Norm(limit) | Clip::Value(limit)) = *self;
        if limit.is_nan() || limit <= 0.0 {
            return Err(OptimError::setting("limit of clipping", limit, "a number above 0"));
        }
        let mut squares = 0.0;
        visit(model, grads, groups, |dev, name, gradient| {
            squares += finite_squares(dev, name, gradient)?;
            Ok(())
        })?;
        let norm = squares.sqrt();
        let changed;
        match *self {
            Clip::Norm(limit) => {
                let factor = limit / (norm + 1e-6);
                changed = factor < 1.0;
                if changed {
                    visit(model, grads, groups, |dev, _, gradient| {
                        dev.scale(gradient, factor).map_err(OptimError::device)
                    })?;
                }
            }
            Clip::Value(limit) => {
                let mut left = 0.0;
                visit(model, grads, groups, |dev, name, gradient| {
                    dev.clamp(gradient, limit).map_err(OptimError::device)?;
                    left += finite_squares(dev, name, gradient)?;
                    Ok(())
                })?;
                changed = left < squares;
            }
        }
        Ok(Clipped { norm, changed })
    }
}

/// Multiplies the gradients of all parameters that are trained.
#[cfg(feature = "train")]
pub(crate) fn scale_gradients<M, E, D>(
    model: &M,
    grads: &mut Gradients<E, D>,
    groups: &Groups,
    factor: f64,
) -> Result<(), OptimError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E> + ParameterKernel<E>,
{
    visit(model, grads, groups, |dev, _, gradient| dev.scale(gradient, factor).map_err(OptimError::device))
}

/// The sum of the squares, or an error that names the parameter.
fn finite_squares<E, D>(dev: &D, name: &str, gradient: &Buffer<E, D>) -> Result<f64, OptimError>
where
    E: Dtype + num_traits::Float,
    D: Device<E> + ParameterKernel<E>,
{
    let squares = dev.sum_of_squares(gradient).map_err(OptimError::device)?;
    if squares.is_finite() {
        return Ok(squares);
    }
    // Squares can overflow where the numbers do not.
    let values = dev.read(gradient).map_err(OptimError::device)?;
    match values.iter().filter(|value| !value.is_finite()).count() {
        0 => Ok(values.iter().filter_map(|value| value.to_f64()).map(|value| value * value).sum()),
        count => Err(OptimError::NotFinite { name: name.to_string(), count, of: values.len() }),
    }
}

/// Calls `see` with the gradient of every parameter that is trained, up to the first error.
fn visit<M, E, D, F>(model: &M, grads: &mut Gradients<E, D>, groups: &Groups, mut see: F) -> Result<(), OptimError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
    F: FnMut(&D, &str, &mut Buffer<E, D>) -> Result<(), OptimError>,
{
    let mut result = Ok(());
    each(model, |name, trained, parameter| {
        if result.is_ok() && trained && !groups.settings(name).frozen {
            let gradient = parameter.gradient(grads).map_err(OptimError::device);
            result = gradient.and_then(|gradient| see(parameter.place(), name, gradient));
        }
    });
    result
}
