//! The leaky step of a differential equation with a constant drive.

use super::shape::{contiguous, take};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use dfdx::prelude::*;

/// How far one step carries the state towards its drive: a number, and how it depends on a trained time constant.
#[derive(Clone, Debug)]
pub struct Rate<E: Dtype, D: Device<E>> {
    /// The rate; 1 means that the state becomes the drive.
    pub value: f64,
    /// The time constant, and the derivative of the rate by it, if it is trained.
    pub trained: Option<(Tensor<(), E, D>, f64)>,
}

impl<E: Dtype, D: Device<E>> Rate<E, D> {
    /// A rate that is not trained.
    pub fn fixed(value: f64) -> Self {
        Rate { value, trained: None }
    }
}

/// One step `y = h + rate (x - h)`, rectified (`max(y, 0)`) where `relu` is set. An absent `h` is zero.
///
/// Updates `x` in place where nobody else holds it.
///
/// # Shapes
/// `x`, `h` and the result have one shape.
///
/// # Errors
/// [`Error::Shape`] where `h` has another shape; [`Error::Setting`] where the rate is no number of the dtype;
/// [`Error::Device`] where the device refuses.
pub fn leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    rate: &Rate<E, D>,
    x: Maps<E, D>,
    h: Option<&Maps<E, D>>,
    relu: bool,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let x = take(x, graph)?;
    let h = h.map(|h| contiguous(h.clone(), graph)).transpose()?;
    if let Some(h) = h.as_ref().filter(|h| h.shape() != x.shape()) {
        return Err(Error::shape("state of a leaky step", &x.shape().concrete(), &h.shape().concrete()));
    }
    let value = E::from_f64(rate.value).ok_or_else(|| Error::Setting(format!("rate {} is no number", rate.value)))?;
    // a trained rate needs the drive again, so it must not be overwritten
    let drive = rate.trained.clone().map(|trained| (trained, x.clone()));
    let (before, device) = (graph.before(&x), x.device().clone());
    let y = device.leaky(value, x, h.as_ref(), relu).map_err(Error::device)?;
    if !T::OWNS_TAPE {
        return Ok(y);
    }
    let rectified = relu.then(|| y.clone());
    graph.on_backward_update(before, &y, move |dev, grads, mut g| {
        if let Some(((tau, slope), x)) = &drive {
            let slope = E::from_f64(*slope).unwrap_or_default();
            let by_tau = grads.get_or_alloc_mut(tau)?;
            dev.leaky_backward_rate(slope, x, h.as_ref(), rectified.as_ref(), &g, by_tau)?;
        }
        let gh = match &h {
            Some(h) => Some(grads.get_or_alloc_mut(h)?),
            None => None,
        };
        dev.leaky_backward(value, rectified.as_ref(), &mut g, gh)?;
        Ok(g)
    });
    Ok(y)
}
