//! What optimizers and clipping ask of a device.

use dfdx::prelude::{Dtype, Shape, Storage, Tensor};

pub use crate::kernels::cpu::optimizer::{AdamStep, SgdStep};

/// What optimizers and clipping ask of a device. Parameters are contiguous, and their buffers as long as they are.
pub trait ParameterKernel<E: Dtype>: Storage<E> {
    /// One update by Adam of a parameter and its two moments.
    ///
    /// # Errors
    /// Those of the device, here and below.
    fn adam<S: Shape>(
        &self,
        step: &AdamStep,
        parameter: &mut Tensor<S, E, Self>,
        first: &mut Self::Vec,
        second: &mut Self::Vec,
        gradient: &Self::Vec,
    ) -> Result<(), Self::Err>;

    /// One update by gradient descent of a parameter and its velocity.
    fn sgd<S: Shape>(
        &self,
        step: &SgdStep,
        parameter: &mut Tensor<S, E, Self>,
        velocity: &mut Self::Vec,
        gradient: &Self::Vec,
    ) -> Result<(), Self::Err>;

    /// The sum of the squares of a buffer, the same on any number of threads.
    fn sum_of_squares(&self, buffer: &Self::Vec) -> Result<f64, Self::Err>;

    /// Multiplies a buffer.
    fn scale(&self, buffer: &mut Self::Vec, factor: f64) -> Result<(), Self::Err>;

    /// Limits a buffer's elements to `-limit` to `limit`.
    fn clamp(&self, buffer: &mut Self::Vec, limit: f64) -> Result<(), Self::Err>;

    /// The elements of a buffer.
    fn read(&self, buffer: &Self::Vec) -> Result<Vec<E>, Self::Err>;

    /// A buffer of the given elements.
    fn buffer(&self, elements: &[E]) -> Result<Self::Vec, Self::Err>;
}
