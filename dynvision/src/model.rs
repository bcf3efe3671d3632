//! The trait that `#[dyn_model]` implements, and what follows from it.

use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use crate::parameters::parameters;
use crate::recompute;
use crate::record::{
    CountHeld, Cut, Detach, EachArea, ForArea, Fresh, Kind, Past, Record, Run, SameBatch, Silent, Stack, Steps,
};
use crate::summary::Summary;
use crate::time::{Dynamics, Injection, Plan, Stimulus, Wiring, blank};
use dfdx::nn::TensorCollection;
use dfdx::prelude::*;
use std::mem;
use std::ops::Range;
use std::rc::Rc;

/// One frame of a batch for model `M`: `(batch, channels, rows, columns)`.
pub type Frame<M, B, E, D, T = NoneTape> = Tensor<FrameShape<M, B, E, D>, E, D, T>;
/// The shape of a [`Frame`].
pub type FrameShape<M, B, E, D> =
    (B, <M as DynModel<E, D>>::Channels, <M as DynModel<E, D>>::Height, <M as DynModel<E, D>>::Width);
/// Logits of one step: `(batch, classes)`.
pub type Logits<M, B, E, D, T = NoneTape> = Tensor<(B, <M as DynModel<E, D>>::Classes), E, D, T>;
/// Logits of a run: `(batch, time, classes)`.
pub type LogitsInTime<M, B, E, D, T = NoneTape> = Tensor<(B, usize, <M as DynModel<E, D>>::Classes), E, D, T>;

