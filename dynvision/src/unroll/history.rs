//! The last responses of an area.

use crate::error::{Error, Result};
use crate::kernels::Maps;
use crate::ops::{self, MapShape};
use crate::time::AreaPlan;
use dfdx::prelude::*;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::Deref;

/// The last responses of one area, newest first. They hold no tape: gradients find them by their identity, and so flow
/// through time. `None` stands for a step at which the area had no signal yet.
#[derive(Clone, Debug)]
pub struct Past<E: Dtype, D: Device<E>>(VecDeque<Option<Maps<E, D>>>);

impl<E: Dtype, D: Device<E>> Default for Past<E, D> {
    fn default() -> Self {
        Past(VecDeque::new())
    }
}

impl<E: Dtype, D: Device<E>> Past<E, D> {
    /// Returns the response `updates` ago; 1 is the newest.
    pub fn ago(&self, updates: usize) -> Option<&Maps<E, D>> {
        self.0.get(updates.checked_sub(1)?)?.as_ref()
    }

    /// The responses that are there, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Maps<E, D>> {
        self.0.iter().flatten()
    }

    fn push(&mut self, x: Option<Maps<E, D>>, capacity: usize) {
        self.0.truncate(capacity.saturating_sub(1));
        self.0.push_front(x);
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
        let delayed = if plan.feedforward == 0 { x.clone() } else { self.ago(plan.feedforward).cloned() };
        self.push(x, plan.history)?;
        Ok(delayed)
    }

    /// Stores `x` as the newest response and forgets all but `capacity`.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` has not the shape `S`.
    pub fn push(&mut self, x: Option<Maps<E, D>>, capacity: usize) -> Result<()> {
        if let Some(sizes) = x.as_ref().map(|x| x.shape().concrete()).filter(|sizes| S::from_concrete(sizes).is_none())
        {
            return Err(Error::not_of::<S>("response of an area", &sizes));
        }
        self.past.push(x, capacity);
        Ok(())
    }

    /// Replaces each response by what `f` makes of it, which has its shape.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn replace(&mut self, mut f: impl FnMut(&Maps<E, D>) -> Result<Maps<E, D>>) -> Result<()> {
        self.past.0.iter_mut().flatten().try_for_each(|x| {
            *x = f(x)?;
            Ok(())
        })
    }
}
