//! What is held of each area. A model's areas form one generated struct, and a marker type says what it holds of each: its
//! state, every step, the stacked responses, or what an observer of the user's makes of them.

use super::{History, Recording, Response};
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops::MapShape;
use dfdx::prelude::*;
use std::fmt::Debug;

/// The shape of a batch of maps, which has a counterpart with a time axis.
pub trait Timed: MapShape {
    /// The shape with a time axis after the batch.
    type InTime: Shape<Concrete = [usize; 5]>;
}
impl<B: Dim, C: Dim, H: Dim, W: Dim> Timed for (B, C, H, W) {
    type InTime = (B, usize, C, H, W);
}

/// Says what is held of each area: a type for every shape of its responses.
pub trait PerArea: Copy + Debug + 'static {
    /// What is held of an area whose responses have the shape `S`.
    type Value<S: Timed, E: Dtype, D: Device<E>>: Clone + Debug;
}

/// A [`PerArea`] that begins empty.
pub trait Initial: PerArea {
    /// Returns what is held before the first step.
    fn initial<S: Timed, E: Dtype, D: Device<E>>() -> Self::Value<S, E, D>;
}

/// An observer: sees the response of each area at each step. Implement it (with [`PerArea`] and [`Initial`]) to keep a
/// statistic instead of every response.
pub trait Observer: Initial {
    /// Whether a value may hold on to the maps that it is shown. Where this is false, later results take the place of responses that
    /// the run forgets.
    const KEEPS: bool = true;

    /// The responses that are kept as they are, one for each step: gradients may come through them. None unless said
    /// otherwise.
    fn kept<S: Timed, E: Dtype, D: Device<E>>(_value: &Self::Value<S, E, D>) -> &[Option<Maps<E, D>>] {
        &[]
    }

    /// Sees one response; `None` while the area has no signal.
    ///
    /// # Errors
    /// What the observer cannot do with the response.
    fn observe<S: Timed, E: Element, D: VisionDevice<E>>(
        value: &mut Self::Value<S, E, D>,
        x: Option<&Maps<E, D>>,
    ) -> Result<()>;

    /// Sees a memory of the area as the step leaves it, after the response, if one was observed. Nothing unless said otherwise.
    ///
    /// # Errors
    /// What the observer cannot do with the memory.
    fn remember<S: Timed, E: Element, D: VisionDevice<E>>(
        _value: &mut Self::Value<S, E, D>,
        _name: &'static str,
        _maps: &Maps<E, D>,
    ) -> Result<()> {
        Ok(())
    }
}

/// The last responses: a model's state.
#[derive(Clone, Copy, Debug)]
pub struct State;
impl PerArea for State {
    type Value<S: Timed, E: Dtype, D: Device<E>> = History<S, E, D>;
}
impl Initial for State {
    fn initial<S: Timed, E: Dtype, D: Device<E>>() -> History<S, E, D> {
        History::default()
    }
}

/// Nothing: the observer of a run whose responses nobody asks for.
#[derive(Clone, Copy, Debug)]
pub struct Discard;
impl PerArea for Discard {
    type Value<S: Timed, E: Dtype, D: Device<E>> = ();
}
impl Initial for Discard {
    fn initial<S: Timed, E: Dtype, D: Device<E>>() {}
}
impl Observer for Discard {
    const KEEPS: bool = false;

    fn observe<S: Timed, E: Element, D: VisionDevice<E>>(_: &mut (), _: Option<&Maps<E, D>>) -> Result<()> {
        Ok(())
    }
}

/// Every response and memory, shared with the state: keeping one copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct Steps;
impl PerArea for Steps {
    type Value<S: Timed, E: Dtype, D: Device<E>> = Recording<E, D>;
}
impl Initial for Steps {
    fn initial<S: Timed, E: Dtype, D: Device<E>>() -> Recording<E, D> {
        Recording::default()
    }
}
impl Observer for Steps {
    fn kept<S: Timed, E: Dtype, D: Device<E>>(value: &Recording<E, D>) -> &[Option<Maps<E, D>>] {
        value.all()
    }

    fn observe<S: Timed, E: Element, D: VisionDevice<E>>(
        value: &mut Recording<E, D>,
        x: Option<&Maps<E, D>>,
    ) -> Result<()> {
        value.respond(x.cloned());
        Ok(())
    }

    fn remember<S: Timed, E: Element, D: VisionDevice<E>>(
        value: &mut Recording<E, D>,
        name: &'static str,
        maps: &Maps<E, D>,
    ) -> Result<()> {
        value.remember(name, maps.clone());
        Ok(())
    }
}

/// The responses of a run, stacked over time.
#[derive(Clone, Copy, Debug)]
pub struct Stacked;
impl PerArea for Stacked {
    type Value<S: Timed, E: Dtype, D: Device<E>> = Response<S, E, D>;
}

/// A function from what is held of an area to something else that is held of it.
pub trait MapAreas<F: PerArea, G: PerArea, E: Dtype, D: Device<E>> {
    /// Called for each area, in their order.
    ///
    /// # Errors
    /// What the function cannot do with the area.
    fn area<S: Timed>(&mut self, name: &'static str, value: F::Value<S, E, D>) -> Result<G::Value<S, E, D>>;
}

/// A visitor of what is held of each area.
pub trait VisitAreas<F: PerArea, E: Dtype, D: Device<E>> {
    /// Called for each area, in their order.
    ///
    /// # Errors
    /// What the visitor finds wrong with the area.
    fn area<S: Timed>(&mut self, name: &'static str, value: &F::Value<S, E, D>) -> Result<()>;
}
