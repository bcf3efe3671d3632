//! Dropout.

use super::{Empty, MapOf, Operation};
use crate::cx::Cx;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use dfdx::prelude::{Dim, Tape};

/// Each unit is silenced with probability `PERCENT / 100`, and the others are scaled by `1 / (1 - p)` (Hinton et al. 2012):
/// only in a run that trains (see [`Mode`](crate::time::Mode)), and anew at each step. The device's seed determines the draws.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{cx::Cx, nn::{Dropout, Empty, Operation}, time::Plan};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let x = dev.tensor([[[[3.0f64, -1.0]]]]);
/// let y = Dropout::<50>::apply(&Empty, x.clone(), &mut Cx::new(NoneTape, Plan::default())).unwrap();
/// assert_eq!(y.array(), x.array());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropout<const PERCENT: usize = 50>;
crate::spec!(impl [const PERCENT: usize] Dropout<PERCENT> => Empty);

impl<const PERCENT: usize> Operation for Dropout<PERCENT> {
    const CHANNELS: Option<usize> = {
        assert!(PERCENT < 100, "dropout silences less than 100 percent of the units");
        None
    };

    fn apply<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: MapOf<B, C, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, C, H, W, E, D>> {
        ops::dropout(PERCENT as f64 / 100.0, x, cx)
    }
}
