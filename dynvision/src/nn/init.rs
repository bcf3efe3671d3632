//! How weights begin.

use dfdx::prelude::*;
use rand::Rng;
use rand::distributions::Distribution;

/// An initialisation scheme: a type, so that it can stand in a specification.
pub trait Init: 'static {
    /// One weight, where each output sums over `fan_in` inputs of `channels` (in, out).
    fn sample<R: Rng + ?Sized>(rng: &mut R, fan_in: usize, channels: (usize, usize)) -> f64;
}

/// Normal with standard deviation `sqrt(2 / fan_in)` (He et al. 2015), for convolutions that are rectified.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeNormal;
/// Uniform between plus and minus `PER_MILLE / 1000`: the original's recurrences, 0.001 in its models.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uniform<const PER_MILLE: usize = 1>;
/// Normal of standard deviation `PER_MILLE / 1000`, redrawn beyond ±2 (the original's classifiers, 0.004).
#[derive(Clone, Copy, Debug, Default)]
pub struct TruncatedNormal<const PER_MILLE: usize = 4>;
/// Truncated normal of standard deviation `min(0.001, 1 / sqrt(in * out))`: the original's connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionNormal;
/// Zeros.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zeros;

/// Uniform between plus and minus `1 / sqrt(fan_in)`: torch's default for convolutions and linear maps.
#[derive(Clone, Copy, Debug, Default)]
pub struct FanInUniform;

impl Init for FanInUniform {
    fn sample<R: Rng + ?Sized>(rng: &mut R, fan_in: usize, _: (usize, usize)) -> f64 {
        (2.0 * rng.r#gen::<f64>() - 1.0) / (fan_in.max(1) as f64).sqrt()
    }
}

fn normal<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    rng.sample(rand_distr::StandardNormal)
}

impl Init for HeNormal {
    fn sample<R: Rng + ?Sized>(rng: &mut R, fan_in: usize, _: (usize, usize)) -> f64 {
        (2.0 / fan_in.max(1) as f64).sqrt() * normal(rng)
    }
}
impl<const PER_MILLE: usize> Init for Uniform<PER_MILLE> {
    fn sample<R: Rng + ?Sized>(rng: &mut R, _: usize, _: (usize, usize)) -> f64 {
        PER_MILLE as f64 / 1000.0 * (2.0 * rng.r#gen::<f64>() - 1.0)
    }
}
/// Normal, redrawn until it lies within ±2, as PyTorch's `trunc_normal_` with its default bounds.
fn truncated<R: Rng + ?Sized>(rng: &mut R, std: f64) -> f64 {
    loop {
        let x = std * normal(rng);
        if x.abs() <= 2.0 {
            return x;
        }
    }
}
impl<const PER_MILLE: usize> Init for TruncatedNormal<PER_MILLE> {
    fn sample<R: Rng + ?Sized>(rng: &mut R, _: usize, _: (usize, usize)) -> f64 {
        truncated(rng, PER_MILLE as f64 / 1000.0)
    }
}
impl Init for ConnectionNormal {
    fn sample<R: Rng + ?Sized>(rng: &mut R, _: usize, (i, o): (usize, usize)) -> f64 {
        truncated(rng, (1.0 / ((i * o).max(1) as f64).sqrt()).min(0.001))
    }
}
impl Init for Zeros {
    fn sample<R: Rng + ?Sized>(_: &mut R, _: usize, _: (usize, usize)) -> f64 {
        0.0
    }
}

/// Draws weights of any dtype.
struct Draw<I> {
    fan_in: usize,
    channels: (usize, usize),
    init: std::marker::PhantomData<I>,
}
impl<I: Init, E: Dtype> Distribution<E> for Draw<I> {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> E {
        E::from_f64(I::sample(rng, self.fan_in, self.channels)).unwrap_or_default()
    }
}

impl<I> Draw<I> {
    /// For a weight of sizes `(out, in, ...)`.
    fn of(sizes: impl IntoIterator<Item = usize>) -> Self {
        let mut sizes = sizes.into_iter();
        let out = sizes.next().unwrap_or(1);
        let per_group = sizes.next().unwrap_or(1);
        Draw {
            fan_in: per_group * sizes.product::<usize>(),
            channels: (per_group, out),
            init: std::marker::PhantomData,
        }
    }
}

/// Fills a weight `(out, in, ...)` by the scheme `I`.
pub(crate) fn fill<I: Init, S: Shape, E: Dtype, D: Device<E>>(t: &mut Tensor<S, E, D>) -> Result<(), D::Err> {
    t.try_fill_with_distr(Draw::<I>::of(t.shape().concrete()))
}

/// Fills a stack of weights, `(stacked, out, in, ...)`, each by the scheme `I`: those of the gates of one cell.
pub(crate) fn fill_stacked<I: Init, S: Shape, E: Dtype, D: Device<E>>(t: &mut Tensor<S, E, D>) -> Result<(), D::Err> {
    t.try_fill_with_distr(Draw::<I>::of(t.shape().concrete().into_iter().skip(1)))
}

/// Fills a tensor with so many thousandths.
pub(crate) fn fill_constant<const PER_MILLE: i64, S: Shape, E: Dtype, D: Device<E>>(
    t: &mut Tensor<S, E, D>,
) -> Result<(), D::Err> {
    let value = E::from_f64(PER_MILLE as f64 / 1000.0).unwrap_or_default();
    let values = vec![value; t.shape().num_elements()];
    t.copy_from(&values);
    Ok(())
}

/// Draws norms of weights of any dtype.
struct DrawNorm<I>(Draw<I>);
impl<I: Init, E: Dtype> Distribution<E> for DrawNorm<I> {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> E {
        let Draw { fan_in, channels, .. } = self.0;
        let square: f64 = (0..fan_in).map(|_| I::sample(rng, fan_in, channels).powi(2)).sum();
        E::from_f64(square.sqrt()).unwrap_or_default()
    }
}

/// Fills norms, one for each output of a weight of shape `W`, as those of a weight drawn by the scheme `I`.
pub(crate) fn fill_norms<I: Init, W: ConstShape, S: Shape, E: Dtype, D: Device<E>>(
    t: &mut Tensor<S, E, D>,
) -> Result<(), D::Err> {
    t.try_fill_with_distr(DrawNorm(Draw::<I>::of(W::default().concrete())))
}
