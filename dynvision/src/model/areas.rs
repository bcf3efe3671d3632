//! What a run does with what it holds of each area.

use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::time::Wiring;
use crate::unroll::{
    Context, History, MapAreas, Observer, Recording, Response, Stacked, State, Steps, Timed, VisitAreas,
};
use dfdx::prelude::*;

/// Stacks the steps.
pub(super) struct Stack<'a, E: Element, D: VisionDevice<E>, T> {
    pub(super) cx: &'a mut Context<E, D, T>,
    pub(super) batch: usize,
    pub(super) device: D,
    pub(super) wiring: &'static Wiring,
}
impl<E: Element, D: VisionDevice<E>, T: Tape<E, D>> MapAreas<Steps, Stacked, E, D> for Stack<'_, E, D, T> {
    fn area<S: Timed>(&mut self, name: &'static str, record: Recording<E, D>) -> Result<Response<S, E, D>> {
        let steps: Vec<Option<Maps<E, D>>> = record.responses().map(Option::<&_>::cloned).collect();
        let present: Vec<bool> = steps.iter().map(Option::is_some).collect();
        let onset = present.iter().position(|&p| p).unwrap_or(present.len());
        let mut signals: Vec<Maps<E, D>> = Vec::with_capacity(steps.len());
        for step in steps.into_iter().skip(onset) {
            // an area that falls silent again is stacked as zeros
            signals.push(match (step, signals.first()) {
                (Some(x), _) => x,
                (None, Some(first)) => first.device().try_zeros_like(first.shape()).map_err(Error::device)?,
                (None, None) => continue,
            });
        }
        let values = if signals.is_empty() {
            let shape = self.silent::<S>(name, present.len())?;
            self.device.try_zeros_like(&shape).map_err(Error::device)?
        } else {
            let values: Tensor<(usize, usize, usize, usize, usize), E, D> = ops::stack_time(onset, &signals, self.cx)?;
            ops::realized("stacking over time", values)?
        };
        Ok(Response { values, present, memories: record.memories() })
    }
}

impl<E: Element, D: VisionDevice<E>, T> Stack<'_, E, D, T> {
    /// The shape of the responses of an area that never had a signal.
    fn silent<S: Timed>(&self, name: &'static str, time: usize) -> Result<S::InTime> {
        let area = self.wiring.areas.iter().find(|area| area.name == name);
        let map = area.map_or(self.wiring.input, |area| area.response);
        S::InTime::from_concrete(&[self.batch, time, map.c, map.h, map.w])
            .ok_or_else(|| Error::not_of::<S>("the responses of a silent area", &[self.batch, map.c, map.h, map.w]))
    }
}

/// Cuts the gradient of the past.
pub(super) struct Cut<'a, E: Element, D: VisionDevice<E>, T>(pub(super) &'a mut Context<E, D, T>);
impl<E: Element, D: VisionDevice<E>, T: Tape<E, D>> VisitAreas<State, E, D> for Cut<'_, E, D, T> {
    fn area<S: Timed>(&mut self, _: &'static str, past: &History<S, E, D>) -> Result<()> {
        past.iter().for_each(|x| self.0.cut(x));
        Ok(())
    }
}

/// Gives the past an identity of its own, which no gradient connects to what came before. For a past that is recorded as
/// well: cutting would take the gradients of the record too.
pub(super) struct Detach;
impl<E: Element, D: VisionDevice<E>> MapAreas<State, State, E, D> for Detach {
    fn area<S: Timed>(&mut self, _: &'static str, mut past: History<S, E, D>) -> Result<History<S, E, D>> {
        past.replace(|x| x.clone().try_mul(E::one()).map_err(Error::device))?;
        Ok(past)
    }
}

/// Counts the responses that each area's observer keeps.
#[derive(Default)]
pub(super) struct CountKept(pub(super) Vec<usize>);
impl<K: Observer, E: Dtype, D: Device<E>> VisitAreas<K, E, D> for CountKept {
    fn area<S: Timed>(&mut self, _: &'static str, value: &K::Value<S, E, D>) -> Result<()> {
        self.0.push(K::kept::<S, E, D>(value).len());
        Ok(())
    }
}

/// Refuses a state of another batch size.
pub(crate) struct SameBatch(pub(crate) usize);
impl<E: Dtype, D: Device<E>> VisitAreas<State, E, D> for SameBatch {
    fn area<S: Timed>(&mut self, area: &'static str, past: &History<S, E, D>) -> Result<()> {
        match past.iter().map(|x| x.shape().0).find(|&batch| batch != self.0) {
            Some(expected) => Err(Error::Batch { area, expected, found: self.0 }),
            None => Ok(()),
        }
    }
}
