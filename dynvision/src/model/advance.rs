//! Some steps of a stimulus.

use super::areas::{CountKept, Cut, Detach};
use super::generated::{Frame, FrameShape, GeneratedModel, Logits};
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::unroll::{Context, Observer, State, Stimulus};
use dfdx::prelude::*;
use std::mem;
use std::ops::Range;

/// Runs one step; an error says in which area.
pub(crate) fn advance<M, K, B, E, D, T>(
    model: &M,
    frame: Frame<M, B, E, D>,
    state: &mut M::Areas<State, B>,
    observed: &mut M::Areas<K, B>,
    cx: &mut Context<E, D, T>,
) -> Result<Logits<M, B, E, D>>
where
    M: GeneratedModel<E, D>,
    K: Observer,
    B: Dim,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    model.advance(frame, state, observed, cx).map_err(|error| error.at(|| cx.place(M::WIRING.areas)))
}

/// Runs some steps of a stimulus; gradients are cut where the plan says so. Returns the logits of each step.
pub(super) fn advance_over<M, K, B, E, D, T>(
    model: &M,
    stimulus: &Stimulus<FrameShape<M, B, E, D>, E, D>,
    steps: Range<usize>,
    state: &mut M::Areas<State, B>,
    observed: &mut M::Areas<K, B>,
    cx: &mut Context<E, D, T>,
) -> Result<Vec<Logits<M, B, E, D>>>
where
    M: GeneratedModel<E, D>,
    K: Observer,
    B: Dim,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    let mut logits = Vec::with_capacity(steps.len());
    for t in steps {
        let frame = stimulus.frame(t).ok_or(Error::EmptyStimulus)?;
        cx.show(frame);
        cx.set_step(Some(t));
        logits.push(advance(model, frame.clone(), state, observed, cx)?);
        if T::OWNS_TAPE && cx.plan().truncate.is_some_and(|n| (t + 1) % n == 0) {
            let mut kept = CountKept::default();
            M::visit_areas::<K, B>(observed, &mut kept)?;
            if kept.0.iter().all(|&n| n == 0) {
                M::visit_areas(state, &mut Cut(cx))?;
            } else {
                *state = M::map_areas(mem::replace(state, M::initial()), &mut Detach)?;
            }
        }
    }
    Ok(logits)
}
