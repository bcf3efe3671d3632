//! Noise in the units.

use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use dfdx::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Adds a number from a normal distribution of mean 0 and standard deviation `std` to each unit. The draws are a function of
/// `seed`; see [`Context::draw_seed`](crate::unroll::Context::draw_seed). Gradients pass as they are.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// # Errors
/// [`Error::Setting`] if `std` is negative or not finite; [`Error::Device`] where the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let x = ops::erase(Cpu::default().zeros::<Rank4<1, 10, 10, 10>>() + 3.0f64)?;
/// let y = ops::unit_noise(0.5, 7, x, &mut Graph::new(NoneTape))?.as_vec();
/// let mean = y.iter().sum::<f64>() / 1000.0;
/// let variance = y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / 999.0;
/// assert!((mean - 3.0).abs() < 0.1 && (variance.sqrt() - 0.5).abs() < 0.1);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn unit_noise<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    std: f64,
    seed: u64,
    x: Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    if !(std.is_finite() && std >= 0.0) {
        return Err(Error::Setting(format!(
            "noise of a standard deviation of {std}: it must be finite and not negative"
        )));
    }
    if std == 0.0 {
        return Ok(x);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || E::from_f64(std * rng.sample::<f64, _>(rand_distr::StandardNormal)).unwrap_or_default();
    let draws: Vec<E> = (0..x.shape().num_elements()).map(|_| draw()).collect();
    let noise: Maps<E, D> = x.device().try_tensor_from_vec(draws, *x.shape()).map_err(Error::device)?;
    super::add(x, &noise, graph)
}
