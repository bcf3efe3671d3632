//! What generated code calls in a step: each runs one part on a signal that may be absent.

use crate::autograd::{FrameKey, FrameOp, id};
use crate::error::{Error, Result};
use crate::geometry::Map;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::{Layer, Nonlinearity, Operation, Pool, Readout, Signal, Solver};
use crate::ops::{self, MapShape, Step};
use crate::time::Plan;
use crate::unroll::{Context, History, Observer, Past, Timed};
use dfdx::prelude::*;

/// Begins a step with this frame; returns it as a signal.
pub fn begin<S: MapShape, E: Element, D: VisionDevice<E>, T>(
    frame: Tensor<S, E, D>,
    cx: &mut Context<E, D, T>,
) -> Signal<S, E, D> {
    cx.set_batch(frame.shape().concrete()[0]);
    Some(frame)
}

/// Says that the operations of area number `area` follow, whose state is `own`.
pub fn enter<S: MapShape, E: Element, D: VisionDevice<E>, T>(
    area: usize,
    own: &History<S, E, D>,
    cx: &mut Context<E, D, T>,
) {
    cx.enter(area);
    cx.bring(own.all_memories(), own.updates());
}

/// Ends the operations of the area whose state is `own`: what its parts keep goes there.
pub fn leave<K: Observer, S: Timed, E: Element, D: VisionDevice<E>, T>(
    own: &mut History<S, E, D>,
    observed: &mut K::Value<S, E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<()> {
    let Some(memories) = cx.take_memories() else { return Ok(()) };
    own.set_memories(memories);
    own.memories().try_for_each(|(name, maps)| K::remember(observed, name, maps))
}

/// [`History::delay`] of what an observer has seen: unless it kept it, a later result takes the place of the response that is
/// forgotten.
pub fn delay<K: Observer, S: Timed, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    own: &mut History<S, E, D>,
    x: Option<Maps<E, D>>,
    cx: &mut Context<E, D, T>,
) -> Result<Option<Maps<E, D>>> {
    let (delayed, forgotten) = own.delay_and_forget(x, cx.area())?;
    let is_delayed = |x: &Maps<E, D>| delayed.as_ref().map(id) == Some(id(x));
    if let Some(forgotten) = forgotten.filter(|x| !K::KEEPS && !is_delayed(x)) {
        cx.recycle(forgotten);
    }
    Ok(delayed)
}

/// What the area with this past answered when link number `link` reads it.
pub fn earlier<E: Element, D: VisionDevice<E>, T>(
    from: &Past<E, D>,
    link: usize,
    cx: &Context<E, D, T>,
) -> Option<Maps<E, D>> {
    cx.plan().link(link).and_then(|updates| from.ago(updates)).cloned()
}

/// What the stimulus shows at this step beside the frame, under this name.
pub fn shown<E: Element, D: VisionDevice<E>, T>(name: &str, cx: &Context<E, D, T>) -> Result<Option<Maps<E, D>>> {
    cx.beside(name).map(Some)
}

/// Signals of the sizes `maps`, whose channels stand beside each other at the size of the first; zeros stand for those that are
/// absent, unless all are.
pub fn gather<const N: usize, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    signals: [Option<Maps<E, D>>; N],
    maps: [Map; N],
    device: &D,
    cx: &mut Context<E, D, T>,
) -> Result<Option<Maps<E, D>>> {
    let Some(Map { h, w, .. }) = maps.first().filter(|_| signals.iter().any(Option::is_some)) else { return Ok(None) };
    let mut all: Option<Maps<E, D>> = None;
    for (signal, map) in signals.into_iter().zip(maps) {
        let signal = match signal {
            Some(signal) => ops::resize(&signal, [*h, *w], None, cx)?,
            None => device.try_zeros_like(&(cx.batch(), map.c, *h, *w)).map_err(Error::device)?,
        };
        all = Some(match all {
            Some(all) => ops::concatenate(&all, &signal, cx)?,
            None => signal,
        });
    }
    Ok(all)
}

/// Lets an observer see what one of several readouts answers.
pub fn answer<K: Observer, S: Timed, Y: Shape<Concrete = [usize; 2]>, E: Element, D: VisionDevice<E>>(
    logits: &Tensor<Y, E, D>,
    observed: &mut K::Value<S, E, D>,
) -> Result<()> {
    let [batch, classes] = logits.shape().concrete();
    let maps: Maps<E, D> = ops::reshaped(logits.clone(), &(batch, classes, 1, 1))?;
    K::observe::<S, E, D>(observed, Some(&maps))
}

/// Returns a signal with its sizes known at run time only.
pub fn erase<S: MapShape, E: Dtype, D: Device<E>>(x: Signal<S, E, D>) -> Result<Option<Maps<E, D>>> {
    x.map(ops::erase).transpose()
}

/// Returns a signal under its shape.
pub fn restore<S: MapShape, E: Dtype, D: Device<E>>(
    what: &'static str,
    x: Option<Maps<E, D>>,
) -> Result<Signal<S, E, D>> {
    x.map(|x| ops::restore(what, x)).transpose()
}

/// The layer of an area.
pub fn layer<L: Layer, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    built: &L::Built<E, D>,
    x: Option<Maps<E, D>>,
    input: Map,
    own: &Past<E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Option<Maps<E, D>>> {
    cx.set_input(input);
    L::forward(built, x, own, cx)
}

