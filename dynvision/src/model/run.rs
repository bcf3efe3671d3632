//! A stimulus run through a model.

use super::advance::{advance, advance_over};
use super::areas::{Cut, SameBatch, Stack};
use super::generated::{FrameShape, GeneratedModel, LogitsInTime};
use super::recompute;
use crate::error::{Error, Result};
use crate::geometry::Map;
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use crate::parameters::parameters;
use crate::time::{Plan, Wiring};
use crate::unroll::{Beside, Context, Discard, Injection, Observer, Stacked, State, Steps, Stimulus, blank};
use dfdx::prelude::*;
use std::rc::Rc;

/// Runs the idle steps and the stimulus from `state`, and lets the observers see every response to the stimulus. Returns
/// the logits of the run and its context, which holds the tape and the moments of batch norms.
///
/// # Errors
/// [`Error::EmptyStimulus`], [`Error::Batch`]; those of the dynamics and of the parts.
#[allow(clippy::type_complexity, reason = "the logits and the context")]
pub(crate) fn unroll<M, K, B, E, D, T>(
    model: &M,
    stimulus: Stimulus<FrameShape<M, B, E, D>, E, D, T>,
    state: &mut M::Areas<State, B>,
    observed: &mut M::Areas<K, B>,
) -> Result<(LogitsInTime<M, B, E, D>, Context<E, D, T>)>
where
    M: GeneratedModel<E, D>,
    K: Observer,
    B: Dim,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    let (stimulus, tape) = stimulus.split_tape();
    let first = stimulus.frame(0).ok_or(Error::EmptyStimulus)?.clone();
    let batch = first.shape().0.size();
    if let Some(step) =
        (0..stimulus.steps()).find(|&step| stimulus.frame(step).map(|x| x.shape().0.size()) != Some(batch))
    {
        return Err(Error::Setting(format!(
            "the frames of a stimulus have one batch size: that of step {step} has not {batch} images, as that of step 0 has"
        )));
    }
    M::visit_areas(state, &mut SameBatch(batch))?;
    let plan = Rc::new(Plan::new(model.get_dynamics(), &M::WIRING)?);
    let frozen = frozen(model, stimulus.frozen_statistics())?;
    let cx = Context::new(tape, plan.clone()).in_mode(stimulus.purpose());
    let mut cx = cx.seeded(stimulus.seed()).freeze_statistics(frozen);
    inject(stimulus.injections(), &M::WIRING, &mut cx)?;
    check_beside(M::BESIDE, stimulus.shown_beside(), batch, stimulus.steps())?;
    cx.show_beside(stimulus.shown_beside().into());
    if plan.idle > 0 {
        let null = blank(&first, plan.non_input)?;
        cx.set_step(None);
        for _ in 0..plan.idle {
            cx.show(&null);
            advance::<_, Discard, _, _, _, _>(model, null.clone(), state, &mut M::initial(), &mut cx)?;
        }
        M::visit_areas(state, &mut Cut(&mut cx))?;
    }
    let logits = match plan.recompute {
        Some(segment) if T::OWNS_TAPE => recompute::in_segments(model, stimulus, segment, state, observed, &mut cx)?,
        _ => advance_over(model, &stimulus, 0..stimulus.steps(), state, observed, &mut cx)?,
    };
    check_injected(&M::WIRING, &cx)?;
    Ok((ops::stack_time(0, &logits, &mut cx)?, cx))
}

/// Runs a stimulus from a fresh state, and records every response if `record` says so: the logits, the responses, and the
/// context of the run.
///
/// # Errors
/// Those of [`unroll`].
#[allow(clippy::type_complexity, reason = "the logits, the responses and the context")]
pub(crate) fn run_or_record<M, B, E, D, T>(
    model: &M,
    stimulus: Stimulus<FrameShape<M, B, E, D>, E, D, T>,
    record: bool,
) -> Result<(LogitsInTime<M, B, E, D>, Option<M::Areas<Stacked, B>>, Context<E, D, T>)>
where
    M: GeneratedModel<E, D>,
    B: Dim,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    if !record {
        let (logits, cx) = unroll::<M, Discard, B, E, D, T>(model, stimulus, &mut M::initial(), &mut M::initial())?;
        return Ok((logits, None, cx));
    }
    let mut steps = M::initial::<Steps, B>();
    let (logits, mut cx) = unroll(model, stimulus, &mut M::initial(), &mut steps)?;
    let (batch, device) = (logits.shape().0.size(), logits.device().clone());
    let responses = M::map_areas(steps, &mut Stack { cx: &mut cx, batch, device, wiring: &M::WIRING })?;
    Ok((logits, Some(responses), cx))
}