/// A model that runs in time. `#[dyn_model]` writes the first half of this trait; the second half is written once.
pub trait DynModel<E: Element, D: VisionDevice<E>>: TensorCollection<E, D> + Clone + 'static {
    /// Channels of a frame.
    type Channels: ConstDim;
    /// Rows of a frame.
    type Height: ConstDim;
    /// Columns of a frame.
    type Width: ConstDim;
    /// Classes of the readout.
    type Classes: ConstDim;
    /// One field for each area; the kind says what it holds.
    type Areas<K: Kind, B: Dim>: Clone + 'static;

    /// The areas and how they are connected.
    const WIRING: Wiring;

    /// The time constants.
    fn dynamics(&self) -> &Dynamics;

    /// The time constants, to be changed.
    fn dynamics_mut(&mut self) -> &mut Dynamics;

    /// What is kept of each area before the first step.
    fn fresh<K: Fresh, B: Dim>() -> Self::Areas<K, B>;

    /// Makes of what is kept of each area something else.
    ///
    /// # Errors
    /// Those of `f`.
    fn map<F: Kind, G: Kind, B: Dim>(
        areas: Self::Areas<F, B>,
        f: &mut impl ForArea<F, G, E, D>,
    ) -> Result<Self::Areas<G, B>>;

    /// Looks at what is kept of each area.
    ///
    /// # Errors
    /// Those of `f`.
    fn each<F: Kind, B: Dim>(areas: &Self::Areas<F, B>, f: &mut impl EachArea<F, E, D>) -> Result<()>;

    /// One timestep of every area, then the readout.
    ///
    /// # Errors
    /// Those of the operations.
    fn advance<K: Record, B: Dim, T: Tape<E, D>>(
        &self,
        frame: Frame<Self, B, E, D>,
        state: &mut Self::Areas<Past, B>,
        record: &mut Self::Areas<K, B>,
        cx: &mut Cx<T>,
    ) -> Result<Logits<Self, B, E, D>>;

    // ------------------------------------------------------------------------------------------ written once

    /// The time constants in steps.
    ///
    /// # Errors
    /// Those of [`Plan::new`].
    fn plan(&self) -> Result<Plan> {
        Plan::new(self.dynamics(), &Self::WIRING)
    }

    /// The areas with their shapes, operations, parameters and cost, as a table to print.
    fn summary(&self) -> Summary {
        Summary::new(Self::WIRING, parameters(self), self.plan().ok())
    }

    /// A fresh state: no area has answered yet.
    fn reset<B: Dim>(&self) -> Self::Areas<Past, B> {
        Self::fresh()
    }

    /// One step in time, of a run that evaluates (see [`Mode`](crate::time::Mode)) whether it records gradients or not.
    ///
    /// # Shapes
    /// `frame: (B, C, H, W)`, result `(B, classes)`; all zeros while no signal has reached the readout.
    ///
    /// # Errors
    /// [`Error::Batch`] where `state` comes from another batch size; those of the dynamics and of the device.
    fn try_step<B: Dim, T: Tape<E, D>>(
        &self,
        frame: Frame<Self, B, E, D, T>,
        state: &mut Self::Areas<Past, B>,
    ) -> Result<Logits<Self, B, E, D, T>> {
        let (frame, tape) = frame.split_tape();
        Self::each(state, &mut SameBatch(frame.shape().0.size()))?;
        let mut cx = Cx::new(tape, self.plan()?);
        let logits = self.advance::<Silent, _, _>(frame, state, &mut Self::fresh(), &mut cx)?;
        Ok(logits.put_tape(cx.tape))
    }

    /// Runs the idle steps and the stimulus from `state`, and lets `record` see every answer of the stimulus.
    ///
    /// # Shapes
    /// A stimulus of `n` frames `(B, C, H, W)`, result `(B, n, classes)`.
    ///
    /// # Errors
    /// [`Error::EmptyStimulus`], [`Error::Batch`]; those of the dynamics and of the device.
    fn try_unroll<K: Record, B: Dim, T: Tape<E, D>>(
        &self,
        stimulus: Stimulus<FrameShape<Self, B, E, D>, E, D, T>,
        state: &mut Self::Areas<Past, B>,
        record: &mut Self::Areas<K, B>,
    ) -> Result<(LogitsInTime<Self, B, E, D>, Cx<T>)> {
        let (injections, seed) = (stimulus.injections().to_vec(), stimulus.seed());
        let (mode, frozen) = (stimulus.purpose(), frozen(self, stimulus.frozen_statistics())?);
        let (frames, shown, tape) = stimulus.into_parts();
        let first = frames.first().ok_or(Error::EmptyStimulus)?;
        Self::each(state, &mut SameBatch(first.shape().0.size()))?;
        let plan = Rc::new(self.plan()?);
        let mut cx = Cx::new(tape, plan.clone()).in_mode(mode);
        cx.seed(seed);
        cx.freeze_statistics(frozen);
        inject(injections, &Self::WIRING, &mut cx)?;
        if plan.idle > 0 {
            let null = blank(first, plan.non_input)?;
            cx.at(None);
            for _ in 0..plan.idle {
                cx.show(&null);
                self.advance::<Silent, _, _>(null.clone(), state, &mut Self::fresh(), &mut cx)?;
            }
            Self::each(state, &mut Cut(&mut cx))?;
        }
        let (steps, film) = (0..shown.len(), Film { frames, shown });
        let logits = match plan.recompute {
            Some(segment) if T::OWNS_TAPE => recompute::in_segments(self, film, segment, state, record, &mut cx)?,
            _ => advance_over(self, &film, steps, state, record, &mut cx)?,
        };
        if let Some(area) = cx.unused_current().and_then(|area| Self::WIRING.areas.get(area)) {
            return Err(Error::Setting(format!(
                "a current is injected into area `{0}`, but none of its operations is an `ExternalInput`; give it one, as in \
                 `#[area(addext = ExternalInput)]`, with `addext` in the order of operations",
                area.name
            )));
        }
        Ok((ops::stack_time(0, &logits, &mut cx)?, cx))
    }

    /// The logits of a run that starts fresh.
    ///
    /// # Shapes
    /// A stimulus of `n` frames `(B, C, H, W)`, result `(B, n, classes)`.
    ///
    /// # Errors
    /// [`Error::EmptyStimulus`]; those of the dynamics and of the device.
    fn try_run<B: Dim, T: Tape<E, D>>(
        &self,
        stimulus: Stimulus<FrameShape<Self, B, E, D>, E, D, T>,
    ) -> Result<LogitsInTime<Self, B, E, D, T>> {
        let (logits, cx) = self.try_unroll::<Silent, _, _>(stimulus, &mut self.reset(), &mut Self::fresh())?;
        Ok(logits.put_tape(cx.tape))
    }

    /// The logits of a run that starts fresh, and what every area answered.
    ///
    /// # Shapes
    /// As [`try_run`](DynModel::try_run); responses of an area `(B, n, c, h, w)`.
    ///
    /// # Errors
    /// [`Error::EmptyStimulus`]; those of the dynamics and of the device.
    #[allow(clippy::type_complexity)] // the logits with their tape, and the responses
    fn try_record<B: Dim, T: Tape<E, D>>(
        &self,
        stimulus: Stimulus<FrameShape<Self, B, E, D>, E, D, T>,
    ) -> Result<(LogitsInTime<Self, B, E, D, T>, Self::Areas<Run, B>)> {
        let mut record = Self::fresh::<Steps, B>();
        let (logits, mut cx) = self.try_unroll(stimulus, &mut self.reset(), &mut record)?;
        let responses = stacked::<Self, B, E, D, T>(record, &logits, &mut cx)?;
        Ok((logits.put_tape(mem::take(&mut cx.tape)), responses))
    }
}

