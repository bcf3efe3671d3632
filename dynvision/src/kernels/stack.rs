//! Steps stacked to a time axis: what a device must be able to do, composed of dfdx's operations where it has no kernel of its own.

use super::{Buffer, Element, Vector};
use dfdx::prelude::*;

/// Steps to a time axis and back.
pub trait StackKernel<E: Element>: Device<E> {
    /// The elements of several tensors, each in its order, in one copy to the host where the device can.
    ///
    /// # Errors
    /// Those of the device, here and below.
    fn fetch(&self, tensors: &[Vector<E, Self>]) -> Result<Vec<Vec<E>>, Self::Err> {
        Ok(tensors.iter().map(|tensor| tensor.as_vec()).collect())
    }

    /// Whether the host has to wait until what it fetches is computed; not on the CPU, where nothing is computed later.
    fn fetching_waits(&self) -> bool {
        false
    }

    /// Steps of `(batch, len)` to `(batch, first + steps, len)`; what is before `first` is zero. `steps` are given with
    /// their numbers of elements, `batch * len` each.
    fn stack_time<X: Shape, Y: Shape>(
        &self,
        first: usize,
        steps: &[Tensor<X, E, Self>],
        y: Y,
    ) -> Result<Tensor<Y, E, Self>, Self::Err> {
        composed::stack_time(self, first, steps, y)
    }
    /// Adds step `step` of a gradient of `sizes` `(batch, time, len)` to one of `(batch, len)`.
    fn unstack_time(
        &self,
        sizes: [usize; 3],
        step: usize,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::unstack_time(self, sizes, step, gy, gx)
    }
}

/// The composition.
#[allow(missing_docs, reason = "each is the default of the method of its name")]
pub(super) mod composed {
    use super::*;
    use crate::kernels::composition::{adjoint, sample};

    pub fn stack_time<X: Shape, Y: Shape, E: Element, D: Device<E>>(
        dev: &D,
        first: usize,
        steps: &[Tensor<X, E, D>],
        y: Y,
    ) -> Result<Tensor<Y, E, D>, D::Err> {
        let batch = y.concrete()[0];
        let len = steps.first().map_or(0, |x| x.shape().num_elements() / batch.max(1));
        let before: Tensor<(usize, usize), E, D> = dev.try_zeros_like(&(batch, len))?;
        let mut all = vec![before; first];
        for step in steps {
            all.push(step.clone().try_reshape_like(&(batch, len))?);
        }
        all.try_stack()?.try_permute::<_, Axes3<1, 0, 2>>()?.try_reshape_like(&y)
    }

    pub fn unstack_time<E: Element, D: Device<E>>(
        dev: &D,
        [batch, time, len]: [usize; 3],
        step: usize,
        gy: &Buffer<E, D>,
        gx: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        // a step among zeros is that step of the stack, and so is its gradient
        let from = (0..time * len).map(|at| (at / len == step).then_some(at % len)).collect();
        adjoint([(&dev.try_zeros_like(&(batch, 1, len, 1))?, gx)], gy.clone(), |[x]| sample(x, E::default(), from))
    }
}
