//! The leaky step of a differential equation with a constant drive.

use super::shape::{contiguous, take};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{self, Buffer, Element, Maps, Sizes, VisionDevice};
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

/// A step `y = h + rate (x - h)` of [`leaky`], which takes its drive `x` from another operation.
#[derive(Debug)]
pub struct Step<'a, E: Dtype, D: Device<E>> {
    /// How far it carries the state towards the drive.
    pub rate: &'a Rate<E, D>,
    /// The state; an absent one is zero.
    pub h: Option<&'a Maps<E, D>>,
    /// Whether the new state is rectified.
    pub relu: bool,
}

impl<E: Element, D: VisionDevice<E>> Step<'_, E, D> {
    /// Takes the step under the drive `x`, as [`leaky`] does.
    ///
    /// # Errors
    /// Those of [`leaky`].
    pub fn take<T: Tape<E, D>>(self, x: Maps<E, D>, graph: &mut Graph<E, D, T>) -> Result<Maps<E, D>> {
        leaky(self.rate, x, self.h, self.relu, graph)
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
    let used = Used::new(Step { rate, h, relu }, x.shape(), graph)?;
    // a trained rate needs the drive again, so it must not be overwritten
    let drive = rate.trained.clone().map(|trained| (trained, x.clone()));
    let (before, device) = (graph.before(&x), x.device().clone());
    let kernels::LeakyStep { rate, h, relu } = used.kernel();
    let y = device.leaky(rate, x, h, relu).map_err(Error::device)?;
    if !T::OWNS_TAPE {
        return Ok(y);
    }
    let taken = used.taken(&y);
    graph.on_backward_update(before, &y, move |dev, grads, mut g| {
        if let Some(((tau, slope), x)) = &drive {
            let slope = E::from_f64(*slope).unwrap_or_default();
            let by_tau = grads.get_or_alloc_mut(tau)?;
            dev.leaky_backward_rate(slope, x, taken.step.h.as_ref(), taken.rectified.as_ref(), &g, by_tau)?;
        }
        taken.backward(dev, grads, &mut g)?;
        Ok(g)
    });
    Ok(y)
}

/// A step as a device uses it.
pub(super) struct Used<E: Element, D: VisionDevice<E>> {
    rate: E,
    h: Option<Maps<E, D>>,
    relu: bool,
}

impl<E: Element, D: VisionDevice<E>> Used<E, D> {
    /// With the state in one piece, which is refused where it has other sizes than the drive.
    pub(super) fn new<T: Tape<E, D>>(
        Step { rate, h, relu }: Step<'_, E, D>,
        drive: &Sizes,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Self> {
        let h = h.map(|h| contiguous(h.clone(), graph)).transpose()?;
        if let Some(h) = h.as_ref().filter(|h| h.shape() != drive) {
            return Err(Error::shape("state of a leaky step", &drive.concrete(), &h.shape().concrete()));
        }
        let value = rate.value;
        let rate = E::from_f64(value).ok_or_else(|| Error::Setting(format!("rate {value} is no number")))?;
        Ok(Used { rate, h, relu })
    }

    pub(super) fn kernel(&self) -> kernels::LeakyStep<'_, E, D> {
        kernels::LeakyStep { rate: self.rate, h: self.h.as_ref(), relu: self.relu }
    }

    /// The step that has made `y`.
    pub(super) fn taken(self, y: &Maps<E, D>) -> Taken<E, D> {
        Taken { rectified: self.relu.then(|| y.clone()), step: self }
    }
}

/// A step that was taken, with the new state where that was rectified.
pub(super) struct Taken<E: Element, D: VisionDevice<E>> {
    step: Used<E, D>,
    rectified: Option<Maps<E, D>>,
}

impl<E: Element, D: VisionDevice<E>> Taken<E, D> {
    /// Turns the gradient of the new state, in place, into that of the drive, and adds that of the state.
    pub(super) fn backward(&self, dev: &D, grads: &mut Gradients<E, D>, g: &mut Buffer<E, D>) -> Result<(), D::Err> {
        let Taken { step: Used { rate, h, .. }, rectified } = self;
        let gh = match h {
            Some(h) => Some(grads.get_or_alloc_mut(h)?),
            None => None,
        };
        dev.leaky_backward(*rate, rectified.as_ref(), g, gh)
    }
}
