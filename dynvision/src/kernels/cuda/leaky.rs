//! The leaky step, fused.

use super::raw::{self, Buf, Module, PARTS, Threads, address, fits, handle, launch, whole};
use super::*;

pub(super) const LEAKY: Module = module!("leaky": "leaky", "leaky_backward", "leaky_backward_rate", "leaky_rate");

impl<E: Element> LeakyKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    fn leaky(
        &self,
        rate: E,
        x: Maps<E, Self>,
        h: Option<&Maps<E, Self>>,
        relu: bool,
    ) -> Result<Maps<E, Self>, CudaError> {
        let (n, x, h) = (x.shape().num_elements(), x.try_contiguous()?, h.map(whole).transpose()?);
        fits(n, &h.iter().map(|h| h.shape().num_elements()).collect::<Vec<_>>())?;
        let y: Maps<E, Self> = self.try_zeros_like(x.shape())?;
        let (from, state) = (address(&x)?, h.as_ref().map(address).transpose()?.unwrap_or(0));
        // size n, T rate, int relu, const T* x, const T* h, T* y
        let params = (n, rate, i32::from(relu), from, state, address(&y)?);
        launch(&handle(self)?, &LEAKY, named!("leaky", E), Threads::Each(n), params)?;
        Ok(y)
    }

    fn leaky_backward(
        &self,
        rate: E,
        y: Option<&Maps<E, Self>>,
        g: &mut Buffer<E, Self>,
        gh: Option<&mut Buffer<E, Self>>,
    ) -> Result<(), CudaError> {
        let y = y.map(whole).transpose()?;
        let (n, at) = (raw::len::<E>(g), raw::write::<E>(g));
        let (gh_len, gh) = gh.map_or((n, 0), |gh: &mut Buf<E>| (raw::len::<E>(gh), raw::write::<E>(gh)));
        fits(n, &[gh_len, y.as_ref().map_or(n, |y| y.shape().num_elements())])?;
        // size n, T rate, const T* y, T* g, T* gh
        let params = (n, rate, y.as_ref().map(address).transpose()?.unwrap_or(0), at, gh);
        launch(&handle(self)?, &LEAKY, named!("leaky_backward", E), Threads::Each(n), params)
    }

    fn leaky_backward_rate(
        &self,
        scale: E,
        x: &Maps<E, Self>,
        h: Option<&Maps<E, Self>>,
        y: Option<&Maps<E, Self>>,
        gy: &Buffer<E, Self>,
        grate: &mut Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let n = raw::len::<E>(gy);
        let (x, h, y) = (whole(x)?, h.map(whole).transpose()?, y.map(whole).transpose()?);
        fits(n, &[&x].into_iter().chain(&h).chain(&y).map(|t| t.shape().num_elements()).collect::<Vec<_>>())?;
        fits(1, &[raw::len::<E>(grate)])?;
        let at = |t: &Option<Maps<E, Self>>| t.as_ref().map(address).transpose().map(Option::unwrap_or_default);
        let handle = handle(self)?;
        let mut parts: Buffer<E, Self> = Storage::<E>::try_alloc_len(self, PARTS)?;
        let parts = raw::write::<E>(&mut parts);
        // size n, const T* x, const T* h, const T* y, const T* gy, T* parts
        let params = (n, address(&x)?, at(&h)?, at(&y)?, raw::read::<E>(gy), parts);
        launch(&handle, &LEAKY, named!("leaky_backward_rate", E), Threads::Blocks(PARTS), params)?;
        // size n, T scale, const T* parts, T* to
        let params = (PARTS, scale, parts, raw::write::<E>(grate));
        launch(&handle, &LEAKY, named!("leaky_rate", E), Threads::Blocks(1), params)
    }
}
