//! Backpropagation through time that computes responses again instead of keeping them.
//!
//! A run is divided into segments. Forward, the tape of a segment is thrown away, and only the state at its beginning is
//! kept. Backward, the segment runs once more from there, and the gradients of what it made the first time are handed
//! over to what it makes now ([Chen et al. 2016](https://arxiv.org/abs/1604.06174)). Weights, frames and the first state
//! keep their identity, so their gradients arrive where they always do; chance gives the second run what it gave the
//! first. All segments share what the device derives from a weight, so that it is packed once, and gather its gradient
//! together.

use super::advance::advance_over;
use super::areas::CountKept;
use super::generated::{FrameShape, GeneratedModel, Logits};
use crate::autograd::{CommonWeights, id, take_grad};
use crate::error::{Error, Result};
use crate::kernels::{Buffer, Element, VisionDevice};
use crate::parameters::{AnyTensor, each};
use crate::unroll::{Context, History, Observer, State, Stimulus, Timed, VisitAreas};
use dfdx::prelude::*;
use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;
use std::mem;
use std::ops::Range;
use std::rc::Rc;

/// Runs a film in segments of so many steps. Returns the logits of each step.
pub(crate) fn in_segments<M, K, B, E, D, T>(
    model: &M,
    film: Stimulus<FrameShape<M, B, E, D>, E, D>,
    segment: usize,
    state: &mut M::Areas<State, B>,
    record: &mut M::Areas<K, B>,
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
    let count = film.steps();
    let (model, film) = (Rc::new(model.clone()), Rc::new(film));
    share_weights(&model, cx);
    let mut logits = Vec::with_capacity(count);
    for from in (0..count).step_by(segment) {
        let steps = from..(from + segment).min(count);
        let (start, began) = (state.clone(), cx.branch(OwnedTape::default()));
        let held = held_by::<M, K, B, E, D>(record)?;
        let mut first = cx.lend(OwnedTape::default());
        let made = advance_over(&*model, &film, steps.clone(), state, record, &mut first)?;
        cx.follow(first);
        let ends = ends::<M, K, B, E, D>(&made, state, record, held)?;
        logits.extend(made);
        let again = Segment {
            model: model.clone(),
            film: film.clone(),
            steps,
            start,
            cx: began,
            ends,
            record: PhantomData::<K>,
        };
        cx.tape.add_backward_op(move |grads| {
            // dfdx's backward can only carry an error of the device's own type, and what failed here worked before
            again.backward(grads).unwrap_or_else(|error| panic!("recomputing a segment of a run failed: {error}"));
            Ok(())
        });
    }
    Ok(logits)
}

/// Lets all segments share what is derived from the weights of the model; what they gather of its gradients is collected
/// when all of them have run backward.
fn share_weights<M, E, D, T>(model: &Rc<M>, cx: &mut Context<E, D, T>)
where
    M: GeneratedModel<E, D>,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    let mut weights = HashMap::new();
    each(&**model, |_, trained, x| {
        if trained {
            weights.insert(x.identity(), Rc::default());
        }
    });
    let (weights, model): (CommonWeights<E, D>, _) = (Rc::new(weights), model.clone());
    cx.share_weights(weights.clone());
    cx.tape.add_backward_op(move |grads| {
        let mut collected = Ok(());
        each(&*model, |_, _, x| {
            if let (Ok(()), Some(weight)) = (&collected, weights.get(&x.identity())) {
                collected = x.gradient(grads).and_then(|gradient| x.place().conv2d_collect(weight, gradient));
            }
        });
        collected
    });
}

/// A segment that runs again when gradients go backward.
struct Segment<M: GeneratedModel<E, D>, K, B: Dim, E: Element, D: VisionDevice<E>> {
    model: Rc<M>,
    film: Rc<Stimulus<FrameShape<M, B, E, D>, E, D>>,
    steps: Range<usize>,
    start: M::Areas<State, B>,
    /// As it stood before the first run.
    cx: Context<E, D, OwnedTape<E, D>>,
    ends: Vec<End<E, D>>,
    record: PhantomData<K>,
}

