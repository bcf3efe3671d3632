//! The last responses of an area, and what its parts keep besides.

use crate::error::{Error, Result};
use crate::kernels::Maps;
use crate::ops::{self, MapShape};
use crate::time::AreaPlan;
use dfdx::prelude::*;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::Deref;

/// The last responses of one area, newest first, and its memories: what its parts keep from step to step besides (see
/// [`Context::remember`](super::Context::remember)). They hold no tape: gradients find them by their identity, and so flow
/// through time. `None` stands for a step at which the area had no signal yet.
#[derive(Clone, Debug)]
pub struct Past<E: Dtype, D: Device<E>> {
    responses: VecDeque<Option<Maps<E, D>>>,
    memories: Memories<E, D>,
    updates: usize,
}

impl<E: Dtype, D: Device<E>> Default for Past<E, D> {
    fn default() -> Self {
        Past { responses: VecDeque::new(), memories: Memories::default(), updates: 0 }
    }
}

/// The memories of an area, by their names.
#[derive(Clone, Debug)]
pub(crate) struct Memories<E: Dtype, D: Device<E>>(Vec<(&'static str, Maps<E, D>)>);

impl<E: Dtype, D: Device<E>> Default for Memories<E, D> {
    fn default() -> Self {
        Memories(Vec::new())
    }
}

impl<E: Dtype, D: Device<E>> Memories<E, D> {
    pub(crate) fn get(&self, name: &str) -> Option<&Maps<E, D>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, maps)| maps)
    }

    pub(crate) fn set(&mut self, name: &'static str, maps: Maps<E, D>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, kept)) => *kept = maps,
            None => self.0.push((name, maps)),
        }
    }
}

impl<E: Dtype, D: Device<E>> Past<E, D> {
    /// Returns the response `updates` ago; 1 is the newest.
    pub fn ago(&self, updates: usize) -> Option<&Maps<E, D>> {
        self.responses.get(updates.checked_sub(1)?)?.as_ref()
    }

    /// All that later steps may read: the responses that are there, newest first, then the memories.
    pub fn iter(&self) -> impl Iterator<Item = &Maps<E, D>> {
        self.responses.iter().flatten().chain(self.memories().map(|(_, maps)| maps))
    }

    /// Returns the memory of this name, if a part of the area keeps one.
    pub fn memory(&self, name: &str) -> Option<&Maps<E, D>> {
        self.memories.get(name)
    }

    /// The memories by their names, in the order in which they were first kept.
    pub fn memories(&self) -> impl Iterator<Item = (&'static str, &Maps<E, D>)> {
        self.memories.0.iter().map(|(name, maps)| (*name, maps))
    }

    /// How many steps the area has done in this state.
    pub fn updates(&self) -> usize {
        self.updates
    }

    pub(crate) fn all_memories(&self) -> Memories<E, D> {
        self.memories.clone()
    }

    /// Stores a response and forgets all but `capacity`. Returns the oldest of those that are forgotten.
    fn push(&mut self, x: Option<Maps<E, D>>, capacity: usize) -> Option<Maps<E, D>> {
        let kept = capacity.saturating_sub(1);
        self.responses.truncate(kept + 1);
        let forgotten = if self.responses.len() > kept { self.responses.pop_back().flatten() } else { None };
        self.responses.push_front(x);
        self.updates += 1;
        forgotten
    }
}

/// The [`Past`] of an area whose responses have the shape `S`: what a model's state holds of it.
#[derive(Clone, Debug)]
pub struct History<S: Shape, E: Dtype, D: Device<E>> {
    past: Past<E, D>,
    shape: PhantomData<S>,
}

impl<S: Shape, E: Dtype, D: Device<E>> Default for History<S, E, D> {
    fn default() -> Self {
        History { past: Past::default(), shape: PhantomData }
    }
}

impl<S: Shape, E: Dtype, D: Device<E>> Deref for History<S, E, D> {
    type Target = Past<E, D>;
    fn deref(&self) -> &Past<E, D> {
        &self.past
    }
}

impl<S: MapShape, E: Dtype, D: Device<E>> History<S, E, D> {
    /// Returns the response `updates` ago under its shape; 1 is the newest.
    pub fn response(&self, updates: usize) -> Option<Tensor<S, E, D>> {
        // every response had this shape when it was stored
        self.ago(updates).and_then(|x| ops::restore("response of an area", x.clone()).ok())
    }

    /// Returns what was stored one feedforward delay ago, then stores `x`; without a delay, `x` goes through.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` has not the shape `S`.
    pub fn delay(&mut self, x: Option<Maps<E, D>>, plan: &AreaPlan) -> Result<Option<Maps<E, D>>> {
        Ok(self.delay_and_forget(x, plan)?.0)
    }

    /// [`delay`](History::delay), which also returns the response that is forgotten.
    ///
    /// # Errors
    /// As [`delay`](History::delay).
    pub(crate) fn delay_and_forget(
        &mut self,
        x: Option<Maps<E, D>>,
        plan: &AreaPlan,
    ) -> Result<(Option<Maps<E, D>>, Option<Maps<E, D>>)> {
        let delayed = if plan.feedforward == 0 { x.clone() } else { self.ago(plan.feedforward).cloned() };
        Ok((delayed, self.replace_oldest(x, plan.history)?))
    }

    /// Stores `x` as the newest response and forgets all but `capacity`.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` has not the shape `S`.
    pub fn push(&mut self, x: Option<Maps<E, D>>, capacity: usize) -> Result<()> {
        self.replace_oldest(x, capacity).map(drop)
    }

    /// [`push`](History::push), which returns the response that is forgotten.
    ///
    /// # Errors
    /// As [`push`](History::push).
    fn replace_oldest(&mut self, x: Option<Maps<E, D>>, capacity: usize) -> Result<Option<Maps<E, D>>> {
        if let Some(sizes) = x.as_ref().map(|x| x.shape().concrete()).filter(|sizes| S::from_concrete(sizes).is_none())
        {
            return Err(Error::not_of::<S>("response of an area", &sizes));
        }
        Ok(self.past.push(x, capacity))
    }

    /// Sets the response with which the area begins, as if it had given it before its first step.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` has not the shape `S`.
    pub fn set_response(&mut self, x: Maps<E, D>) -> Result<()> {
        self.push(Some(x), 1)?;
        self.past.updates -= 1;
        Ok(())
    }

    /// Sets a memory of the area, such as the cell with which a [`ConvLstm`](crate::nn::ConvLstm) begins.
    pub fn set_memory(&mut self, name: &'static str, maps: Maps<E, D>) {
        self.past.memories.set(name, maps);
    }

    pub(crate) fn set_memories(&mut self, memories: Memories<E, D>) {
        self.past.memories = memories;
    }

    /// Replaces each response and memory by what `f` makes of it, which has its shape.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn replace(&mut self, mut f: impl FnMut(&Maps<E, D>) -> Result<Maps<E, D>>) -> Result<()> {
        let Past { responses, memories, .. } = &mut self.past;
        responses.iter_mut().flatten().chain(memories.0.iter_mut().map(|(_, maps)| maps)).try_for_each(|x| {
            *x = f(x)?;
            Ok(())
        })
    }
}
