//! Clipping of gradients.

use super::{Groups, OptimError, ParameterKernel};
use crate::kernels::{Buffer, Together, Vector};
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

/// The sums of the squares of the gradients, of one after the other; and what they are after elements are limited, where they are.
#[derive(Clone, Debug)]
pub(crate) struct Squares {
    before: Vec<f64>,
    after: Vec<f64>,
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
        Ok(self.clip(model, grads, groups, None)?.norm)
    }

    /// What clipping follows, with the elements of some tensors: one copy to the host where the device can.
    pub(crate) fn measure<M, E, D>(
        &self,
        model: &M,
        grads: &mut Gradients<E, D>,
        groups: &Groups,
        tensors: &[Vector<E, D>],
    ) -> Result<(Squares, Vec<Vec<E>>), OptimError>
    where
        M: TensorCollection<E, D>,
        E: Dtype,
        D: Device<E> + ParameterKernel<E>,
    {
        let (squares, elements) = together(model, grads, groups, tensors, |dev, gradient, all| {
            dev.add_squares(gradient, None, all)?;
            match *self {
                Clip::Norm(_) => Ok(()),
                Clip::Value(limit) => dev.add_squares(gradient, Some(limit), all),
            }
        })?;
        let (before, after) = match self {
            Clip::Norm(_) => (squares, Vec::new()),
            Clip::Value(_) => squares.chunks_exact(2).map(|both| (both[0], both[1])).unzip(),
        };
        Ok((Squares { before, after }, elements))
    }

    /// Clips as [`apply`](Self::apply) does, and also says whether there was something to clip. What was measured before saves a copy
    /// to the host, if the gradients have not changed since.
    pub(crate) fn clip<M, E, D>(
        &self,
        model: &M,
        grads: &mut Gradients<E, D>,
        groups: &Groups,
        measured: Option<Squares>,
    ) -> Result<Clipped, OptimError>
    where
        M: TensorCollection<E, D>,
        E: Dtype + num_traits::Float,
        D: Device<E> + ParameterKernel<E>,
    {
        let (Clip::Norm(limit) | Clip::Value(limit)) = *self;
        // what the numbers' type takes for 0 would clear all gradients
        if limit.is_nan() || limit <= 0.0 || E::from_f64(limit).is_none_or(|limit| limit.is_zero()) {
            return Err(OptimError::setting(
                "limit of clipping",
                limit,
                "a number above 0 that the gradients' type holds",
            ));
        }
        let Squares { before, after } = match measured {
            Some(measured) => measured,
            None => self.measure(model, grads, groups, &[])?.0,
        };
        let norm = norm_of(&before, model, grads, groups)?;
        let changed;
        match *self {
            Clip::Norm(limit) => {
                let factor = norm.factor(limit);
                changed = factor < 1.0;
                if changed {
                    // a factor near the end of the numbers' range would lose its digits there
                    let tiny = E::min_positive_value().to_f64().is_some_and(|least| factor < least * 1e8);
                    let (factor, times) = if tiny { (norm.root_of_factor(limit), 2) } else { (factor, 1) };
                    for _ in 0..times {
                        scale_all(model, grads, groups, factor)?;
                    }
                }
            }
            Clip::Value(limit) => {
                together(model, grads, groups, &[], |dev, gradient, all| dev.add_clamp(gradient, limit, all))?;
                changed = norm_of(&after, model, grads, groups)?.is_below(&norm);
            }
        }
        Ok(Clipped { norm: norm.value(), changed })
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
    scale_all(model, grads, groups, factor)
}

fn scale_all<M, E, D>(model: &M, grads: &mut Gradients<E, D>, groups: &Groups, factor: f64) -> Result<(), OptimError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E> + ParameterKernel<E>,
{
    together(model, grads, groups, &[], |dev, gradient, all| dev.add_scale(gradient, factor, all))?;
    Ok(())
}

