//! A model that is fed frame by frame.

use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::model::{DynModel, Frame, Logits, SameBatch, advance};
use crate::unroll::{Context, Discard, Observer, State};
use dfdx::prelude::{Dim, HasShape, NoneTape};

/// A run that takes one frame at a time and keeps what a run may keep: the state, and what was derived from the weights,
/// which cannot change while the stream borrows the model. It evaluates (see [`Mode`](crate::time::Mode)).
/// [`DynModel::try_step`] computes the same, and derives anew.
#[derive(Debug)]
pub struct Stream<'m, M: DynModel<E, D>, B: Dim, E: Element, D: VisionDevice<E>> {
    model: &'m M,
    state: M::Areas<State, B>,
    cx: Context<E, D, NoneTape>,
}

impl<'m, M: DynModel<E, D>, B: Dim, E: Element, D: VisionDevice<E>> Stream<'m, M, B, E, D> {
    /// A stream that goes on from `state`; a fresh one is `model.reset()`.
    ///
    /// # Errors
    /// Those of the dynamics.
    pub fn new(model: &'m M, state: M::Areas<State, B>) -> Result<Self> {
        Ok(Stream { model, state, cx: Context::new(NoneTape, model.plan()?) })
    }

    /// One step in time.
    ///
    /// # Shapes
    /// `frame: (B, C, H, W)`, result `(B, classes)`.
    ///
    /// # Errors
    /// [`Error::Batch`](crate::error::Error::Batch) where the batch size changes; what the device refuses.
    pub fn try_step(&mut self, frame: Frame<M, B, E, D>) -> Result<Logits<M, B, E, D>> {
        self.try_observe::<Discard>(frame, &mut M::initial())
    }

    /// One step in time, seen by an observer.
    ///
    /// # Errors
    /// As [`try_step`](Stream::try_step), and those of the observer.
    pub fn try_observe<K: Observer>(
        &mut self,
        frame: Frame<M, B, E, D>,
        observed: &mut M::Areas<K, B>,
    ) -> Result<Logits<M, B, E, D>> {
        M::visit_areas(&self.state, &mut SameBatch(frame.shape().0.size()))?;
        advance(self.model, frame, &mut self.state, observed, &mut self.cx)
    }

    /// Returns what each area remembers.
    pub fn state(&self) -> &M::Areas<State, B> {
        &self.state
    }

    /// Ends the stream.
    pub fn into_state(self) -> M::Areas<State, B> {
        self.state
    }
}
