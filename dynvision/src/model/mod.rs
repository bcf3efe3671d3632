//! The trait that every model has, and what runs it.

mod advance;
mod areas;
mod generated;
mod recompute;
mod run;
pub(crate) mod step;

pub(crate) use advance::advance;
pub(crate) use areas::SameBatch;
pub use generated::{Frame, FrameShape, GeneratedModel, Logits, LogitsInTime};
#[cfg(feature = "train")]
pub(crate) use run::frozen;
pub(crate) use run::{check_beside, check_injected, inject, run_or_record, unroll};

use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::parameters::parameters;
use crate::summary::Summary;
use crate::time::{Dynamics, Plan};
use crate::unroll::{Context, Discard, Initial, Observer, Stacked, State, Stimulus};
use dfdx::prelude::*;

/// A model that runs in time. `#[dyn_model]` on a struct `Net` implements it for `NetModel`.
pub trait DynModel<E: Element, D: VisionDevice<E>>: GeneratedModel<E, D> {
    /// The time constants.
    fn dynamics(&self) -> &Dynamics {
        self.get_dynamics()
    }

    /// The time constants, to be changed.
    fn dynamics_mut(&mut self) -> &mut Dynamics {
        self.get_dynamics_mut()
    }

    /// Returns the time constants in steps.
    ///
    /// # Errors
    /// Those of [`Plan::new`].
    fn plan(&self) -> Result<Plan> {
        Plan::new(self.dynamics(), &Self::WIRING)
    }

    /// Returns the areas with their shapes, operations, parameters and cost, as a table to print.
    fn summary(&self) -> Summary {
        Summary::new(Self::WIRING, parameters(self), self.plan().ok())
    }

    /// Returns a fresh state: no area has responded yet.
    fn reset<B: Dim>(&self) -> Self::Areas<State, B> {
        Self::initial()
    }

    /// Returns an observer for each area, which has seen nothing yet: for [`try_observe`](DynModel::try_observe).
    fn observers<K: Initial, B: Dim>(&self) -> Self::Areas<K, B> {
        Self::initial()
    }

    /// Runs one step in time, which evaluates (see [`Mode`](crate::time::Mode)) whether it records gradients or not.
    ///
    /// # Shapes
    /// `frame: (B, C, H, W)`, result `(B, classes)`; all zeros while no signal has reached the readout.
    ///
    /// # Errors
    /// [`Error::Batch`](crate::error::Error::Batch) where `state` comes from another batch size; those of the dynamics and
    /// of the parts.
    fn try_step<B: Dim, T: Tape<E, D>>(
        &self,
        frame: Frame<Self, B, E, D, T>,
        state: &mut Self::Areas<State, B>,
    ) -> Result<Logits<Self, B, E, D, T>> {
        let (frame, tape) = frame.split_tape();
        Self::visit_areas(state, &mut SameBatch(frame.shape().0.size()))?;
        let mut cx = Context::new(tape, self.plan()?);
        let logits = advance::<_, Discard, _, _, _, _>(self, frame, state, &mut Self::initial(), &mut cx)?;
        Ok(logits.put_tape(cx.into_tape()))
    }

    /// Runs a stimulus from a fresh state; returns the logits.
    ///
    /// # Shapes
    /// A stimulus of `n` frames `(B, C, H, W)`, result `(B, n, classes)`.
    ///
    /// # Errors
    /// [`Error::EmptyStimulus`](crate::error::Error::EmptyStimulus); those of the dynamics and of the parts.
    fn try_run<B: Dim, T: Tape<E, D>>(
        &self,
        stimulus: Stimulus<FrameShape<Self, B, E, D>, E, D, T>,
    ) -> Result<LogitsInTime<Self, B, E, D, T>> {
        let (logits, _, cx) = run_or_record(self, stimulus, false)?;
        Ok(logits.put_tape(cx.into_tape()))
    }

    /// Runs a stimulus from a fresh state; returns the logits and the responses of every area.
    ///
    /// # Shapes
    /// As [`try_run`](DynModel::try_run); responses of an area `(B, n, c, h, w)`.
    ///
    /// # Errors
    /// Those of [`try_run`](DynModel::try_run).
    #[allow(clippy::type_complexity)] // the logits with their tape, and the responses
    fn try_record<B: Dim, T: Tape<E, D>>(
        &self,
        stimulus: Stimulus<FrameShape<Self, B, E, D>, E, D, T>,
    ) -> Result<(LogitsInTime<Self, B, E, D, T>, Self::Areas<Stacked, B>)> {
        let (logits, responses, cx) = run_or_record(self, stimulus, true)?;
        let missing = || crate::error::Error::Setting("a run that was recorded has no responses".into());
        Ok((logits.put_tape(cx.into_tape()), responses.ok_or_else(missing)?))
    }

    /// Runs the idle steps and a stimulus from `state`, which goes on from there, and lets observers see every response.
    /// Returns the logits and the context of the run, which holds the tape and the moments of batch norms.
    ///
    /// # Shapes
    /// As [`try_run`](DynModel::try_run).
    ///
    /// # Errors
    /// [`Error::Batch`](crate::error::Error::Batch) where `state` comes from another batch size; those of
    /// [`try_run`](DynModel::try_run) and of the observers.
    #[allow(clippy::type_complexity)] // the logits and the context
    fn try_observe<K: Observer, B: Dim, T: Tape<E, D>>(
        &self,
        stimulus: Stimulus<FrameShape<Self, B, E, D>, E, D, T>,
        state: &mut Self::Areas<State, B>,
        observed: &mut Self::Areas<K, B>,
    ) -> Result<(LogitsInTime<Self, B, E, D>, Context<E, D, T>)> {
        unroll(self, stimulus, state, observed)
    }
}

impl<M: GeneratedModel<E, D>, E: Element, D: VisionDevice<E>> DynModel<E, D> for M {}