impl<M: GeneratedModel<E, D>, K: Observer, B: Dim, E: Element, D: VisionDevice<E>> Segment<M, K, B, E, D> {
    fn backward(self, grads: &mut Gradients<E, D>) -> Result<()> {
        let Segment { model, film, steps, start, mut cx, ends, .. } = self;
        let (mut state, mut record) = (start.clone(), M::initial::<K, B>());
        let logits = advance_over(&*model, &film, steps, &mut state, &mut record, &mut cx)?;
        let mut hand = HandOver::new(ends, grads);
        logits.iter().try_for_each(|x| hand.tensor(x))?;
        M::visit_areas::<State, B>(&state, &mut hand)?;
        let skip = Vec::new().into_iter();
        M::visit_areas::<K, B>(&record, &mut Held::<_, K> { each: &mut hand, skip, kind: PhantomData })?;
        let given = hand.to;
        // the gradients of the second run are its own, and most of them are dropped with it; dfdx starts from a single
        // number, and the operation that runs next puts in what was handed over
        cx.tape.add_backward_op(move |own| {
            *own = given;
            Ok(())
        });
        let nothing: Tensor<Rank0, E, D> =
            film.frame(0).ok_or(Error::EmptyStimulus)?.device().try_zeros().map_err(Error::device)?;
        let own = nothing.put_tape(mem::take(&mut cx.tape)).try_backward().map_err(Error::device)?;
        let mut back = GiveBack { own, grads, given: HashSet::new() };
        M::visit_areas::<State, B>(&start, &mut back)?;
        film.distinct_frames().iter().try_for_each(|x| back.tensor(x))?;
        cx.injected().chain(cx.shown_beside()).try_for_each(|x| back.tensor(x))?;
        let mut given = Ok(());
        each(&*model, |_, trained, x| {
            if trained && given.is_ok() {
                given = back.add(x);
            }
        });
        given
    }
}

/// Something that a segment made: its identity, and how its gradient is taken.
struct End<E: Element, D: VisionDevice<E>> {
    id: UniqueId,
    gradient: Box<TakeGradient<E, D>>,
}
type TakeGradient<E, D> = dyn FnOnce(&mut Gradients<E, D>) -> Result<Buffer<E, D>, <D as HasErr>::Err>;

impl<E: Element, D: VisionDevice<E>> End<E, D> {
    fn new<S: Shape>(x: &Tensor<S, E, D>) -> Self {
        // a ghost keeps no data alive
        let (ghost, device) = (x.ghost(), x.device().clone());
        let gradient = move |grads: &mut Gradients<E, D>| take_grad(&device, grads.get_or_alloc_mut(&ghost)?);
        End { id: id(x), gradient: Box::new(gradient) }
    }
}

/// All that later steps may read of a segment: its logits, the state it leaves, and what the record holds of it.
fn ends<M: GeneratedModel<E, D>, K: Observer, B: Dim, E: Element, D: VisionDevice<E>>(
    logits: &[Logits<M, B, E, D>],
    state: &M::Areas<State, B>,
    record: &M::Areas<K, B>,
    held_before: Vec<usize>,
) -> Result<Vec<End<E, D>>> {
    let mut ends = Collect(logits.iter().map(End::new).collect());
    M::visit_areas::<State, B>(state, &mut ends)?;
    let skip = held_before.into_iter();
    M::visit_areas::<K, B>(record, &mut Held::<_, K> { each: &mut ends, skip, kind: PhantomData })?;
    Ok(ends.0)
}

/// How many responses the record holds of each area.
fn held_by<M: GeneratedModel<E, D>, K: Observer, B: Dim, E: Element, D: VisionDevice<E>>(
    record: &M::Areas<K, B>,
) -> Result<Vec<usize>> {
    let mut held = CountKept::default();
    M::visit_areas::<K, B>(record, &mut held)?;
    Ok(held.0)
}

/// Sees tensors one by one.
trait EachTensor<E: Element, D: VisionDevice<E>> {
    fn tensor<S: Shape>(&mut self, x: &Tensor<S, E, D>) -> Result<()>;
}

struct Collect<E: Element, D: VisionDevice<E>>(Vec<End<E, D>>);
impl<E: Element, D: VisionDevice<E>> EachTensor<E, D> for Collect<E, D> {
    fn tensor<S: Shape>(&mut self, x: &Tensor<S, E, D>) -> Result<()> {
        self.0.push(End::new(x));
        Ok(())
    }
}
impl<E: Element, D: VisionDevice<E>> VisitAreas<State, E, D> for Collect<E, D> {
    fn area<S: Timed>(&mut self, _: &'static str, past: &History<S, E, D>) -> Result<()> {
        past.iter().try_for_each(|x| self.tensor(x))
    }
}

