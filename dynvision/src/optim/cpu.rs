//! The kernels of parameters on the CPU: one pass over each, split over threads by its length alone.

use super::{AdamStep, ParameterKernel, SgdStep};
use crate::kernels::cpu::parallel;
use crate::kernels::{Element, view_mut};
use dfdx::prelude::{Cpu, CpuError, Shape, Storage, Tensor};

/// Elements of one task. A parameter that is no longer is updated where the call is made: to hand it to another thread
/// takes longer.
const CHUNK: usize = 32 * 1024;

impl<E: Element> ParameterKernel<E> for Cpu {
    fn adam<S: Shape>(
        &self,
        step: &AdamStep,
        parameter: &mut Tensor<S, E, Self>,
        first: &mut Self::Vec,
        second: &mut Self::Vec,
        gradient: &Self::Vec,
    ) -> Result<(), CpuError> {
        let factors = AdamFactors::new(step);
        let parameter = view_mut(parameter);
        let threads = parameter.len() > CHUNK;
        let moments = first.chunks_mut(CHUNK).zip(second.chunks_mut(CHUNK));
        let chunks = parameter.chunks_mut(CHUNK).zip(moments).zip(gradient.chunks(CHUNK));
        parallel::each(chunks, threads, |((parameter, (first, second)), gradient)| {
            factors.apply(parameter, first, second, gradient);
        });
        Ok(())
    }

    fn sgd<S: Shape>(
        &self,
        step: &SgdStep,
        parameter: &mut Tensor<S, E, Self>,
        velocity: &mut Self::Vec,
        gradient: &Self::Vec,
    ) -> Result<(), CpuError> {
        let factors = SgdFactors::new(step);
        let parameter = view_mut(parameter);
        let threads = parameter.len() > CHUNK;
        let chunks = parameter.chunks_mut(CHUNK).zip(velocity.chunks_mut(CHUNK)).zip(gradient.chunks(CHUNK));
        parallel::each(chunks, threads, |((parameter, velocity), gradient)| {
            factors.apply(parameter, velocity, gradient);
        });
        Ok(())
    }

    fn sum_of_squares(&self, buffer: &Self::Vec) -> Result<f64, CpuError> {
        let chunk = |i: usize| sum_of_squares(&buffer[i * CHUNK..buffer.len().min((i + 1) * CHUNK)]);
        Ok(parallel::map(buffer.len().div_ceil(CHUNK), true, chunk).iter().sum())
    }

    fn scale(&self, buffer: &mut Self::Vec, factor: f64) -> Result<(), CpuError> {
        let factor = E::narrow(factor);
        each(buffer, |x| x * factor);
        Ok(())
    }

    fn clamp(&self, buffer: &mut Self::Vec, limit: f64) -> Result<(), CpuError> {
        let limit = E::narrow(limit);
        // Comparisons leave what is no number as it is.
        each(buffer, |x| {
            if x > limit {
                limit
            } else if x < -limit {
                -limit
            } else {
                x
            }
        });
        Ok(())
    }

    fn read(&self, buffer: &Self::Vec) -> Result<Vec<E>, CpuError> {
        Ok(buffer.to_vec())
    }

    fn buffer(&self, elements: &[E]) -> Result<Self::Vec, CpuError> {
        let mut buffer = Storage::<E>::try_alloc_len(self, elements.len())?;
        buffer.copy_from_slice(elements);
        Ok(buffer)
    }
}

/// Changes each element by itself.
fn each<E: Element>(buffer: &mut [E], change: impl Fn(E) -> E + Sync) {
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

impl<E: Element> AdamFactors<E> {
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

impl<E: Element> SgdFactors<E> {
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
fn sum_of_squares<E: Element>(chunk: &[E]) -> f64 {
    let mut sums = [0.0; 8];
    let (eights, rest) = chunk.as_chunks::<8>();
    for eight in eights {
        for (sum, x) in sums.iter_mut().zip(eight) {
            *sum += x.wide() * x.wide();
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|x| x.wide() * x.wide()).sum::<f64>()
}
