//! Updates of parameters and clipping of gradients: one pass over each, split over threads by its length alone.

use super::{Scalar, parallel};

/// Elements of one task. A parameter that is no longer is updated where the call is made: to hand it to another thread
/// takes longer.
const CHUNK: usize = 32 * 1024;

/// The settings of one update by Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// The number of the update, from 1.
    pub number: u64,
    /// Learning rate.
    pub lr: f64,
    /// How much of the two moments is kept.
    pub betas: [f64; 2],
    /// What keeps the denominator from zero.
    pub eps: f64,
    /// Weight decay by the gradient.
    pub l2: f64,
    /// Weight decay beside the step.
    pub decoupled: f64,
}

/// The settings of one update by stochastic gradient descent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SgdStep {
    /// Learning rate.
    pub lr: f64,
    /// How much of the velocity is kept; at 0 it is neither read nor written.
    pub momentum: f64,
    /// Whether the step looks one step ahead.
    pub nesterov: bool,
    /// Weight decay by the gradient.
    pub l2: f64,
    /// Weight decay beside the step.
    pub decoupled: f64,
}

/// Updates `parameter` and its two moments by Adam.
pub(crate) fn adam<E: Scalar>(step: &AdamStep, parameter: &mut [E], first: &mut [E], second: &mut [E], gradient: &[E]) {
    let len = parameter.len();
    assert!(first.len() == len && second.len() == len && gradient.len() == len, "adam: lengths");
    let factors = AdamFactors::new(step);
    let moments = first.chunks_mut(CHUNK).zip(second.chunks_mut(CHUNK));
    let chunks = parameter.chunks_mut(CHUNK).zip(moments).zip(gradient.chunks(CHUNK));
    parallel::each(chunks, len > CHUNK, |((parameter, (first, second)), gradient)| {
        factors.apply(parameter, first, second, gradient);
    });
}

/// Updates `parameter` and its velocity by gradient descent.
pub(crate) fn sgd<E: Scalar>(step: &SgdStep, parameter: &mut [E], velocity: &mut [E], gradient: &[E]) {
    let len = parameter.len();
    assert!(velocity.len() == len && gradient.len() == len, "sgd: lengths");
    let factors = SgdFactors::new(step);
    let chunks = parameter.chunks_mut(CHUNK).zip(velocity.chunks_mut(CHUNK)).zip(gradient.chunks(CHUNK));
    parallel::each(chunks, len > CHUNK, |((parameter, velocity), gradient)| {
        factors.apply(parameter, velocity, gradient);
    });
}

/// Returns the sum of the squares, the same on any number of threads.
pub(crate) fn sum_of_squares<E: Scalar>(values: &[E]) -> f64 {
    let chunk = |i: usize| sum_of_chunk(&values[i * CHUNK..values.len().min((i + 1) * CHUNK)]);
    parallel::map(values.len().div_ceil(CHUNK), true, chunk).iter().sum()
}

/// Multiplies every value by `factor`.
pub(crate) fn scale<E: Scalar>(values: &mut [E], factor: f64) {
    let factor = E::narrow(factor);
    each(values, |x| x * factor);
}

/// Limits every value to `-limit` to `limit`; NaN stays NaN.
pub(crate) fn clamp<E: Scalar>(values: &mut [E], limit: f64) {
    let limit = E::narrow(limit);
    each(values, |x| {
        if x > limit {
            limit
        } else if x < -limit {
            -limit
        } else {
            x
        }
    });
}

/// Changes each element by itself.
fn each<E: Scalar>(buffer: &mut [E], change: impl Fn(E) -> E + Sync) {
    let all = |chunk: &mut [E]| chunk.iter_mut().for_each(|x| *x = change(*x));
    let threads = buffer.len() > CHUNK;
    parallel::each(buffer.chunks_mut(CHUNK), threads, all);
}

/// What is the same for all elements, reckoned in `f64` once.
struct AdamFactors<E> {
    l2: E,
    keep: [E; 2],
    take: [E; 2],
    /// `lr / (1 - beta1^t)`.
    rate: E,
    /// `1 / sqrt(1 - beta2^t)`.
    correction: E,
    eps: E,
    /// `1 - lr wd`: 1, which changes nothing, without decay.
    left: E,
}

impl<E: Scalar> AdamFactors<E> {
    fn new(step: &AdamStep) -> Self {
        let [beta1, beta2] = step.betas;
        let seen = |beta: f64| 1.0 - beta.powf(step.number as f64);
        AdamFactors {
            l2: E::narrow(step.l2),
            keep: [E::narrow(beta1), E::narrow(beta2)],
            take: [E::narrow(1.0 - beta1), E::narrow(1.0 - beta2)],
            rate: E::narrow(step.lr / seen(beta1)),
            correction: E::narrow(1.0 / seen(beta2).sqrt()),
            eps: E::narrow(step.eps),
            left: E::narrow(1.0 - step.lr * step.decoupled),
        }
    }

    fn apply(&self, parameter: &mut [E], first: &mut [E], second: &mut [E], gradient: &[E]) {
        for (((p, m), v), g) in parameter.iter_mut().zip(first).zip(second).zip(gradient) {
            let g = *g + self.l2 * *p;
            *m = self.keep[0] * *m + self.take[0] * g;
            *v = self.keep[1] * *v + self.take[1] * (g * g);
            *p = self.left * *p - self.rate * *m / (v.sqrt() * self.correction + self.eps);
        }
    }
}

/// What is the same for all elements.
struct SgdFactors<E> {
    l2: E,
    momentum: E,
    nesterov: bool,
    lr: E,
    /// `1 - lr wd`.
    left: E,
}

impl<E: Scalar> SgdFactors<E> {
    fn new(step: &SgdStep) -> Self {
        SgdFactors {
            l2: E::narrow(step.l2),
            momentum: E::narrow(step.momentum),
            nesterov: step.nesterov,
            lr: E::narrow(step.lr),
            left: E::narrow(1.0 - step.lr * step.decoupled),
        }
    }

    fn apply(&self, parameter: &mut [E], velocity: &mut [E], gradient: &[E]) {
        let all = parameter.iter_mut().zip(velocity).zip(gradient);
        if self.momentum == E::zero() {
            all.for_each(|((p, _), g)| self.take(p, *g + self.l2 * *p));
        } else if self.nesterov {
            all.for_each(|((p, v), g)| {
                let g = *g + self.l2 * *p;
                *v = self.momentum * *v + g;
                self.take(p, g + self.momentum * *v);
            });
        } else {
            all.for_each(|((p, v), g)| {
                *v = self.momentum * *v + (*g + self.l2 * *p);
                self.take(p, *v);
            });
        }
    }

    fn take(&self, parameter: &mut E, step: E) {
        *parameter = self.left * *parameter - self.lr * step;
    }
}

/// Eight sums side by side, so that they can be vectorised, always in the same order.
fn sum_of_chunk<E: Scalar>(chunk: &[E]) -> f64 {
    let mut sums = [0.0; 8];
    let (eights, rest) = chunk.as_chunks::<8>();
    for eight in eights {
        for (sum, x) in sums.iter_mut().zip(eight) {
            *sum += x.wide() * x.wide();
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|x| x.wide() * x.wide()).sum::<f64>()
}