/// Frames and which of them each step shows.
pub(crate) struct Film<S: Shape, E: Dtype, D: Device<E>> {
    pub(crate) frames: Vec<Tensor<S, E, D>>,
    pub(crate) shown: Vec<usize>,
}

/// Runs some steps of a film; gradients are cut where the plan says so. Gives the logits of each step.
pub(crate) fn advance_over<M, K, B, E, D, T>(
    model: &M,
    film: &Film<FrameShape<M, B, E, D>, E, D>,
    steps: Range<usize>,
    state: &mut M::Areas<Past, B>,
    record: &mut M::Areas<K, B>,
    cx: &mut Cx<T>,
) -> Result<Vec<Logits<M, B, E, D>>>
where
    M: DynModel<E, D>,
    K: Record,
    B: Dim,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    let mut logits = Vec::with_capacity(steps.len());
    for t in steps {
        let frame = &film.frames[film.shown[t]];
        cx.show(frame);
        cx.at(Some(t));
        logits.push(model.advance(frame.clone(), state, record, cx)?);
        if T::OWNS_TAPE && cx.plan.truncate.is_some_and(|n| (t + 1) % n == 0) {
            let mut held = CountHeld::default();
            M::each::<K, B>(record, &mut held)?;
            if held.0.iter().all(|&n| n == 0) {
                M::each(state, &mut Cut(cx))?;
            } else {
                *state = M::map(mem::replace(state, M::fresh()), &mut Detach)?;
            }
        }
    }
    Ok(logits)
}

/// What every area answered in the run that gave `logits`, stacked over time.
pub(crate) fn stacked<M: DynModel<E, D>, B: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    steps: M::Areas<Steps, B>,
    logits: &LogitsInTime<M, B, E, D>,
    cx: &mut Cx<T>,
) -> Result<M::Areas<Run, B>> {
    let (batch, device) = (logits.shape().0.size(), logits.device().clone());
    M::map(steps, &mut Stack { cx, batch, device, wiring: &M::WIRING })
}

/// The numbers of the areas whose batch norms keep to their running moments.
///
/// # Errors
/// [`Error::Setting`] of an area that the model does not have, or that has no batch norm.
pub(crate) fn frozen<M: DynModel<E, D>, E: Element, D: VisionDevice<E>>(
    model: &M,
    names: &[String],
) -> Result<Vec<usize>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let parameters = parameters(model);
    let number = |name: &String| {
        let number = M::WIRING.areas.iter().position(|area| area.name == name).ok_or_else(|| {
            let areas = M::WIRING.areas.iter().map(|area| area.name).collect::<Vec<_>>().join(", ");
            Error::Setting(format!(
                "the statistics of area `{name}` are to be frozen, which the model does not have; its areas are {areas}"
            ))
        })?;
        // an area's fields begin with its name: `v1`, `v1_norm`
        let of_area = |field: &str| field.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(['.', '_']));
        if !parameters.iter().any(|p| of_area(&p.name) && p.name.ends_with(".running_mean")) {
            return Err(Error::Setting(format!(
                "the statistics of area `{name}` are to be frozen, but it has no `BatchNorm`; leave it out"
            )));
        }
        Ok(number)
    };
    names.iter().map(number).collect()
}

/// Gives each current to its area.
fn inject<E: Element, D: VisionDevice<E>, T>(
    injections: Vec<Injection<E, D>>,
    wiring: &Wiring,
    cx: &mut Cx<T>,
) -> Result<()> {
    for Injection { area: name, current, steps } in injections {
        match wiring.areas.iter().position(|area| area.name == name) {
            Some(area) => cx.inject(area, current, steps),
            None => {
                let areas: Vec<_> = wiring.areas.iter().map(|area| area.name).collect();
                let areas = areas.join(", ");
                return Err(Error::Setting(format!(
                    "a current is injected into area `{name}`, which the model does not have; its areas are {areas}"
                )));
            }
        }
    }
    Ok(())
}
