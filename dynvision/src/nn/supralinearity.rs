//! The power law of cortical neurons.

use super::{Empty, Nonlinearity, Operation};
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::Tape;

/// `k sign(x) max(|x|, 1e-6)^n` of `x` held within ±1e6: the response grows faster than the drive, as in the stabilized
/// supralinear network (Rubin, Van Hooser and Miller 2015). 0 stays 0. `N` and `K` are `n` and `k` in thousandths; the
/// original's defaults are 1.8 and 0.8, and there is no power at all in a model that does not name it.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{nn::{Empty, Operation, SupraLinearity}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let x = ops::erase(Cpu::default().tensor([[[[3.0f64, -1.0, 0.0]]]]))?;
/// let y = SupraLinearity::<2000>::forward(&Empty, x, &mut Context::new(NoneTape, Plan::default()))?;
/// assert!(y.as_vec().iter().zip([0.8 * 9.0, -0.8, 0.0]).all(|(y, want)| (y - want).abs() < 1e-12));
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SupraLinearity<const N: usize = 1800, const K: usize = 800>;
crate::spec!(impl [const N: usize, const K: usize] SupraLinearity<N, K> => Empty);

impl<const N: usize, const K: usize> Operation for SupraLinearity<N, K> {
    const NUMBERS: &'static [(&'static str, f64)] =
        &[("supralin.n", N as f64 / 1000.0), ("supralin.k", K as f64 / 1000.0)];

    const MISFIT: Option<&'static str> = match N {
        0..100 => Some(
            "its exponent is below 0.1: `SupraLinearity<N, K>` takes thousandths, so that an exponent of 2 is \
             `SupraLinearity<2000>`",
        ),
        1_000_001.. => Some("its exponent is above 1000: `SupraLinearity<N, K>` takes thousandths"),
        _ => None,
    };

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        ops::supralinear(K as f64 / 1000.0, N as f64 / 1000.0, &x, cx)
    }
}
#[diagnostic::do_not_recommend]
impl<const N: usize, const K: usize> Nonlinearity for SupraLinearity<N, K> {}
