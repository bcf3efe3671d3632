//! What is kept of each area. A model's areas form one generated struct; a *kind* says what it holds of each: the past
//! (its state), every step, the stacked responses, or what an observer of the user's makes of them.

use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops::{self, MapShape};
use crate::time::{History, Wiring};
use dfdx::prelude::*;
use std::fmt::Debug;

/// A batch of something, and the same over time.
pub trait Timed: MapShape {
    /// The shape with a time axis after the batch.
    type InTime: Shape<Concrete = [usize; 5]>;
}
impl<B: Dim, C: Dim, H: Dim, W: Dim> Timed for (B, C, H, W) {
    type InTime = (B, usize, C, H, W);
}

/// What is kept: a type for every shape of map.
pub trait Kind: Copy + Debug + 'static {
    /// What is kept of an area that answers with maps of shape `S`.
    type Of<S: Timed, E: Dtype, D: Device<E>>: Clone + Debug;
}

/// A kind that begins empty.
pub trait Fresh: Kind {
    /// What is kept before the first step.
    fn fresh<S: Timed, E: Dtype, D: Device<E>>() -> Self::Of<S, E, D>;
}

/// An observer: a kind that sees what each area answers at each step. Implement it (with [`Kind`] and [`Fresh`]) to
/// keep a statistic instead of every response.
pub trait Record: Fresh {
    /// The answers that are kept as they are, one for each step: gradients may come through them. None unless said
    /// otherwise.
    fn held<S: Timed, E: Dtype, D: Device<E>>(_kept: &Self::Of<S, E, D>) -> &[Option<Tensor<S, E, D>>] {
        &[]
    }

    /// Sees one answer; `None` while the area has no signal.
    ///
    /// # Errors
    /// What the observer cannot do with the answer.
    fn record<S: Timed, E: Element, D: VisionDevice<E>>(
        kept: &mut Self::Of<S, E, D>,
        x: Option<&Tensor<S, E, D>>,
    ) -> Result<()>;
}

/// The last answers: a model's state.
#[derive(Clone, Copy, Debug)]
pub struct Past;
impl Kind for Past {
    type Of<S: Timed, E: Dtype, D: Device<E>> = History<S, E, D>;
}
impl Fresh for Past {
    fn fresh<S: Timed, E: Dtype, D: Device<E>>() -> History<S, E, D> {
        History::default()
    }
}

/// Nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;
impl Kind for Silent {
    type Of<S: Timed, E: Dtype, D: Device<E>> = ();
}
impl Fresh for Silent {
    fn fresh<S: Timed, E: Dtype, D: Device<E>>() {}
}
impl Record for Silent {
    fn record<S: Timed, E: Element, D: VisionDevice<E>>(_: &mut (), _: Option<&Tensor<S, E, D>>) -> Result<()> {
        Ok(())
    }
}

/// Every answer, shared with the state: keeping one copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct Steps;
impl Kind for Steps {
    type Of<S: Timed, E: Dtype, D: Device<E>> = Vec<Option<Tensor<S, E, D>>>;
}
impl Fresh for Steps {
    fn fresh<S: Timed, E: Dtype, D: Device<E>>() -> Vec<Option<Tensor<S, E, D>>> {
        Vec::new()
    }
}
impl Record for Steps {
    fn held<S: Timed, E: Dtype, D: Device<E>>(kept: &Vec<Option<Tensor<S, E, D>>>) -> &[Option<Tensor<S, E, D>>] {
        kept
    }

    fn record<S: Timed, E: Element, D: VisionDevice<E>>(
        kept: &mut Vec<Option<Tensor<S, E, D>>>,
        x: Option<&Tensor<S, E, D>>,
    ) -> Result<()> {
        kept.push(x.cloned());
        Ok(())
    }
}

/// The answers of a run, stacked.
#[derive(Clone, Copy, Debug)]
pub struct Run;
impl Kind for Run {
    type Of<S: Timed, E: Dtype, D: Device<E>> = Response<S, E, D>;
}

/// What one area answered over time.
#[derive(Clone, Debug)]
pub struct Response<S: Timed, E: Dtype, D: Device<E>> {
    /// `(batch, time, channels, rows, columns)`, time as in the run; zero where the area had no signal.
    pub values: Tensor<S::InTime, E, D>,
    /// For each step, whether the area had a signal.
    pub present: Vec<bool>,
}

impl<S: Timed, E: Dtype, D: Device<E>> Response<S, E, D> {
    /// The first step at which the area had a signal.
    pub fn onset(&self) -> Option<usize> {
        self.present.iter().position(|&p| p)
    }
}