/// The numbers of the areas whose batch norms keep to their running moments.
///
/// # Errors
/// [`Error::Setting`] of an area that the model does not have, or that has no batch norm.
pub(crate) fn frozen<M: GeneratedModel<E, D>, E: Element, D: VisionDevice<E>>(
    model: &M,
    names: &[String],
) -> Result<Vec<usize>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let parameters = parameters(model);
    let number = |name: &String| {
        let number = M::WIRING.areas.iter().position(|area| area.name == *name).ok_or_else(|| {
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

/// What is shown beside the frames is what the model has inputs for, at every step and for every image.
pub(crate) fn check_beside<E: Element, D: VisionDevice<E>>(
    inputs: &[(&str, Map)],
    shown: &[Beside<E, D>],
    batch: usize,
    steps: usize,
) -> Result<()> {
    let refused = |what: String| Err(Error::Setting(what));
    for (at, Beside { name, frames, shown: each }) in shown.iter().enumerate() {
        let Some((_, map)) = inputs.iter().find(|(known, _)| known == name) else {
            let names: Vec<&str> = inputs.iter().map(|(name, _)| *name).collect();
            return refused(match names.is_empty() {
                true => format!("the stimulus shows `{name}` beside its frames, and the model has one input only"),
                false => format!(
                    "the stimulus shows `{name}` beside its frames, which is no input of the model; beside the frame it has {}",
                    names.join(", ")
                ),
            });
        };
        if shown[..at].iter().any(|other| other.name == *name) {
            return refused(format!("the stimulus shows `{name}` twice beside its frames; leave one of them out"));
        }
        if each.len() != steps {
            return refused(format!(
                "the stimulus shows `{name}` for {} steps beside frames for {steps}; give both as many",
                each.len()
            ));
        }
        let wanted = [batch, map.c, map.h, map.w];
        if let Some(other) = frames.iter().map(|frame| frame.shape().concrete()).find(|sizes| *sizes != wanted) {
            return refused(format!(
                "the input `{name}` is shown with sizes {other:?}, and is of {wanted:?} beside these frames"
            ));
        }
    }
    let missing = inputs.iter().find(|(name, _)| shown.iter().all(|beside| beside.name != *name));
    match missing {
        Some((name, _)) => refused(format!(
            "the model has an input `{name}` beside the frame, which the stimulus does not show; give it, as in \
             `stimulus.beside(\"{name}\", Stimulus::constant(other, {steps}))`, in a training as `WithInputs::new(set).with(\"{name}\", other)`"
        )),
        None => Ok(()),
    }
}

/// Each current has been added by an operation.
pub(crate) fn check_injected<E: Element, D: VisionDevice<E>, T>(wiring: &Wiring, cx: &Context<E, D, T>) -> Result<()> {
    match cx.unused_current().and_then(|area| wiring.areas.get(area)) {
        None => Ok(()),
        Some(area) => Err(Error::Setting(format!(
            "a current is injected into area `{0}`, but none of its operations is an `ExternalInput`; give it one, as in \
             `#[area(addext = ExternalInput)]`, with `addext` in the order of operations",
            area.name
        ))),
    }
}

/// Gives each current to its area.
pub(crate) fn inject<E: Element, D: VisionDevice<E>, T>(
    injections: &[Injection<E, D>],
    wiring: &Wiring,
    cx: &mut Context<E, D, T>,
) -> Result<()> {
    for Injection { area: name, current, steps } in injections {
        match wiring.areas.iter().position(|area| area.name == *name) {
            Some(area) => cx.inject(area, current.clone(), steps.clone()),
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
