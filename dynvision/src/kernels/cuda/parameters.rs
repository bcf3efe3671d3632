//! Updates of parameters, and clipping of gradients. Adam and gradient descent are dfdx's kernels.

use super::raw::{self, Address, Module, PARTS, Threads, exact, fits, handle, launch};
use super::*;
use crate::kernels::optimizer::composed;
use cudarc::driver::{CudaDevice, DevicePtr};
use std::sync::Arc;

const PARAMETERS: Module = module!("parameters": "squares", "finish", "scale", "clamp", "normalise");

impl<E: Dtype> ParameterKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    fn rms_prop<S: Shape>(
        &self,
        step: &RmsPropStep,
        parameter: &mut Tensor<S, E, Self>,
        square: &mut Buffer<E, Self>,
        mean: &mut Buffer<E, Self>,
        velocity: &mut Buffer<E, Self>,
        gradient: &Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let n = raw::len::<E>(gradient);
        let RmsPropStep { lr, momentum, decoupled, alpha, eps, centered, l2 } = *step;
        let Some(at) = exact(parameter, n)? else { return Err(raw::refused()) };
        fits(n, &[raw::len::<E>(square)])?;
        // a mean that is not used may be of any length
        let middle = if centered {
            fits(n, &[raw::len::<E>(mean)])?;
            raw::write::<E>(mean)
        } else {
            0
        };
        let number = |x: f64| E::from_f64(x).unwrap_or_default();
        let mut normal: Buffer<E, Self> = Storage::<E>::try_alloc_len(self, n)?;
        let (of, to) = (raw::write::<E>(square), raw::write::<E>(&mut normal));
        // size n, T keep, T eps, T l2, int centered, const T* p, T* square, T* mean, const T* g, T* y
        let (keep, eps, l2, from) = (number(alpha), number(eps), number(l2), raw::read::<E>(gradient));
        let params = (n, keep, eps, l2, i32::from(centered), at, of, middle, from, to);
        launch(&handle(self)?, &PARAMETERS, named!("normalise", E), Threads::Each(n), params)?;
        let step = SgdStep { lr, momentum, decoupled, ..Default::default() };
        composed::sgd(&step, parameter, velocity, &normal)
    }

    fn sum_of_squares(&self, buffer: &Buffer<E, Self>) -> Result<f64, CudaError> {
        let (n, handle) = (raw::len::<E>(buffer), handle(self)?);
        let (parts, sum) = (handle.alloc_zeros::<f64>(PARTS)?, handle.alloc_zeros::<f64>(1)?);
        let (at, to) = (*parts.device_ptr(), *sum.device_ptr());
        // size n, const T* x, double* parts
        let params = (n, raw::read::<E>(buffer), at);
        launch(&handle, &PARAMETERS, named!("squares", E), Threads::Blocks(PARTS), params)?;
        finish(&handle, 1f64, 0.0, PARTS, at, to)?;
        Ok(handle.dtoh_sync_copy(&sum)?.first().copied().unwrap_or(f64::NAN))
    }

    fn scale(&self, buffer: &mut Buffer<E, Self>, factor: f64) -> Result<(), CudaError> {
        let n = raw::len::<E>(buffer);
        // size n, T factor, T* x
        let params = (n, E::from_f64(factor).unwrap_or_default(), raw::write::<E>(buffer));
        launch(&handle(self)?, &PARAMETERS, named!("scale", E), Threads::Each(n), params)
    }

    fn clamp(&self, buffer: &mut Buffer<E, Self>, limit: f64) -> Result<(), CudaError> {
        let n = raw::len::<E>(buffer);
        // size n, T limit, T* x
        let params = (n, E::from_f64(limit).unwrap_or_default(), raw::write::<E>(buffer));
        launch(&handle(self)?, &PARAMETERS, named!("clamp", E), Threads::Each(n), params)
    }
}

/// `to = scale * sum of n parts + keep * to`, for one number at `to`.
pub(super) fn finish<E: Unit>(
    handle: &Arc<CudaDevice>,
    scale: E,
    keep: E,
    n: usize,
    parts: Address,
    to: Address,
) -> Result<(), CudaError> {
    // size n, T scale, T keep, const T* parts, T* to
    launch(handle, &PARAMETERS, named!("finish", E), Threads::Blocks(1), (n, scale, keep, parts, to))
}
