//! Losses: what a device must be able to do, composed of dfdx's operations where it has no kernel of its own. The
//! operations run on the tape themselves.

use super::Element;
use dfdx::prelude::*;

pub use dynvision_kernels::loss::{Measure, RowTarget};

/// What losses ask of a device.
pub trait LossKernel<E: Element>: Device<E> {
    /// `weight (ln sum exp x - x[class])` of each row, 0 and without a gradient where a row has no target.
    ///
    /// # Shapes
    /// `(rows, classes)` to `(rows)`. Classes of targets are below `classes`.
    fn cross_entropy<T: Tape<E, Self>>(
        &self,
        x: Tensor<(usize, usize), E, Self, T>,
        targets: Vec<RowTarget<E>>,
    ) -> Result<Tensor<(usize,), E, Self, T>, Self::Err> {
        composed::cross_entropy(x, &targets)
    }

    /// The activity of each row; a silent row has no gradient.
    ///
    /// # Shapes
    /// `(rows, units)` to `(rows)`.
    fn activity<T: Tape<E, Self>>(
        &self,
        x: Tensor<(usize, usize), E, Self, T>,
        measure: Measure,
    ) -> Result<Tensor<(usize,), E, Self, T>, Self::Err> {
        composed::activity(x, measure)
    }

    /// The sum over units and steps `t` of `(x[t + 1] - x[t])^2`, where `pairs[t]` says that the two steps count.
    ///
    /// # Shapes
    /// `(batch, time, units)` to `(batch)`; `time` is one more than there are pairs.
    fn change<T: Tape<E, Self>>(
        &self,
        x: Tensor<(usize, usize, usize), E, Self, T>,
        pairs: Vec<bool>,
    ) -> Result<Tensor<(usize,), E, Self, T>, Self::Err> {
        composed::change(x, &pairs)
    }

    /// `factor` times the sum of a row.
    fn total<T: Tape<E, Self>>(
        &self,
        x: Tensor<(usize,), E, Self, T>,
        factor: E,
    ) -> Result<Tensor<Rank0, E, Self, T>, Self::Err> {
        composed::total(x, factor)
    }

    /// The sum of `(x - expected)^2`, each by its weight where there are any.
    fn squared_error<T: Tape<E, Self>>(
        &self,
        x: UnitResponses<E, Self, T>,
        expected: UnitResponses<E, Self>,
        weights: Option<UnitResponses<E, Self>>,
    ) -> Result<Tensor<Rank0, E, Self, T>, Self::Err> {
        composed::squared_error(x, expected, weights)
    }

    /// The sum of `x (1/2 - expected) + |x| / 2 + ln(1 + exp(-|x|))`, each by its weight where there are any: the binary
    /// cross-entropy of log-odds `x`.
    fn binary_cross_entropy<T: Tape<E, Self>>(
        &self,
        x: UnitResponses<E, Self, T>,
        expected: UnitResponses<E, Self>,
        weights: Option<UnitResponses<E, Self>>,
    ) -> Result<Tensor<Rank0, E, Self, T>, Self::Err> {
        composed::binary_cross_entropy(x, expected, weights)
    }
}

/// Responses of units, `(batch, time, units)`.
pub type UnitResponses<E, D, T = NoneTape> = Tensor<(usize, usize, usize), E, D, T>;

/// The composition.
pub(super) mod composed {
    use super::*;

    pub(in crate::kernels) fn cross_entropy<E: Element, D: Device<E>, T: Tape<E, D>>(
        x: Tensor<(usize, usize), E, D, T>,
        targets: &[RowTarget<E>],
    ) -> Result<Tensor<(usize,), E, D, T>, D::Err> {
        let (dev, rows) = (x.device().clone(), x.shape().0);
        let classes: Vec<usize> = targets.iter().map(|t| t.map_or(0, |(class, _)| class)).collect();
        let weights: Vec<E> = targets.iter().map(|t| t.map_or(E::zero(), |(_, weight)| weight)).collect();
        let counts: Vec<E> = targets.iter().map(|t| if t.is_some() { E::one() } else { E::zero() }).collect();
        let classes: Tensor<(usize,), usize, D> = dev.try_tensor_from_vec(classes, (rows,))?;
        let weights: Tensor<(usize,), E, D> = dev.try_tensor_from_vec(weights, (rows,))?;
        let counts: Tensor<(usize,), E, D> = dev.try_tensor_from_vec(counts, (rows,))?;
        let normalisers = x.with_empty_tape().try_logsumexp::<(usize,), Axis<1>>()?;
        let y = normalisers.try_sub(x.try_select(classes)?)?.try_mul(weights)?;
        // a product with zero would keep what is not finite
        let silent: Tensor<(usize,), E, D> = dev.try_zeros_like(&(rows,))?;
        counts.try_gt(E::zero())?.try_choose(y, silent)
    }

