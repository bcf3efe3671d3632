//! The kernels of parameters on the CPU.

use super::{AdamStep, ParameterKernel, SgdStep};
use crate::kernels::cpu::optimizer;
use crate::kernels::{Element, view_mut};
use dfdx::prelude::{Cpu, CpuError, Shape, Storage, Tensor};

impl<E: Element> ParameterKernel<E> for Cpu {
    fn adam<S: Shape>(
        &self,
        step: &AdamStep,
        parameter: &mut Tensor<S, E, Self>,
        first: &mut Self::Vec,
        second: &mut Self::Vec,
        gradient: &Self::Vec,
    ) -> Result<(), CpuError> {
        optimizer::adam(step, view_mut(parameter), first, second, gradient);
        Ok(())
    }

    fn sgd<S: Shape>(
        &self,
        step: &SgdStep,
        parameter: &mut Tensor<S, E, Self>,
        velocity: &mut Self::Vec,
        gradient: &Self::Vec,
    ) -> Result<(), CpuError> {
        optimizer::sgd(step, view_mut(parameter), velocity, gradient);
        Ok(())
    }

    fn sum_of_squares(&self, buffer: &Self::Vec) -> Result<f64, CpuError> {
        Ok(optimizer::sum_of_squares(buffer))
    }

    fn scale(&self, buffer: &mut Self::Vec, factor: f64) -> Result<(), CpuError> {
        optimizer::scale(buffer, factor);
        Ok(())
    }

    fn clamp(&self, buffer: &mut Self::Vec, limit: f64) -> Result<(), CpuError> {
        optimizer::clamp(buffer, limit);
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
