//! What an area answered and kept at each step.

use super::response::{AXES, NamedArray};
use crate::kernels::Maps;
use dfdx::prelude::*;

/// The responses and memories of an area, step by step. Its tensors carry no tape: gradients find them by their identity.
#[derive(Clone, Debug)]
pub struct Recording<E: Dtype, D: Device<E>> {
    /// Responses and memories, in the order in which they came.
    all: Vec<Option<Maps<E, D>>>,
    /// What each of them is: a response, or the memory of that name.
    of: Vec<Option<&'static str>>,
    /// How many responses there are.
    steps: usize,
}

impl<E: Dtype, D: Device<E>> Default for Recording<E, D> {
    fn default() -> Self {
        Recording { all: Vec::new(), of: Vec::new(), steps: 0 }
    }
}

impl<E: Dtype, D: Device<E>> Recording<E, D> {
    pub(super) fn respond(&mut self, x: Option<Maps<E, D>>) {
        self.all.push(x);
        self.of.push(None);
        self.steps += 1;
    }

    pub(super) fn remember(&mut self, name: &'static str, maps: Maps<E, D>) {
        self.all.push(Some(maps));
        self.of.push(Some(name));
    }

    pub(super) fn all(&self) -> &[Option<Maps<E, D>>] {
        &self.all
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The response of each step; `None` where the area had no signal.
    pub fn responses(&self) -> impl DoubleEndedIterator<Item = Option<&Maps<E, D>>> {
        self.all.iter().zip(&self.of).filter(|(_, of)| of.is_none()).map(|(maps, _)| maps.as_ref())
    }

    /// The memories, by their names in the order in which they were first kept.
    pub fn memories(&self) -> Vec<(&'static str, Memory<E, D>)> {
        let mut memories: Vec<(&'static str, Memory<E, D>)> = Vec::new();
        let mut responses = 0;
        for (maps, of) in self.all.iter().zip(&self.of) {
            let Some(name) = of else {
                responses += 1;
                continue;
            };
            let number = memories.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                memories.push((name, Memory { steps: vec![None; self.steps] }));
                memories.len() - 1
            });
            // it comes after the response of its step
            if let Some(place) = memories[number].1.steps.get_mut(usize::saturating_sub(responses, 1)) {
                place.clone_from(maps);
            }
        }
        memories
    }
}

/// A memory of an area at each step of a run, such as the cell of a [`ConvLstm`](crate::nn::ConvLstm).
#[derive(Clone, Debug)]
pub struct Memory<E: Dtype, D: Device<E>> {
    steps: Vec<Option<Maps<E, D>>>,
}

impl<E: Dtype, D: Device<E>> Memory<E, D> {
    /// What the area kept at each step, `(batch, channels, rows, columns)`; `None` where it kept nothing yet. The tensors are
    /// those of the run, without a tape: a loss made of them has their gradients.
    pub fn steps(&self) -> &[Option<Maps<E, D>>] {
        &self.steps
    }

    /// Returns all of it as an array with the axes `batch, time, channel, row, column`: missing (NaN) at the steps without.
    pub fn to_array(&self) -> NamedArray {
        let Some((b, c, h, w)) = self.steps.iter().flatten().map(|maps| *maps.shape()).next() else {
            return NamedArray::new(AXES.to_vec(), vec![0, self.steps.len(), 0, 0, 0], Vec::new());
        };
        let units = c * h * w;
        let steps: Vec<Vec<E>> =
            self.steps.iter().map(|maps| maps.as_ref().map(Tensor::as_vec).unwrap_or_default()).collect();
        let mut values = Vec::with_capacity(b * steps.len() * units);
        for image in 0..b {
            for step in &steps {
                match step.get(image * units..(image + 1) * units) {
                    Some(step) => values.extend(step.iter().map(|v| v.to_f64().unwrap_or(f64::NAN))),
                    None => values.extend(std::iter::repeat_n(f64::NAN, units)),
                }
            }
        }
        NamedArray::new(AXES.to_vec(), vec![b, self.steps.len(), c, h, w], values)
    }
}
