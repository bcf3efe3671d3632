//! Units picked from maps: what a device must be able to do, composed of dfdx's operations where it has no kernel of its own.

use super::{Buffer, Element, Maps, Sizes};
use dfdx::prelude::*;

/// Units picked from a map: a permutation, a mirrored border, a crop.
pub trait GatherKernel<E: Element>: Device<E> {
    /// Unit `u` of each sample of the result, of sizes `y`, is unit `index[u]` of that sample of `x`. Units are counted as
    /// they lie in memory: channels, rows, columns.
    fn gather(&self, index: &[u32], x: &Maps<E, Self>, y: Sizes) -> Result<Maps<E, Self>, Self::Err> {
        composed::gather(self, index, x, y)
    }
    /// Adds the gradient of every unit of the result to that of the unit it was picked from.
    fn gather_backward(
        &self,
        index: &[u32],
        x: Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), Self::Err> {
        composed::gather_backward(self, index, x, gy, gx)
    }
}

/// The composition.
#[allow(missing_docs, reason = "each is the default of the method of its name")]
pub(super) mod composed {
    use super::*;
    use crate::kernels::composition::{adjoint, sample};

    /// Each sample as one plane, from which units are picked.
    fn picked<E: Element, D: Device<E>, T: Tape<E, D>>(
        index: &[u32],
        x: Tensor<Sizes, E, D, T>,
    ) -> Result<Tensor<(usize, usize), E, D, T>, D::Err> {
        let (b, c, h, w) = *x.shape();
        let from = index.iter().map(|&unit| Some(unit as usize)).collect();
        sample(x.try_reshape_like(&(b, 1, c * h * w, 1))?, E::default(), from)
    }

    pub fn gather<E: Element, D: Device<E>>(
        _: &D,
        index: &[u32],
        x: &Maps<E, D>,
        y: Sizes,
    ) -> Result<Maps<E, D>, D::Err> {
        picked(index, x.clone())?.try_reshape_like(&y)
    }

    pub fn gather_backward<E: Element, D: Device<E>>(
        dev: &D,
        index: &[u32],
        x: Sizes,
        gy: &Buffer<E, D>,
        gx: &mut Buffer<E, D>,
    ) -> Result<(), D::Err> {
        adjoint([(&dev.try_zeros_like(&x)?, gx)], gy.clone(), |[x]| picked(index, x))
    }
}
