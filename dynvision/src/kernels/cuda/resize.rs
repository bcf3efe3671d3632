//! Nearest-neighbour resizing.

use super::raw::{self, Module, Threads, address, fits, handle, launch, refused, whole};
use super::*;

const RESIZE: Module = module!("resize": "resize", "resize_backward");

impl<E: Element> ResizeKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    fn resize(
        &self,
        x: &Maps<E, Self>,
        height: usize,
        width: usize,
        onto: Option<Maps<E, Self>>,
    ) -> Result<Maps<E, Self>, CudaError> {
        let ((b, c, h, w), x) = (*x.shape(), whole(x)?);
        let y: Maps<E, Self> = self.try_zeros_like(&(b, c, height, width))?;
        let n = y.shape().num_elements();
        if n > 0 && h * w == 0 {
            return Err(refused());
        }
        let onto = onto.as_ref().map(whole).transpose()?;
        fits(n, &onto.iter().map(|onto| onto.shape().num_elements()).collect::<Vec<_>>())?;
        let base = onto.as_ref().map(address).transpose()?.unwrap_or(0);
        // size n, size h, size w, size rows, size columns, const T* x, const T* onto, T* y
        let params = (n, h, w, height, width, address(&x)?, base, address(&y)?);
        launch(&handle(self)?, &RESIZE, named!("resize", E), Threads::Each(n), params)?;
        Ok(y)
    }

    fn resize_backward(
        &self,
        x: super::super::Sizes,
        y: super::super::Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let n = x.num_elements();
        fits(n, &[raw::len::<E>(gx)])?;
        fits(y.num_elements(), &[raw::len::<E>(gy)])?;
        fits(x.0 * x.1, &[y.0 * y.1])?;
        if y.num_elements() == 0 {
            return Ok(());
        }
        // size n, size h, size w, size rows, size columns, const T* gy, T* gx
        let params = (n, x.2, x.3, y.2, y.3, raw::read::<E>(gy), raw::write::<E>(gx));
        launch(&handle(self)?, &RESIZE, named!("resize_backward", E), Threads::Each(n), params)
    }
}
