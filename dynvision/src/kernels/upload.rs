//! Numbers of the host to tensors.

use dfdx::prelude::*;

/// Makes tensors of numbers of the host.
pub trait Upload<E: Dtype>: ZerosTensor<E> + CopySlice<E> {
    /// A tensor of these numbers, of which there are as many as the shape has. Where the device can, nothing waits for it.
    ///
    /// # Errors
    /// Those of the device.
    fn upload<S: Shape>(&self, shape: S, values: &[E]) -> Result<Tensor<S, E, Self>, Self::Err> {
        // filled, and not made of a vector, so that the device's cache can reuse its memory
        let mut tensor = self.try_zeros_like(&shape)?;
        tensor.copy_from(values);
        Ok(tensor)
    }
}

impl<E: Dtype> Upload<E> for Cpu {}

#[cfg(feature = "cuda")]
impl<E: Dtype> Upload<E> for Cuda {
    /// dfdx waits for what it copies into a tensor, and not for a vector that the tensor keeps.
    fn upload<S: Shape>(&self, shape: S, values: &[E]) -> Result<Tensor<S, E, Self>, Self::Err> {
        self.try_tensor_from_vec(values.to_vec(), shape)
    }
}
