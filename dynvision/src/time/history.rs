//! The last answers of an area.

use super::AreaPlan;
use dfdx::prelude::*;
use std::collections::VecDeque;

/// The last answers of one area, newest first. They hold no tape: gradients find them by their identity, and so flow
/// through time. `None` stands for a step at which the area had no signal yet.
#[derive(Clone, Debug)]
pub struct History<S: Shape, E: Dtype, D: Device<E>>(VecDeque<Option<Tensor<S, E, D>>>);

impl<S: Shape, E: Dtype, D: Device<E>> Default for History<S, E, D> {
    fn default() -> Self {
        History(VecDeque::new())
    }
}

impl<S: Shape, E: Dtype, D: Device<E>> History<S, E, D> {
    /// The answer `updates` ago; 1 is the newest.
    pub fn ago(&self, updates: usize) -> Option<&Tensor<S, E, D>> {
        self.0.get(updates.checked_sub(1)?)?.as_ref()
    }

    /// Gives what was stored one feedforward delay ago, then stores `x`; without a delay, `x` goes through.
    pub fn delay(&mut self, x: Option<Tensor<S, E, D>>, plan: &AreaPlan) -> Option<Tensor<S, E, D>> {
        let delayed = if plan.feedforward == 0 { x.clone() } else { self.ago(plan.feedforward).cloned() };
        self.push(x, plan.history);
        delayed
    }

    /// Stores `x` as the newest answer and forgets all but `capacity`.
    pub fn push(&mut self, x: Option<Tensor<S, E, D>>, capacity: usize) {
        self.0.truncate(capacity.saturating_sub(1));
        self.0.push_front(x);
    }

    /// The answers that are there, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Tensor<S, E, D>> {
        self.0.iter().flatten()
    }

    /// The same, to be replaced.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tensor<S, E, D>> {
        self.0.iter_mut().flatten()
    }
}
