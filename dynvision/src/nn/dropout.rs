//! Dropout.

use super::{Empty, Operation};
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::time::Mode;
use crate::unroll::Context;
use dfdx::prelude::{Shape, Tape, Tensor};

/// Silences each unit with probability `p = PERCENT / 100` and scales the others by `1 / (1 - p)` (Hinton et al. 2012):
/// only in a run that trains (see [`Mode`]), and anew at each step. The run's seed determines the draws.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{nn::{Dropout, Empty, Operation}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let x = ops::erase(Cpu::default().tensor([[[[3.0f64, -1.0]]]]))?;
/// let y = Dropout::<50>::forward(&Empty, x.clone(), &mut Context::new(NoneTape, Plan::default()))?;
/// assert_eq!(y.as_vec(), x.as_vec());
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropout<const PERCENT: usize = 50>;
crate::spec!(impl [const PERCENT: usize] Dropout<PERCENT> => Empty);

impl<const PERCENT: usize> Operation for Dropout<PERCENT> {
    const MISFIT: Option<&'static str> = match PERCENT {
        0..100 => None,
        _ => Some("a `Dropout<PERCENT>` silences less than 100 percent of the units"),
    };

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        in_training(PERCENT, x, cx)
    }
}

/// Dropout by `percent` in a run that trains.
pub(super) fn in_training<S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    percent: usize,
    x: Tensor<S, E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Tensor<S, E, D>> {
    if cx.mode() == Mode::Evaluation || percent == 0 {
        return Ok(x);
    }
    let seed = cx.draw_seed(x.device());
    ops::dropout(percent as f64 / 100.0, seed, x, cx)
}
