//! Adaption of the input.

use super::recurrence::{SelfWeight, Unbiased};
use super::{MapOf, Signal, Solver, built};
use crate::cx::Cx;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use crate::time::{History, Plan};
use dfdx::prelude::{Dim, Tape};
use std::marker::PhantomData;

/// The first frame fades: `y(0) = x(0)`, then `y(t) = w y(t - 1)` (the original's `InputAdaption`). It is a [`Solver`]
/// whose state is the frame as it is seen, and stands in a model's `adaption`.
///
/// **Only the first frame of a run is seen; all later ones are ignored**, whatever the stimulus shows. It suits a
/// stimulus that is constant; for any other use another solver, such as [`Euler`](super::Euler), or one of your own.
/// Frames of idle steps are not seen: it starts with the first frame of the stimulus, while the original would take the
/// empty one.
///
/// `S` says where the weight comes from: drawn from ±0.2 and trained, [`TrainedFrom`](super::TrainedFrom) a value, or
/// [`Fixed`](super::Fixed). If it has a bias, `y(t) = w y(t - 1) + b`.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{cx::Cx, nn::{Fixed, InputAdaption, Solver, Spec}, time::Plan};
/// use dfdx::prelude::*;
/// type Fade = InputAdaption<Fixed<500>>;
/// let dev = Cpu::default();
/// let fade: <Fade as Spec>::Built<f32, Cpu> = BuildModule::try_build(&dev).unwrap();
/// let mut cx = Cx::new(NoneTape, Plan::default());
/// let first = Fade::solve(&fade, dev.tensor([[[[8.0]]]]), None, &mut cx).unwrap();
/// let second = Fade::solve(&fade, dev.tensor([[[[1.0]]]]), Some(&first), &mut cx).unwrap();
/// assert_eq!((first.as_vec(), second.as_vec()), (vec![8.0], vec![4.0]));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct InputAdaption<S = Unbiased>(PhantomData<S>);
crate::spec!(impl [S: SelfWeight] InputAdaption<S> => built::SelfRecurrence<S, E, D>);

#[diagnostic::do_not_recommend]
impl<S: SelfWeight> Solver for InputAdaption<S> {
    fn solve<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: MapOf<B, C, H, W, E, D>,
        h: Option<&MapOf<B, C, H, W, E, D>>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, C, H, W, E, D>> {
        match h {
            None => Ok(x),
            Some(h) => ops::scale_shift(h, &built.weight, built.bias.as_ref(), cx),
        }
    }
}

/// The frame as it is seen through the adaption `P`, which becomes the newest of `past`. Nothing adapts while the model
/// idles.
///
/// # Errors
/// Those of the adaption.
pub fn adapt<P: Solver, B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    built: &P::Built<E, D>,
    frame: Signal<(B, C, H, W), E, D>,
    past: &mut History<(B, C, H, W), E, D>,
    cx: &mut Cx<T>,
) -> Result<Signal<(B, C, H, W), E, D>> {
    if cx.idles() {
        return Ok(frame);
    }
    cx.enter(Plan::FRONT); // the model's own times
    let seen = frame.map(|x| P::solve(built, x, past.ago(1), cx)).transpose()?;
    past.push(seen.clone(), 1);
    Ok(seen)
}
