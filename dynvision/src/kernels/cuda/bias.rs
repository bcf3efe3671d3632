//! Biases in a repeating pattern.

use super::raw::{self, Address, Module, Threads, address, handle, launch, refused, whole};
use super::*;

const BIAS: Module = module!("bias": "bias", "bias_backward");

/// Whether `n` elements are whole repetitions of `len` runs of `run`.
fn repeats(n: usize, len: usize, run: usize) -> Result<(), CudaError> {
    let period = len.checked_mul(run).filter(|&period| period > 0);
    if n == 0 || period.is_some_and(|period| n.is_multiple_of(period)) { Ok(()) } else { Err(refused()) }
}

impl<E: Element> BiasKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    fn add_bias(
        &self,
        y: Maps<E, Self>,
        bias: &Tensor<(usize,), E, Self>,
        run: usize,
    ) -> Result<Maps<E, Self>, CudaError> {
        let (y, bias, n, len) = (whole(&y)?, whole(bias)?, y.shape().num_elements(), bias.shape().0);
        repeats(n, len, run)?;
        let z: Maps<E, Self> = self.try_zeros_like(y.shape())?;
        // size n, size len, size run, const T* y, const T* bias, T* z
        let params = (n, len, run, address(&y)?, address(&bias)?, address(&z)?);
        launch(&handle(self)?, &BIAS, named!("bias", E), Threads::Each(n), params)?;
        Ok(z)
    }

    fn add_bias_backward(
        &self,
        len: usize,
        run: usize,
        _: super::super::Sizes,
        gy: &Buffer<E, Self>,
        gb: &mut Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        raw::fits(len, &[raw::len::<E>(gb)])?;
        backward::<E>(self, raw::len::<E>(gy), len, run, raw::read::<E>(gy), raw::write::<E>(gb))
    }
}

/// Adds the gradient of a bias of `len` elements at `gb`, where that of the result has `n` at `gy`.
pub(super) fn backward<E: Element>(
    dev: &Cuda,
    n: usize,
    len: usize,
    run: usize,
    gy: Address,
    gb: Address,
) -> Result<(), CudaError> {
    repeats(n, len, run)?;
    if n == 0 {
        return Ok(());
    }
    // size n, size len, size run, const T* gy, T* gb
    launch(&handle(dev)?, &BIAS, named!("bias_backward", E), Threads::Blocks(len), (n, len, run, gy, gb))
}
