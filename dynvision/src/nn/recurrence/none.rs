//! No recurrence.

use super::Recurrence;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::nn::{Empty, MapOf};
use dfdx::nn::TensorCollection;
use dfdx::prelude::{ConstDim, Device, Dim, Dtype, HasShape, Shape, Tape};

/// No recurrence.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRecurrence;

#[diagnostic::do_not_recommend]
impl Recurrence for NoRecurrence {
    const CONNECTED: bool = false;
    type Built<I: ConstDim, O: ConstDim, K: ConstDim, E: Dtype, D: Device<E>> = Empty;

    fn converted<I: ConstDim, O: ConstDim, K: ConstDim, E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
        it: <Empty as TensorCollection<E, D>>::To<E2, D2>,
    ) -> Empty {
        it
    }

    /// Zeros; a layer does not ask, since nothing is connected.
    fn drive<I: ConstDim, O: ConstDim, K: ConstDim, B: Dim, H: Dim, W: Dim, E, D, T>(
        _: &Empty,
        h: &MapOf<B, I, H, W, E, D>,
        _: &mut Cx<T>,
    ) -> Result<MapOf<B, O, H, W, E, D>>
    where
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        let [b, _, rows, columns] = h.shape().concrete();
        let sizes = [b, O::SIZE, rows, columns];
        let shape = <(B, O, H, W)>::from_concrete(&sizes).ok_or_else(|| Error::shape("recurrence", &sizes, &sizes))?;
        h.device().try_zeros_like(&shape).map_err(Error::device)
    }
}
