//! Gradients that are taken out of their place, so that what stands there can be written meanwhile.

use super::Buffer;
use dfdx::prelude::{Device, Dtype, Storage};
use std::mem;

/// Takes a gradient out of its place, and leaves an empty one there: several can then be written at once.
pub(crate) fn take_grad<E: Dtype, D: Device<E>>(device: &D, grad: &mut Buffer<E, D>) -> Result<Buffer<E, D>, D::Err> {
    Ok(mem::replace(grad, Storage::<E>::try_alloc_len(device, 0)?))
}

/// Takes a gradient as [`take_grad`] does, and leaves zeros there: what is passed back can then be added where the gradient of the result stood.
pub(super) fn take_grad_for_zeros<E: Dtype, D: Device<E>>(
    device: &D,
    grad: &mut Buffer<E, D>,
) -> Result<Buffer<E, D>, D::Err> {
    let len = Storage::<E>::len(device, grad);
    Ok(mem::replace(grad, Storage::<E>::try_alloc_len(device, len)?))
}
