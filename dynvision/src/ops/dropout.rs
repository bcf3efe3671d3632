//! Dropout.

use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::time::Mode;
use dfdx::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Sets each element to 0 with probability `p` and scales the others by `1 / (1 - p)` in a run that trains (see
/// [`Mode`]); else gives `x` itself. The draws are those of the run, see [`Cx::draw`].
///
/// # Errors
/// [`Error::Setting`] if `p` is not from 0 up to below 1; what the device refuses.
pub fn dropout<S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    p: f64,
    x: Tensor<S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<S, E, D>> {
    if !(0.0..1.0).contains(&p) {
        return Err(Error::Setting(format!("dropout by {p}: the probability must be from 0 up to below 1")));
    }
    if cx.mode() == Mode::Evaluation || p == 0.0 {
        return Ok(x);
    }
    let device = x.device().clone();
    let mut rng = ChaCha8Rng::seed_from_u64(cx.draw(&device));
    let kept = E::one() / (E::one() - E::from_f64(p).unwrap_or_default());
    let draws = (0..x.shape().num_elements()).map(|_| if rng.gen_bool(p) { E::zero() } else { kept });
    let mut mask: Tensor<S, E, D> = device.try_zeros_like(x.shape()).map_err(Error::device)?;
    mask.copy_from(&draws.collect::<Vec<E>>());
    cx.run(x, |x| x.try_contiguous()?.try_mul(mask))
}
