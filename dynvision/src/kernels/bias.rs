//! Biases in a repeating pattern: what a device must be able to do, composed of dfdx's operations where it has no kernel of its own.

use super::{Buffer, Element, Maps, Sizes};
use dfdx::prelude::*;

/// A vector added to maps in a repeating pattern.
pub trait BiasKernel<E: Element>: Device<E> {
    /// Adds `bias[i / run % len]` to element `i` of `y`, in memory order, where `len` is the length of `bias`.
    fn add_bias(
        &self,
        y: Maps<E, Self>,
        bias: &Tensor<(usize,), E, Self>,
        run: usize,
    ) -> Result<Maps<E, Self>, Self::Err> {
        composed::add_bias(self, y, bias, run)
    }
    /// Adds the gradient of a bias of `len` elements to `gb`; `y` are the sizes of `gy`.
    fn add_bias_backward(
        &self,
        len: usize,
        run: usize,
        y: Sizes,
        gy: &Buffer<E, Self>,
        gb: &mut Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::add_bias_backward(self, len, run, y, gy, gb)
    }
}

/// The composition.
#[allow(missing_docs, reason = "each is the default of the method of its name")]
pub(super) mod composed {
    use super::*;
    use crate::kernels::composition::adjoint;

    /// `y[i] + bias[i / run % len]`.
    fn biased<E: Element, D: Device<E>, T: Tape<E, D>>(
        bias: Tensor<(usize,), E, D, T>,
        run: usize,
        y: Maps<E, D>,
    ) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
        let (to, len) = (*y.shape(), bias.shape().0);
        let pattern = (to.num_elements() / (len * run), len, run);
        let bias = bias.try_broadcast_like::<_, Axes2<0, 2>>(&pattern)?;
        bias.try_add(y.try_reshape_like(&pattern)?)?.try_reshape_like(&to)
    }

    pub fn add_bias<E: Element, D: Device<E>>(
        _: &D,
        y: Maps<E, D>,
        bias: &Tensor<(usize,), E, D>,
        run: usize,
    ) -> Result<Maps<E, D>, D::Err> {
        biased(bias.clone(), run, y)
    }

    pub fn add_bias_backward<E: Element, D: Device<E>>(
        dev: &D,
        len: usize,
        run: usize,
        y: Sizes,
        gy: &Buffer<E, D>,
        gb: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        let y = dev.try_zeros_like(&y)?;
        adjoint([(&dev.try_zeros_like(&(len,))?, gb)], gy.clone(), |[bias]| biased(bias, run, y))
    }
}
