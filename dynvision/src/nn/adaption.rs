//! Adaption of the input.

use super::recurrence::{SelfWeight, Unbiased};
use super::{Solver, built};
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::Tape;
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
/// use dynvision::{nn::{Fixed, InputAdaption, Solver, Spec}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// type Fade = InputAdaption<Fixed<500>>;
/// let dev = Cpu::default();
/// let fade: <Fade as Spec>::Built<f32, Cpu> = BuildModule::try_build(&dev).unwrap();
/// let mut cx = Context::new(NoneTape, Plan::default());
/// let first = Fade::solve(&fade, ops::erase(dev.tensor([[[[8.0]]]]))?, None, &mut cx)?;
/// let second = Fade::solve(&fade, ops::erase(dev.tensor([[[[1.0]]]]))?, Some(&first), &mut cx)?;
/// assert_eq!((first.as_vec(), second.as_vec()), (vec![8.0], vec![4.0]));
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct InputAdaption<S = Unbiased>(PhantomData<S>);
crate::spec!(impl [S: SelfWeight] InputAdaption<S> => built::SelfRecurrence<S, E, D>);

#[diagnostic::do_not_recommend]
impl<S: SelfWeight> Solver for InputAdaption<S> {
    fn solve<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Maps<E, D>,
        h: Option<&Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        match h {
            None => Ok(x),
            Some(h) => ops::scale_shift(h, &built.weight, built.bias.as_ref(), None, cx),
        }
    }
}
