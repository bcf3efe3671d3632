//! The moments that a run observed, for the running ones of its model.

use crate::autograd::id;
use crate::error::{Error, Result};
use crate::kernels::{Element, Running, Vector, VisionDevice};
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
    /// How much of the running value they replace; a norm's is one for all steps.
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
        let Some(moved) = self.moved(model)? else { return Ok(()) };
        let values = moved.device.fetch(&moved.rows).map_err(Error::device)?;
        moved.check(&values)?;
        moved.put(model)
    }

    /// What the running moments of the model that ran become; `None` where nothing was observed.
    pub(crate) fn moved<M: TensorCollection<E, D>, E: Element, D: VisionDevice<E>>(
        self,
        model: &M,
    ) -> Result<Option<Moved<E, D>>> {
        let (mut observed, mut device) = (HashMap::<_, Vec<_>>::new(), None);
        for Observed { running, values, scale, momentum } in self.0 {
            // what is of another device or dtype is of no tensor of the model
            if let Ok(values) = values.downcast::<Vector<E, D>>() {
                device.get_or_insert_with(|| values.device().clone());
                observed.entry(running).or_default().push((momentum, (*values, scale)));
            }
        }
        let Some(device) = device else { return Ok(None) };
        let (mut of, mut all) = (Vec::new(), Ok(Vec::new()));
        each(model, |name, _, running| {
            let Some(steps) = observed.remove(&running.identity()) else { return };
            let Ok(found) = &mut all else { return };
            let momentum = steps.first().map_or(0.0, |&(momentum, _)| momentum);
            let observed = steps.into_iter().map(|(_, step)| step).collect();
            match running.row() {
                Ok(value) => found.push(Running { value, momentum, observed }),
                Err(error) => all = Err(Error::device(error)),
            }
            of.push((running.identity(), name.to_owned()));
        });
        let rows = device.moved(&all?).map_err(Error::device)?;
        Ok(Some(Moved { of, rows, device }))
    }
}

/// What running tensors become.
pub(crate) struct Moved<E: Element, D: VisionDevice<E>> {
    /// Which, and their names.
    of: Vec<(UniqueId, String)>,
    /// The elements of each.
    pub(crate) rows: Vec<Vector<E, D>>,
    device: D,
}

impl<E: Element, D: VisionDevice<E>> Moved<E, D> {
    /// Refuses what is not finite, by the values of the rows.
    pub(crate) fn check(&self, values: &[Vec<E>]) -> Result<()> {
        let infinite = |values: &Vec<E>| values.iter().any(|value| !value.is_finite());
        let Some(((_, name), _)) = self.of.iter().zip(values).find(|(_, values)| infinite(values)) else {
            return Ok(());
        };
        Err(Error::Setting(format!(
            "`{name}` would become infinite or no number by this batch: its batch norm gets values whose moments the dtype \
             cannot hold; frames of a smaller scale keep them finite"
        )))
    }

    /// Gives them to the model.
    pub(crate) fn put<M: TensorCollection<E, D>>(self, model: &mut M) -> Result<()> {
        let mut rows: HashMap<_, _> = self.of.into_iter().map(|(of, _)| of).zip(self.rows).collect();
        let mut result = Ok(());
        each_mut(model, |_, _, running| {
            if let (Ok(()), Some(row)) = (&result, rows.remove(&running.identity())) {
                result = running.set_row(&row);
            }
        });
        result.map_err(Error::device)
    }
}