/// Gives the gradients of what the first run made to what the second run made.
struct HandOver<'a, E: Element, D: VisionDevice<E>> {
    ends: std::vec::IntoIter<End<E, D>>,
    grads: &'a mut Gradients<E, D>,
    to: Gradients<E, D>,
    /// What has given its gradient, and what has taken one.
    given: HashSet<UniqueId>,
    taken: HashSet<UniqueId>,
}
impl<'a, E: Element, D: VisionDevice<E>> HandOver<'a, E, D> {
    fn new(ends: Vec<End<E, D>>, grads: &'a mut Gradients<E, D>) -> Self {
        let (given, taken) = (HashSet::new(), HashSet::new());
        HandOver { ends: ends.into_iter(), grads, to: Gradients::leaky(), given, taken }
    }
}
impl<E: Element, D: VisionDevice<E>> EachTensor<E, D> for HandOver<'_, E, D> {
    fn tensor<S: Shape>(&mut self, to: &Tensor<S, E, D>) -> Result<()> {
        self.give(to)
    }
}
impl<E: Element, D: VisionDevice<E>> HandOver<'_, E, D> {
    fn give(&mut self, to: &dyn AnyTensor<E, D>) -> Result<()> {
        let differs = || Error::Setting("a step gave other tensors when it was computed again".into());
        let End { id: from, gradient } = self.ends.next().ok_or_else(differs)?;
        if !self.given.insert(from) {
            return Ok(());
        }
        let gradient = gradient(self.grads).map_err(Error::device)?;
        let taken = to.gradient(&mut self.to).map_err(Error::device)?;
        let device = to.place();
        if Storage::<E>::len(device, taken) != Storage::<E>::len(device, &gradient) {
            return Err(differs());
        }
        if self.taken.insert(to.identity()) {
            *taken = gradient;
            return Ok(());
        }
        device.accumulate(E::ONE, &gradient, taken).map_err(Error::device)
    }
}
impl<E: Element, D: VisionDevice<E>> VisitAreas<State, E, D> for HandOver<'_, E, D> {
    fn area<S: Timed>(&mut self, _: &'static str, past: &History<S, E, D>) -> Result<()> {
        past.iter().try_for_each(|x| self.tensor(x))
    }
}

/// Adds the second run's gradients of what was there before it to those of the whole run.
struct GiveBack<'a, E: Element, D: VisionDevice<E>> {
    own: Gradients<E, D>,
    grads: &'a mut Gradients<E, D>,
    given: HashSet<UniqueId>,
}
impl<E: Element, D: VisionDevice<E>> EachTensor<E, D> for GiveBack<'_, E, D> {
    fn tensor<S: Shape>(&mut self, x: &Tensor<S, E, D>) -> Result<()> {
        self.add(x)
    }
}
impl<E: Element, D: VisionDevice<E>> GiveBack<'_, E, D> {
    fn add(&mut self, x: &dyn AnyTensor<E, D>) -> Result<()> {
        if !self.given.insert(x.identity()) {
            return Ok(());
        }
        let own = x.gradient(&mut self.own).map_err(Error::device)?;
        let all = x.gradient(self.grads).map_err(Error::device)?;
        let device = x.place();
        if Storage::<E>::len(device, all) == 0 {
            // what passed through the segment unchanged was handed over
            mem::swap(own, all);
            return Ok(());
        }
        device.accumulate(E::ONE, own, all).map_err(Error::device)
    }
}
impl<E: Element, D: VisionDevice<E>> VisitAreas<State, E, D> for GiveBack<'_, E, D> {
    fn area<S: Timed>(&mut self, _: &'static str, past: &History<S, E, D>) -> Result<()> {
        past.iter().try_for_each(|x| self.tensor(x))
    }
}
/// What the record holds, without the first so many of each area.
struct Held<'a, V, K> {
    each: &'a mut V,
    skip: std::vec::IntoIter<usize>,
    kind: PhantomData<K>,
}
impl<K: Observer, E: Element, D: VisionDevice<E>, V: EachTensor<E, D>> VisitAreas<K, E, D> for Held<'_, V, K> {
    fn area<S: Timed>(&mut self, _: &'static str, kept: &K::Value<S, E, D>) -> Result<()> {
        let skip = self.skip.next().unwrap_or(0);
        K::kept::<S, E, D>(kept).iter().skip(skip).flatten().try_for_each(|x| self.each.tensor(x))
    }
}
