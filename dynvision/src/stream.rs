//! A model that is fed frame by frame.

use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::model::{DynModel, Frame, Logits, SameBatch, advance, check_injected, inject};
use crate::ops::{self, MapShape};
use crate::unroll::{Context, Discard, Injection, Observer, State};
use dfdx::prelude::{Dim, HasShape, NoneTape, ReshapeTo, Tensor};

/// A run that takes one frame at a time and keeps what a run may keep: the state, and what was derived from the weights,
/// which cannot change while the stream borrows the model. It evaluates (see [`Mode`](crate::time::Mode)).
/// [`DynModel::try_step`] computes the same, and derives anew.
#[derive(Debug)]
pub struct Stream<'m, M: DynModel<E, D>, B: Dim, E: Element, D: VisionDevice<E>> {
    model: &'m M,
    state: M::Areas<State, B>,
    cx: Context<E, D, NoneTape>,
    step: usize,
}

impl<'m, M: DynModel<E, D>, B: Dim, E: Element, D: VisionDevice<E>> Stream<'m, M, B, E, D> {
    /// A stream that goes on from `state`; a fresh one is `model.reset()`.
    ///
    /// # Errors
    /// Those of the dynamics.
    pub fn new(model: &'m M, state: M::Areas<State, B>) -> Result<Self> {
        Ok(Stream { model, state, cx: Context::new(NoneTape, model.plan()?), step: 0 })
    }

    /// Returns the stream with the seed of its random numbers; without one it takes a seed from the device.
    #[must_use]
    pub fn seeded(self, seed: u64) -> Self {
        Stream { cx: self.cx.seeded(Some(seed)), ..self }
    }

    /// Injects a current into an area at the next step, where its [`ExternalInput`](crate::nn::ExternalInput) adds it.
    ///
    /// # Shapes
    /// Those of the area's response, `(B, C, H, W)`.
    ///
    /// # Errors
    /// [`Error::Setting`] of an area that the model does not have; at the step, of one that adds
    /// no current.
    pub fn inject<S: MapShape>(&mut self, area: &str, current: Tensor<S, E, D>) -> Result<()> {
        let current = ops::erase(current)?.try_contiguous().map_err(Error::device)?;
        let steps = self.step..self.step + 1;
        inject(&[Injection { area: area.into(), current, steps }], &M::WIRING, &mut self.cx)
    }

    /// One step in time.
    ///
    /// # Shapes
    /// `frame: (B, C, H, W)`, result `(B, classes)`.
    ///
    /// # Errors
    /// [`Error::Batch`] where the batch size changes; what the device refuses.
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
        self.cx.set_step(Some(self.step));
        self.cx.show_unforeseen(&frame);
        let logits = advance(self.model, frame, &mut self.state, observed, &mut self.cx)?;
        let injected = check_injected(&M::WIRING, &self.cx);
        // a current that nothing added is told once, and does not stay
        self.cx.end_injections();
        self.step += 1;
        injected.map(|()| logits)
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
