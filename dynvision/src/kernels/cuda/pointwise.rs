//! Operations on each element by itself.

use super::raw::{self, Module, Threads, address, exact, fits, handle, launch, whole};
use super::*;

const POINTWISE: Module = module!(
    "pointwise": "add", "accumulate", "relu", "relu_backward", "gain", "gain_backward", "supralinear",
    "supralinear_backward",
);

impl<E: Element> PointwiseKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    fn add(&self, y: Maps<E, Self>, x: &Maps<E, Self>) -> Result<Maps<E, Self>, CudaError> {
        let (a, b, n) = (y.try_contiguous()?, whole(x)?, x.shape().num_elements());
        fits(n, &[a.shape().num_elements()])?;
        let y: Maps<E, Self> = self.try_zeros_like(a.shape())?;
        // size n, const T* a, const T* b, T* y
        let params = (n, address(&a)?, address(&b)?, address(&y)?);
        launch(&handle(self)?, &POINTWISE, named!("add", E), Threads::Each(n), params)?;
        Ok(y)
    }

    fn accumulate(&self, scale: E, from: &Buffer<E, Self>, into: &mut Buffer<E, Self>) -> Result<(), CudaError> {
        let n = raw::len::<E>(from);
        fits(n, &[raw::len::<E>(into)])?;
        accumulate(&handle(self)?, scale, n, raw::read::<E>(from), raw::write::<E>(into))
    }

    fn relu(&self, x: Maps<E, Self>) -> Result<Maps<E, Self>, CudaError> {
        let (x, n) = (whole(&x)?, x.shape().num_elements());
        let y: Maps<E, Self> = self.try_zeros_like(x.shape())?;
        // size n, const T* x, T* y
        let params = (n, address(&x)?, address(&y)?);
        launch(&handle(self)?, &POINTWISE, named!("relu", E), Threads::Each(n), params)?;
        Ok(y)
    }

    fn relu_backward(&self, y: &Maps<E, Self>, g: &mut Buffer<E, Self>) -> Result<(), CudaError> {
        let (y, n) = (whole(y)?, raw::len::<E>(g));
        fits(n, &[y.shape().num_elements()])?;
        // size n, const T* y, T* g
        let params = (n, address(&y)?, raw::write::<E>(g));
        launch(&handle(self)?, &POINTWISE, named!("relu_backward", E), Threads::Each(n), params)
    }

    fn gain(&self, x: &Maps<E, Self>, h: &Maps<E, Self>) -> Result<Maps<E, Self>, CudaError> {
        let (x, h, n) = (whole(x)?, whole(h)?, x.shape().num_elements());
        fits(n, &[h.shape().num_elements()])?;
        let y: Maps<E, Self> = self.try_zeros_like(x.shape())?;
        // size n, const T* x, const T* h, T* y
        let params = (n, address(&x)?, address(&h)?, address(&y)?);
        launch(&handle(self)?, &POINTWISE, named!("gain", E), Threads::Each(n), params)?;
        Ok(y)
    }

    fn gain_backward(
        &self,
        x: &Maps<E, Self>,
        h: &Maps<E, Self>,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
        gh: &mut Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let n = raw::len::<E>(gy);
        let (Some(at_x), Some(at_h)) = (exact(x, raw::len::<E>(gx))?, exact(h, raw::len::<E>(gh))?) else {
            return super::super::pointwise::composed::gain_backward(self, x, h, gy, gx, gh);
        };
        fits(n, &[raw::len::<E>(gx), raw::len::<E>(gh)])?;
        // size n, const T* x, const T* h, const T* gy, T* gx, T* gh
        let params = (n, at_x, at_h, raw::read::<E>(gy), raw::write::<E>(gx), raw::write::<E>(gh));
        launch(&handle(self)?, &POINTWISE, named!("gain_backward", E), Threads::Each(n), params)
    }

    fn supralinear(&self, k: E, n: E, x: &Maps<E, Self>) -> Result<Maps<E, Self>, CudaError> {
        let (x, len) = (whole(x)?, x.shape().num_elements());
        let y: Maps<E, Self> = self.try_zeros_like(x.shape())?;
        // size n, T k, T power, const T* x, T* y
        let params = (len, k, n, address(&x)?, address(&y)?);
        launch(&handle(self)?, &POINTWISE, named!("supralinear", E), Threads::Each(len), params)?;
        Ok(y)
    }

    fn supralinear_backward(
        &self,
        k: E,
        n: E,
        x: &Maps<E, Self>,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let len = raw::len::<E>(gy);
        let Some(at) = exact(x, raw::len::<E>(gx))? else {
            return super::super::pointwise::composed::supralinear_backward(self, k, n, x, gy, gx);
        };
        fits(len, &[raw::len::<E>(gx)])?;
        // size n, T k, T power, const T* x, const T* gy, T* gx
        let params = (len, k, n, at, raw::read::<E>(gy), raw::write::<E>(gx));
        launch(&handle(self)?, &POINTWISE, named!("supralinear_backward", E), Threads::Each(len), params)
    }
}

/// `into += scale * from`, for `n` elements at each address.
pub(super) fn accumulate<E: Element>(
    handle: &std::sync::Arc<cudarc::driver::CudaDevice>,
    scale: E,
    n: usize,
    from: raw::Address,
    into: raw::Address,
) -> Result<(), CudaError> {
    // size n, T scale, const T* from, T* into
    launch(handle, &POINTWISE, named!("accumulate", E), Threads::Each(n), (n, scale, from, into))
}
