//! The power law of cortical neurons.

use super::{Empty, MapOf, Nonlinearity, Operation};
use crate::cx::Cx;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use dfdx::prelude::{Dim, Tape};

/// `k sign(x) max(|x|, 1e-6)^n` of `x` held within ±1e6: the response grows faster than the drive, as in the stabilized
/// supralinear network (Rubin, Van Hooser and Miller 2015). 0 stays 0. `N` and `K` are `n` and `k` in thousandths; the
/// original's defaults are 1.8 and 0.8, and there is no power at all in a model that does not name it.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{cx::Cx, nn::{Empty, Operation, SupraLinearity}, time::Plan};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let mut cx = Cx::new(NoneTape, Plan::default());
/// let y = SupraLinearity::<2000>::apply(&Empty, dev.tensor([[[[3.0f64, -1.0, 0.0]]]]), &mut cx).unwrap();
/// assert!(y.array()[0][0][0].iter().zip([0.8 * 9.0, -0.8, 0.0]).all(|(y, want)| (y - want).abs() < 1e-12));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SupraLinearity<const N: usize = 1800, const K: usize = 800>;
crate::spec!(impl [const N: usize, const K: usize] SupraLinearity<N, K> => Empty);

impl<const N: usize, const K: usize> Operation for SupraLinearity<N, K> {
    const MISFIT: Option<&'static str> = match N {
        0..100 => Some(
            "its exponent is below 0.1: `SupraLinearity<N, K>` takes thousandths, so that an exponent of 2 is \
             `SupraLinearity<2000>`",
        ),
        _ => None,
    };

    fn apply<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: MapOf<B, C, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, C, H, W, E, D>> {
        ops::supralinear(K as f64 / 1000.0, N as f64 / 1000.0, &x, cx)
    }
}
#[diagnostic::do_not_recommend]
impl<const N: usize, const K: usize> Nonlinearity for SupraLinearity<N, K> {}