/// Does something with the gradients of all parameters that are trained, together where the device can, and gives the sums that
/// were asked for and the elements of some tensors. The gradients are borrowed until it is done.
fn together<M, E, D>(
    model: &M,
    grads: &mut Gradients<E, D>,
    groups: &Groups,
    tensors: &[Vector<E, D>],
    add: impl Fn(&D, &mut Buffer<E, D>, &mut Together<E, D>) -> Result<(), D::Err>,
) -> Result<(Vec<f64>, Vec<Vec<E>>), OptimError>
where
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E> + ParameterKernel<E>,
{
    let (mut all, mut device) = (Together::new(true), tensors.first().map(|tensor| tensor.device().clone()));
    visit(model, grads, groups, |dev, _, gradient| {
        device.get_or_insert_with(|| dev.clone());
        add(dev, gradient, &mut all).map_err(OptimError::device)
    })?;
    device.map_or(Ok(Default::default()), |device| device.finish(all, tensors)).map_err(OptimError::device)
}

/// A norm as a scale and the sum of squares in it, since squares, and their root, can be beyond the range where what they are
/// of is not.
#[derive(Clone, Copy)]
struct Norm {
    scale: f64,
    squares: f64,
}

impl Norm {
    /// Infinite where it is beyond the range.
    fn value(&self) -> f64 {
        self.scale * self.squares.sqrt()
    }

    /// `limit / (norm + 1e-6)`, as PyTorch has it.
    fn factor(&self, limit: f64) -> f64 {
        let norm = self.value();
        if norm.is_finite() { limit / (norm + 1e-6) } else { limit / self.scale / self.squares.sqrt() }
    }

    /// Its square root, of which the factor itself can be too small to have digits.
    fn root_of_factor(&self, limit: f64) -> f64 {
        limit.sqrt() / self.scale.sqrt() / self.squares.sqrt().sqrt()
    }

    fn is_below(&self, other: &Norm) -> bool {
        match self.scale == other.scale {
            true => self.squares < other.squares,
            false => self.value() < other.value(),
        }
    }
}

/// The norm of all gradients by their sums of squares, or an error that names the first that is not finite.
fn norm_of<M, E, D>(sums: &[f64], model: &M, grads: &mut Gradients<E, D>, groups: &Groups) -> Result<Norm, OptimError>
where
    M: TensorCollection<E, D>,
    E: Dtype + num_traits::Float,
    D: Device<E> + ParameterKernel<E>,
{
    if sums.iter().all(|squares| squares.is_finite()) {
        let squares: f64 = sums.iter().sum();
        if squares.is_finite() {
            return Ok(Norm { scale: 1.0, squares });
        }
    }
    let mut squares = 0.0;
    visit(model, grads, groups, |dev, name, gradient| {
        squares += finite_squares(dev, name, gradient)?;
        Ok(())
    })?;
    if squares.is_finite() {
        return Ok(Norm { scale: 1.0, squares });
    }
    let mut scale = 0.0_f64;
    visit(model, grads, groups, |dev, _, gradient| {
        let values = dev.read(gradient).map_err(OptimError::device)?;
        scale = values.iter().filter_map(|value| value.to_f64()).fold(scale, |scale, value| scale.max(value.abs()));
        Ok(())
    })?;
    let mut squares = 0.0;
    visit(model, grads, groups, |dev, _, gradient| {
        let values = dev.read(gradient).map_err(OptimError::device)?;
        squares += values.iter().filter_map(|value| value.to_f64()).map(|value| (value / scale).powi(2)).sum::<f64>();
        Ok(())
    })?;
    Ok(Norm { scale, squares })
}

/// The sum of the squares, infinite where it is beyond the range, or an error that names the parameter.
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
pub(super) fn visit<M, E, D, F>(
    model: &M,
    grads: &mut Gradients<E, D>,
    groups: &Groups,
    mut see: F,
) -> Result<(), OptimError>
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