    pub(in crate::kernels) fn activity<E: Element, D: Device<E>, T: Tape<E, D>>(
        x: Tensor<(usize, usize), E, D, T>,
        measure: Measure,
    ) -> Result<Tensor<(usize,), E, D, T>, D::Err> {
        let p = match measure {
            Measure::Signed => return x.try_mean::<(usize,), Axis<1>>()?.try_abs(),
            Measure::Absolute(1.0) => return x.try_abs()?.try_mean::<(usize,), Axis<1>>(),
            Measure::Absolute(p) => p,
        };
        let powers = if p == 2.0 { x.try_square()? } else { x.try_abs()?.try_powf(p)? };
        let mean = powers.try_mean::<(usize,), Axis<1>>()?;
        // the root has no slope at 0: a silent row goes round it
        let dev = mean.device().clone();
        let (silent, one) = (dev.try_zeros_like(mean.shape())?, dev.try_ones_like(mean.shape())?);
        let active = mean.try_gt(E::zero())?;
        let root = active.clone().try_choose(mean, one)?.try_powf(1.0 / p)?;
        active.try_choose(root, silent)
    }

    pub(in crate::kernels) fn change<E: Element, D: Device<E>, T: Tape<E, D>>(
        x: Tensor<(usize, usize, usize), E, D, T>,
        pairs: &[bool],
    ) -> Result<Tensor<(usize,), E, D, T>, D::Err> {
        let dev = x.device().clone();
        let (batch, _, units) = *x.shape();
        if pairs.is_empty() {
            let (_, tape) = x.split_tape();
            return Ok(dev.try_zeros_like(&(batch,))?.put_tape(tape));
        }
        // not by slices: the backward operation of dfdx's slice overwrites the gradient on the CPU
        let steps = |from: usize| {
            let indices = (0..batch).flat_map(|_| from..from + pairs.len()).collect();
            dev.try_tensor_from_vec(indices, (batch, pairs.len()))
        };
        let now: Tensor<(usize, usize, usize), E, D, T> = x.with_empty_tape().try_gather(steps(0)?)?;
        let next: Tensor<(usize, usize, usize), E, D, T> = x.try_gather(steps(1)?)?;
        let counts: Vec<E> = pairs.iter().map(|&counts| if counts { E::one() } else { E::zero() }).collect();
        let counts: Tensor<(usize,), E, D> = dev.try_tensor_from_vec(counts, (pairs.len(),))?;
        let counts = counts.try_broadcast_like::<_, Axes2<0, 2>>(&(batch, pairs.len(), units))?;
        next.try_sub(now)?.try_square()?.try_mul(counts)?.try_sum::<(usize,), Axes2<1, 2>>()
    }

    pub(in crate::kernels) fn total<E: Element, D: Device<E>, T: Tape<E, D>>(
        x: Tensor<(usize,), E, D, T>,
        factor: E,
    ) -> Result<Tensor<Rank0, E, D, T>, D::Err> {
        x.try_sum::<Rank0, _>()?.try_mul(factor)
    }

    pub(in crate::kernels) fn squared_error<E: Element, D: Device<E>, T: Tape<E, D>>(
        x: UnitResponses<E, D, T>,
        expected: UnitResponses<E, D>,
        weights: Option<UnitResponses<E, D>>,
    ) -> Result<Tensor<Rank0, E, D, T>, D::Err> {
        summed(x.try_sub(expected)?.try_square()?, weights)
    }

    pub(in crate::kernels) fn binary_cross_entropy<E: Element, D: Device<E>, T: Tape<E, D>>(
        x: UnitResponses<E, D, T>,
        expected: UnitResponses<E, D>,
        weights: Option<UnitResponses<E, D>>,
    ) -> Result<Tensor<Rank0, E, D, T>, D::Err> {
        let half = E::one() / (E::one() + E::one());
        let from_half = expected.try_negate()?.try_add(half)?;
        let magnitude = x.with_empty_tape().try_abs()?;
        let rest = magnitude.with_empty_tape().try_negate()?.try_exp()?.try_add(E::one())?.try_ln()?;
        let halved = magnitude.try_mul(half)?;
        summed(x.try_mul(from_half)?.try_add(halved)?.try_add(rest)?, weights)
    }

    fn summed<E: Element, D: Device<E>, T: Tape<E, D>>(
        each: UnitResponses<E, D, T>,
        weights: Option<UnitResponses<E, D>>,
    ) -> Result<Tensor<Rank0, E, D, T>, D::Err> {
        let each = if let Some(weights) = weights { each.try_mul(weights)? } else { each };
        each.try_sum()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests;