/// An operation: [`Operation::forward`] where there is a signal, [`Operation::absent`] where there is none.
pub fn operation<O: Operation, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    built: &O::Built<E, D>,
    x: Option<Maps<E, D>>,
    input: Map,
    cx: &mut Context<E, D, T>,
) -> Result<Option<Maps<E, D>>> {
    cx.set_input(input);
    match x {
        Some(x) => O::forward(built, x, cx).map(Some),
        None => O::absent(built, cx),
    }
}

/// The solver's step of an area with this past; an absent drive stays absent.
pub fn tstep<P: Solver, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    built: &P::Built<E, D>,
    x: Option<Maps<E, D>>,
    own: &Past<E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Option<Maps<E, D>>> {
    x.map(|x| P::solve(built, x, own.ago(1), cx)).transpose()
}

/// [`tstep`] and the nonlinearity that follows it, in one pass where the solver can.
pub fn tstep_nonlin<P: Solver, N: Nonlinearity, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    built: &P::Built<E, D>,
    nonlin: &N::Built<E, D>,
    x: Option<Maps<E, D>>,
    own: &Past<E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Option<Maps<E, D>>> {
    x.map(|x| P::solve_nonlin::<N, E, D, T>(built, nonlin, x, own.ago(1), cx)).transpose()
}

/// [`layer`] and then [`tstep_nonlin`], of which the layer and the solver's step are one pass where both can.
pub fn layer_tstep_nonlin<L: Layer, P: Solver, N: Nonlinearity, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    (layer, solver, nonlin): (&L::Built<E, D>, &P::Built<E, D>, &N::Built<E, D>),
    x: Option<Maps<E, D>>,
    input: Map,
    own: &Past<E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Option<Maps<E, D>>> {
    let h = own.ago(1);
    // a solver that refuses says so below, if there is a drive
    let Ok(Some(rate)) = P::rate(solver, h.is_none(), cx) else {
        let x = self::layer::<L, E, D, T>(layer, x, input, own, cx)?;
        return tstep_nonlin::<P, N, E, D, T>(solver, nonlin, x, own, cx);
    };
    cx.set_input(input);
    let y = L::forward_leaky(layer, x, own, Step { rate: &rate, h, relu: N::RECTIFIES }, cx)?;
    if N::RECTIFIES { Ok(y) } else { y.map(|y| N::forward(nonlin, y, cx)).transpose() }
}

/// The pooling of a signal.
pub fn pool<P: Pool, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: Option<Maps<E, D>>,
    cx: &mut Context<E, D, T>,
) -> Result<Option<Maps<E, D>>> {
    x.map(|x| P::forward(&x, cx)).transpose()
}

/// The logits of a signal under their shape; zeros while there is none.
pub fn readout<R: Readout, B: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    built: &R::Built<E, D>,
    x: Option<Maps<E, D>>,
    device: &D,
    cx: &mut Context<E, D, T>,
) -> Result<Tensor<(B, R::Classes), E, D>> {
    match x {
        Some(x) => {
            let logits = R::forward(built, x, cx);
            let logits = logits.and_then(|logits| ops::realized("its logits", logits));
            logits.map_err(|error| error.at(|| "the readout".to_owned()))
        }
        None => {
            let batch = B::from_size(cx.batch()).ok_or_else(|| Error::not_of::<B>("batch", &[cx.batch()]))?;
            device.try_zeros_like(&(batch, R::Classes::default())).map_err(Error::device)
        }
    }
}

/// The frame as it is seen through the adaption `P`, which becomes the newest of `past`. Nothing adapts while the model
/// idles.
pub fn adapt<P: Solver, S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    built: &P::Built<E, D>,
    frame: Option<Maps<E, D>>,
    past: &mut History<S, E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Option<Maps<E, D>>> {
    if cx.step().is_none() {
        return Ok(frame);
    }
    cx.enter(Plan::FRONT); // the model's own times
    let seen = frame.map(|x| P::solve(built, x, past.ago(1), cx)).transpose()?;
    past.push(seen.clone(), 1)?;
    Ok(seen)
}

/// What a retina makes of a frame. Any [`Layer`] can be one; it has no past. A frame that is shown at several steps is
/// seen once, and what the first area makes of it is computed once as well.
pub fn see<R: Layer, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    built: &R::Built<E, D>,
    frame: Option<Maps<E, D>>,
    input: Map,
    cx: &mut Context<E, D, T>,
) -> Result<Option<Maps<E, D>>> {
    let Some(frame) = frame else { return Ok(None) };
    cx.enter(Plan::FRONT);
    cx.set_input(input);
    let key = FrameKey { frame: id(&frame), op: FrameOp::Front };
    let seen = match cx.recall(key) {
        Some(seen) => seen,
        None => {
            let seen = R::forward(built, Some(frame), &Past::default(), cx)?;
            let seen = seen.ok_or_else(|| Error::Setting("the retina gave no signal".into()))?;
            cx.keep(key, &seen);
            seen
        }
    };
    if cx.is_shared(&seen) {
        cx.show(&seen);
    }
    Ok(Some(seen))
}