/// A function from what is kept of an area to something else that is kept of it.
pub trait ForArea<F: Kind, G: Kind, E: Dtype, D: Device<E>> {
    /// Called for each area, in their order.
    ///
    /// # Errors
    /// What the function cannot do with the area.
    fn area<S: Timed>(&mut self, name: &'static str, kept: F::Of<S, E, D>) -> Result<G::Of<S, E, D>>;
}

/// A look at what is kept of each area.
pub trait EachArea<F: Kind, E: Dtype, D: Device<E>> {
    /// Called for each area, in their order.
    ///
    /// # Errors
    /// What the visitor finds wrong with the area.
    fn area<S: Timed>(&mut self, name: &'static str, kept: &F::Of<S, E, D>) -> Result<()>;
}

/// Stacks the steps.
pub(crate) struct Stack<'a, T, D> {
    pub(crate) cx: &'a mut Cx<T>,
    pub(crate) batch: usize,
    pub(crate) device: D,
    pub(crate) wiring: &'static Wiring,
}
impl<E: Element, D: VisionDevice<E>, T: Tape<E, D>> ForArea<Steps, Run, E, D> for Stack<'_, T, D> {
    fn area<S: Timed>(&mut self, name: &'static str, steps: Vec<Option<Tensor<S, E, D>>>) -> Result<Response<S, E, D>> {
        let present: Vec<bool> = steps.iter().map(Option::is_some).collect();
        let onset = present.iter().position(|&p| p).unwrap_or(present.len());
        let mut signals: Vec<Maps<E, D>> = Vec::with_capacity(steps.len());
        for step in steps.into_iter().skip(onset) {
            // an area that falls silent again is stacked as zeros
            signals.push(match (step, signals.first()) {
                (Some(x), _) => ops::erased(&x, self.cx)?,
                (None, Some(first)) => zeros_like(first)?,
                (None, None) => continue,
            });
        }
        let values = if signals.is_empty() {
            let shape = self.silent::<S>(name, present.len())?;
            self.device.try_zeros_like(&shape).map_err(Error::device)?
        } else {
            let values: Tensor<(usize, usize, usize, usize, usize), E, D> = ops::stack_time(onset, &signals, self.cx)?;
            ops::renamed("stacking over time", values)?
        };
        Ok(Response { values, present })
    }
}

impl<T, D> Stack<'_, T, D> {
    /// The shape of what an area recorded that never had a signal.
    fn silent<S: Timed>(&self, name: &'static str, time: usize) -> Result<S::InTime> {
        let area = self.wiring.areas.iter().find(|area| area.name == name);
        let maps = area.into_iter().flat_map(|area| [area.answers, area.sends, area.takes]);
        let mut sizes = maps.map(|map| [self.batch, map.c, map.h, map.w]);
        let fits = sizes.find(|sizes| S::from_concrete(sizes).is_some());
        fits.and_then(|[b, c, h, w]| S::InTime::from_concrete(&[b, time, c, h, w]))
            .ok_or_else(|| Error::not_of::<S>("what a silent area recorded", &[self.batch]))
    }
}

fn zeros_like<S: Shape, E: Element, D: VisionDevice<E>>(x: &Tensor<S, E, D>) -> Result<Tensor<S, E, D>> {
    x.device().try_zeros_like(x.shape()).map_err(Error::device)
}

/// Cuts the gradient of the past.
pub(crate) struct Cut<'a, T>(pub(crate) &'a mut Cx<T>);
impl<E: Element, D: VisionDevice<E>, T: Tape<E, D>> EachArea<Past, E, D> for Cut<'_, T> {
    fn area<S: Timed>(&mut self, _: &'static str, past: &History<S, E, D>) -> Result<()> {
        past.iter().for_each(|x| self.0.cut(x));
        Ok(())
    }
}

/// Gives the past an identity of its own, which no gradient connects to what came before. For a past that is recorded as
/// well: cutting would take the gradients of the record too.
pub(crate) struct Detach;
impl<E: Element, D: VisionDevice<E>> ForArea<Past, Past, E, D> for Detach {
    fn area<S: Timed>(&mut self, _: &'static str, mut past: History<S, E, D>) -> Result<History<S, E, D>> {
        for x in past.iter_mut() {
            let maps: Maps<E, D> = ops::renamed("past", x.clone())?;
            *x = ops::renamed("past", maps.try_mul(E::one()).map_err(Error::device)?)?;
        }
        Ok(past)
    }
}

/// Counts the answers that each area's record holds.
#[derive(Default)]
pub(crate) struct CountHeld(pub(crate) Vec<usize>);
impl<K: Record, E: Dtype, D: Device<E>> EachArea<K, E, D> for CountHeld {
    fn area<S: Timed>(&mut self, _: &'static str, kept: &K::Of<S, E, D>) -> Result<()> {
        self.0.push(K::held::<S, E, D>(kept).len());
        Ok(())
    }
}

/// Refuses a state of another batch size.
pub(crate) struct SameBatch(pub(crate) usize);
impl<E: Dtype, D: Device<E>> EachArea<Past, E, D> for SameBatch {
    fn area<S: Timed>(&mut self, area: &'static str, past: &History<S, E, D>) -> Result<()> {
        match past.iter().map(|x| x.shape().concrete()[0]).find(|&batch| batch != self.0) {
            Some(expected) => Err(Error::Batch { area, expected, found: self.0 }),
            None => Ok(()),
        }
    }
}
