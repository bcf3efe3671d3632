//! Normalisation of maps: `y = w[c] (x - mean) / sqrt(var + eps) + b[c]`, mean and variance over blocks of planes.

use super::{Scalar, parallel};
use crate::error::{Result, of_sizes, require};
use crate::geometry::Over;

/// Which planes share their moments.
#[derive(Clone, Copy)]
struct Blocks {
    over: Over,
    batch: usize,
    channels: usize,
    plane: usize,
}

impl Blocks {
    fn new(over: Over, [batch, channels, h, w]: [usize; 4], len: usize) -> Self {
        debug_assert_eq!(len, batch * channels * h * w);
        Blocks { over, batch, channels, plane: h * w }
    }

    fn count(self) -> usize {
        self.over.blocks(self.batch, self.channels)
    }

    /// The block of a plane.
    fn of(self, plane: usize) -> usize {
        match self.over {
            Over::Groups(groups) => plane / (self.channels / groups),
            Over::Batch => plane % self.channels,
        }
    }

    /// The planes of a block.
    fn planes(self, block: usize) -> impl Iterator<Item = usize> {
        let (first, step, count) = match self.over {
            Over::Groups(groups) => (block * (self.channels / groups), 1, self.channels / groups),
            Over::Batch => (block, self.channels, self.batch),
        };
        (0..count).map(move |i| first + i * step)
    }

    /// Units of a block.
    fn units(self) -> f64 {
        (self.batch * self.channels * self.plane / self.count()) as f64
    }
}

/// Checks the sizes of maps and of the moments of their blocks.
pub(crate) fn checked(over: Over, x: usize, xd: [usize; 4], moments: [usize; 2]) -> Result {
    of_sizes("normalisation", "the input", x, &xd)?;
    let whole = !matches!(over, Over::Groups(n) if n == 0 || !xd[1].is_multiple_of(n));
    require(whole, "normalisation", || format!("{} channels are not in {over:?}", xd[1]))?;
    require(x > 0, "normalisation", || format!("maps of {xd:?} have no mean"))?;
    let blocks = over.blocks(xd[0], xd[1]);
    require(moments == [blocks; 2], "normalisation", || {
        format!("{over:?} of maps of {xd:?} has {blocks} means and variances, not {moments:?}")
    })
}

/// Checks that there is one number for each channel.
pub(crate) fn of_channels(xd: [usize; 4], lens: [usize; 2]) -> Result {
    require(lens == [xd[1]; 2], "normalisation", || {
        format!("maps of {} channels need a weight and a bias of as many, not {lens:?}", xd[1])
    })
}

/// Mean and variance (not corrected for the sample) of each block.
pub(crate) fn moments<E: Scalar>(over: Over, x: &[E], xd: [usize; 4], mean: &mut [E], variance: &mut [E]) {
    let blocks = Blocks::new(over, xd, x.len());
    let plane = |p: usize| &x[p * blocks.plane..][..blocks.plane];
    parallel::each(mean.iter_mut().zip(variance).enumerate(), true, |(block, (mean, variance))| {
        let sum: f64 = blocks.planes(block).map(|p| plane(p).iter().map(|x| x.wide()).sum::<f64>()).sum();
        let m = sum / blocks.units();
        let square = |p| plane(p).iter().map(|x| (x.wide() - m).powi(2)).sum::<f64>();
        *mean = E::narrow(m);
        *variance = E::narrow(blocks.planes(block).map(square).sum::<f64>() / blocks.units());
    });
}

/// What a block or plane is multiplied by, `1 / sqrt(var + eps)`.
fn slope<E: Scalar>(variance: E, eps: f64) -> E {
    E::narrow(1.0 / (variance.wide() + eps).sqrt())
}

/// `y = w[c] (x - mean) / sqrt(var + eps) + b[c]` with the moments of each block.
#[allow(clippy::too_many_arguments)] // the equation has as many
pub(crate) fn forward<E: Scalar>(
    over: Over,
    eps: f64,
    x: &[E],
    xd: [usize; 4],
    (mean, variance): (&[E], &[E]),
    (w, b): (&[E], &[E]),
    y: &mut [E],
) {
    let blocks = Blocks::new(over, xd, x.len());
    parallel::planes(y, blocks.plane, |first, planes| {
        for (p, y) in planes.chunks_exact_mut(blocks.plane).enumerate() {
            let p = first + p;
            let (block, c) = (blocks.of(p), p % blocks.channels);
            let scale = w[c] * slope(variance[block], eps);
            for (y, &x) in y.iter_mut().zip(&x[p * blocks.plane..]) {
                *y = scale * (x - mean[block]) + b[c];
            }
        }
    });
}

/// Adds the gradients of input, weight and bias; through the moments too where they are those of `x`, and not `given`.
#[allow(clippy::too_many_arguments)] // three inputs and their gradients
pub(crate) fn backward<E: Scalar>(
    over: Over,
    eps: f64,
    x: &[E],
    xd: [usize; 4],
    (mean, variance): (&[E], &[E]),
    given: bool,
    w: &[E],
    gy: &[E],
    gx: &mut [E],
    gw: &mut [E],
    gb: &mut [E],
) {
    let blocks = Blocks::new(over, xd, x.len());
    let at = |p: usize| p * blocks.plane..(p + 1) * blocks.plane;
    // of each plane: the sum of gy, and of gy times the normalised input
    let sums = parallel::map(blocks.batch * blocks.channels, true, |p| {
        let (mean, slope) = (mean[blocks.of(p)], slope(variance[blocks.of(p)], eps));
        let pairs = gy[at(p)].iter().zip(&x[at(p)]);
        let add = |(a, b): (f64, f64), (&g, &x): (&E, &E)| (a + g.wide(), b + (g * (x - mean) * slope).wide());
        pairs.fold((0.0, 0.0), add)
    });
    for (p, (by_b, by_w)) in sums.iter().enumerate() {
        gw[p % blocks.channels] += E::narrow(*by_w);
        gb[p % blocks.channels] += E::narrow(*by_b);
    }
    // of each block: the means of the gradient of the normalised input, and of its product with it
    let weighed = |p: usize| {
        let w = w[p % blocks.channels].wide();
        (w * sums[p].0, w * sums[p].1)
    };
    let means: Vec<(E, E)> = (0..blocks.count())
        .map(|block| {
            let (a, b) = blocks.planes(block).map(weighed).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
            if given { (E::zero(), E::zero()) } else { (E::narrow(a / blocks.units()), E::narrow(b / blocks.units())) }
        })
        .collect();
    parallel::planes(gx, blocks.plane, |first, planes| {
        for (p, gx) in planes.chunks_exact_mut(blocks.plane).enumerate() {
            let p = first + p;
            let (block, w) = (blocks.of(p), w[p % blocks.channels]);
            let (slope, (a, b)) = (slope(variance[block], eps), means[block]);
            for ((gx, &gy), &x) in gx.iter_mut().zip(&gy[at(p)]).zip(&x[at(p)]) {
                *gx += slope * (w * gy - a - (x - mean[block]) * slope * b);
            }
        }
    });
}
