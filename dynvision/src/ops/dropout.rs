//! Dropout.

use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{self, Element, VisionDevice};
use dfdx::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Sets each element to 0 with probability `p` and scales the others by `1 / (1 - p)` (Hinton et al. 2012). The draws are
/// a function of `seed`; see [`Context::draw_seed`](crate::unroll::Context::draw_seed).
///
/// # Errors
/// [`Error::Setting`] if `p` is not from 0 up to below 1; [`Error::Device`] where the device refuses.
pub fn dropout<S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    p: f64,
    seed: u64,
    x: Tensor<S, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Tensor<S, E, D>> {
    if !(0.0..1.0).contains(&p) {
        return Err(Error::Setting(format!("dropout by {p}: the probability must be from 0 up to below 1")));
    }
    if p == 0.0 {
        return Ok(x);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let kept = E::one() / (E::one() - E::from_f64(p).unwrap_or_default());
    let draws = (0..x.shape().num_elements()).map(|_| if rng.gen_bool(p) { E::zero() } else { kept });
    let mask: Tensor<S, E, D> = x.device().try_tensor_from_vec(draws.collect(), *x.shape()).map_err(Error::device)?;
    graph.run(x, |x| kernels::contiguous(x)?.try_mul(mask))
}
