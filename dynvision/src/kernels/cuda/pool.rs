//! Pooling.

use super::raw::{self, Module, Sizes, Threads, address, exact, fits, handle, launch, refused, whole};
use super::*;
use crate::geometry::Window;
use cudarc::driver::{CudaSlice, DevicePtr, DeviceSlice};

const POOL: Module = module!(
    "pool": "max_pool", "max_pool_backward", "avg_pool", "avg_pool_backward", "global_avg", "global_avg_backward",
);

/// The tap that each output was taken from.
#[derive(Default)]
pub struct Chosen(Option<CudaSlice<u32>>);

/// The sizes that the kernels take: `h, w, rows, columns, kernel, stride, padding, dilation`.
fn sizes(window: Window, (_, _, h, w): super::super::Sizes, (_, _, rows, columns): super::super::Sizes) -> Sizes<8> {
    let Window { kernel, stride, padding, dilation, .. } = window;
    Sizes([h, w, rows, columns, kernel, stride, padding, dilation].map(|size| size as u64))
}

fn made(window: Window, (b, c, h, w): super::super::Sizes) -> super::super::Sizes {
    (b, c, window.output_len(h), window.output_len(w))
}

impl<E: Element> PoolKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    type Chosen = Chosen;

    fn max_pool2d(
        &self,
        window: Window,
        x: &Maps<E, Self>,
        keep: bool,
        _: Option<Maps<E, Self>>,
    ) -> Result<(Maps<E, Self>, Option<Self::Chosen>), CudaError> {
        let (from, x, handle) = (*x.shape(), whole(x)?, handle(self)?);
        let y: Maps<E, Self> = self.try_zeros_like(&made(window, from))?;
        let n = y.shape().num_elements();
        let chosen = if keep { Some(handle.alloc_zeros::<u32>(n)?) } else { None };
        let taps = chosen.as_ref().map_or(0, |chosen| *chosen.device_ptr());
        // size n, Sizes s, const T* x, T* y, unsigned* chosen
        let params = (n, sizes(window, from, *y.shape()), address(&x)?, address(&y)?, taps);
        launch(&handle, &POOL, named!("max_pool", E), Threads::Each(n), params)?;
        Ok((y, chosen.map(|chosen| Chosen(Some(chosen)))))
    }

    fn max_pool2d_backward(
        &self,
        window: Window,
        x: &Maps<E, Self>,
        chosen: &Self::Chosen,
        y: super::super::Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let (from, n) = (*x.shape(), x.shape().num_elements());
        let is_whole = exact(x, raw::len::<E>(gx))?.is_some();
        let Some(chosen) = chosen.0.as_ref().filter(|_| is_whole) else {
            return super::super::pool::composed::max_pool2d_backward(self, window, x, gy, gx);
        };
        if y != made(window, from) {
            return Err(refused());
        }
        fits(y.num_elements(), &[raw::len::<E>(gy), DeviceSlice::len(chosen)])?;
        // size n, Sizes s, const unsigned* chosen, const T* gy, T* gx
        let params = (n, sizes(window, from, y), *chosen.device_ptr(), raw::read::<E>(gy), raw::write::<E>(gx));
        launch(&handle(self)?, &POOL, named!("max_pool_backward", E), Threads::Each(n), params)
    }

    fn avg_pool2d(&self, window: Window, x: &Maps<E, Self>) -> Result<Maps<E, Self>, CudaError> {
        let (from, x) = (*x.shape(), whole(x)?);
        let y: Maps<E, Self> = self.try_zeros_like(&made(window, from))?;
        let n = y.shape().num_elements();
        // size n, Sizes s, const T* x, T* y
        let params = (n, sizes(window, from, *y.shape()), address(&x)?, address(&y)?);
        launch(&handle(self)?, &POOL, named!("avg_pool", E), Threads::Each(n), params)?;
        Ok(y)
    }

    fn avg_pool2d_backward(
        &self,
        window: Window,
        x: super::super::Sizes,
        y: super::super::Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let n = x.num_elements();
        if y != made(window, x) {
            return Err(refused());
        }
        fits(n, &[raw::len::<E>(gx)])?;
        fits(y.num_elements(), &[raw::len::<E>(gy)])?;
        // size n, Sizes s, const T* gy, T* gx
        let params = (n, sizes(window, x, y), raw::read::<E>(gy), raw::write::<E>(gx));
        launch(&handle(self)?, &POOL, named!("avg_pool_backward", E), Threads::Each(n), params)
    }

    fn global_avg(&self, x: &Maps<E, Self>) -> Result<Tensor<(usize, usize), E, Self>, CudaError> {
        let ((b, c, h, w), x) = (*x.shape(), whole(x)?);
        let y: Tensor<(usize, usize), E, Self> = self.try_zeros_like(&(b, c))?;
        // size units, const T* x, T* y
        let params = (h * w, address(&x)?, address(&y)?);
        launch(&handle(self)?, &POOL, named!("global_avg", E), Threads::Blocks(b * c), params)?;
        Ok(y)
    }

    fn global_avg_backward(
        &self,
        x: super::super::Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let (n, units) = (x.num_elements(), x.2 * x.3);
        fits(n, &[raw::len::<E>(gx)])?;
        fits(x.0 * x.1, &[raw::len::<E>(gy)])?;
        // size n, size units, const T* gy, T* gx
        let params = (n, units, raw::read::<E>(gy), raw::write::<E>(gx));
        launch(&handle(self)?, &POOL, named!("global_avg_backward", E), Threads::Each(n), params)
    }
}
