//! The moments that a run observed, for the running ones of its model.

use crate::autograd::id;
use crate::error::{Error, Result};
use crate::kernels::{Element, Vector, VisionDevice};
use crate::parameters::{each, each_mut};
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Device, Dtype, Shape, Tensor, UniqueId};
use std::any::Any;
use std::collections::HashMap;

/// A running tensor, and what one step observed in its place.
pub(crate) struct Observed {
    running: UniqueId,
    /// A [`Vector`], which stays on its device until it is absorbed.
    values: Box<dyn Any>,
    scale: f64,
    /// How much of the running value they replace.
    momentum: f64,
}

impl Observed {
    /// `values`, times `scale`, observed in place of `running`, of which they replace the part `momentum`.
    pub(crate) fn new<S: Shape, E: Dtype, D: Device<E>>(
        running: &Tensor<S, E, D>,
        values: Vector<E, D>,
        scale: f64,
        momentum: f64,
    ) -> Self {
        Observed { running: id(running), values: Box::new(values), scale, momentum }
    }
}

/// The moments that a run's batch norms observed, in order.
#[derive(Default)]
#[must_use = "running moments change only where they are absorbed"]
pub struct Statistics(pub(crate) Vec<Observed>);

impl std::fmt::Debug for Statistics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Statistics").field(&self.0.len()).finish()
    }
}

impl Statistics {
    /// Whether nothing was observed: the model has no batch norm, or the run did not train.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Updates the running moments of the model that ran: `(1 - m) running + m observed` for each step, with the
    /// momentum `m` of the norm (see [`NormOptions`](crate::nn::NormOptions)).
    ///
    /// # Errors
    /// [`Error::Setting`] where a moment would no longer be finite, of frames that are too large for the dtype; the model
    /// is then as it was.
    pub fn absorb<M: TensorCollection<E, D>, E: Element, D: VisionDevice<E>>(self, model: &mut M) -> Result<()> {
        // what is of another device or dtype is of no tensor of the model
        let of = |step: &Observed| step.values.downcast_ref::<Vector<E, D>>().cloned();
        let (steps, values): (Vec<_>, Vec<_>) = self.0.iter().filter_map(|step| Some((step, of(step)?))).unzip();
        let Some(device) = values.first().map(|values| values.device().clone()) else { return Ok(()) };
        // one copy to the host for all steps
        let values = device.fetch(&values).map_err(Error::device)?;
        let mut observed: HashMap<UniqueId, Vec<(f64, Vec<f64>)>> = HashMap::new();
        for (step, values) in steps.into_iter().zip(values) {
            let wide = |value: &E| value.to_f64().unwrap_or(f64::NAN) * step.scale;
            observed.entry(step.running).or_default().push((step.momentum, values.iter().map(wide).collect()));
        }
        let (mut moved, mut infinite) = (HashMap::new(), None);
        each(model, |name, _, running| {
            let Some(steps) = observed.remove(&running.identity()) else { return };
            let mut values: Vec<f64> = running.values().iter().map(|v| v.to_f64().unwrap_or(f64::NAN)).collect();
            for (momentum, step) in steps {
                for (value, observed) in values.iter_mut().zip(step) {
                    *value += momentum * (observed - *value);
                }
            }
            let narrow = |&v: &f64| E::from_f64(v).unwrap_or_default();
            let values: Vec<E> = values.iter().map(narrow).collect();
            if infinite.is_none() && values.iter().any(|value| value.to_f64().is_none_or(|value| !value.is_finite())) {
                infinite = Some(name.to_owned());
            }
            moved.insert(running.identity(), values);
        });
        if let Some(name) = infinite {
            return Err(Error::Setting(format!(
                "`{name}` would become infinite or no number by this batch: its batch norm gets values whose moments the dtype \
                 cannot hold; frames of a smaller scale keep them finite"
            )));
        }
        each_mut(model, |_, _, running| {
            if let Some(values) = moved.remove(&running.identity()) {
                running.set_values(&values);
            }
        });
        Ok(())
    }
}
