//! Moments and normalisation.

use super::raw::{self, Module, Sizes, Threads, address, exact, fits, handle, launch, refused, whole};
use super::*;
use crate::geometry::Over;

const NORM: Module = module!("norm": "moments", "normalize", "norm_sums", "norm_backward", "norm_channels");

/// The sizes that the kernels take: `batch, channels, units, blocks, over_batch`.
fn sizes(over: Over, (b, c, h, w): super::super::Sizes) -> Result<Sizes<5>, CudaError> {
    let blocks = over.blocks(b, c);
    if b * c * h * w > 0 && (blocks == 0 || !(b * c).is_multiple_of(blocks)) {
        return Err(refused());
    }
    Ok(Sizes([b, c, h * w, blocks, usize::from(over == Over::Batch)].map(|size| size as u64)))
}

/// What backward needs: the input, its moments, the weight, and the gradients, where all are in one piece.
struct Backward<'a, E: Element> {
    over: Over,
    eps: f64,
    x: &'a Maps<E, Cuda>,
    moments: &'a Moments<E, Cuda>,
    w: &'a Tensor<(usize,), E, Cuda>,
}

impl<E: Element> Backward<'_, E>
where
    Cuda: Device<E>,
{
    /// Adds all three gradients; false where a view needs the composition.
    fn run(
        &self,
        dev: &Cuda,
        through_moments: bool,
        gy: &Buffer<E, Cuda>,
        gx: &mut Buffer<E, Cuda>,
        gw: &mut Buffer<E, Cuda>,
        gb: &mut Buffer<E, Cuda>,
    ) -> Result<bool, CudaError> {
        let Backward { over, eps, x, moments, w } = *self;
        let (n, c, s) = (x.shape().num_elements(), x.shape().1, sizes(over, *x.shape())?);
        let blocks = s.0[3] as usize;
        fits(n, &[raw::len::<E>(gy)])?;
        fits(c, &[raw::len::<E>(gb)])?;
        fits(blocks, &[moments.mean.shape().0, moments.variance.shape().0])?;
        let (Some(at), Some(at_w)) = (exact(x, raw::len::<E>(gx))?, exact(w, raw::len::<E>(gw))?) else {
            return Ok(false);
        };
        fits(c, &[w.shape().0])?;
        if n == 0 {
            return Ok(true);
        }
        let (mean, variance, handle) = (whole(&moments.mean)?, whole(&moments.variance)?, handle(dev)?);
        let (mean, variance, eps) = (address(&mean)?, address(&variance)?, E::narrow(eps));
        let from = raw::read::<E>(gy);
        let mut parts: Buffer<E, Cuda> = Storage::<E>::try_alloc_len(dev, 2 * blocks)?;
        let mut of = 0;
        if through_moments {
            of = raw::write::<E>(&mut parts);
            // Sizes s, T eps, const T* x, const T* mean, const T* variance, const T* w, const T* gy, T* of
            let params = (s, eps, at, mean, variance, at_w, from, of);
            launch(&handle, &NORM, named!("norm_sums", E), Threads::Blocks(blocks), params)?;
        }
        // size n, Sizes s, T eps, const T* x, const T* mean, const T* variance, const T* w, const T* gy, const T* of, T* gx
        let params = (n, s, eps, at, mean, variance, at_w, from, of, raw::write::<E>(gx));
        launch(&handle, &NORM, named!("norm_backward", E), Threads::Each(n), params)?;
        // Sizes s, T eps, const T* x, const T* mean, const T* variance, const T* gy, T* gw, T* gb
        let params = (s, eps, at, mean, variance, from, raw::write::<E>(gw), raw::write::<E>(gb));
        launch(&handle, &NORM, named!("norm_channels", E), Threads::Blocks(c), params)?;
        Ok(true)
    }
}

impl<E: Element> NormKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    fn moved(&self, all: &[Running<E, Self>]) -> Result<Vec<Vector<E, Self>>, CudaError> {
        optimizer::moved(self, all)
    }

    fn moments(&self, over: Over, x: &Maps<E, Self>) -> Result<Moments<E, Self>, CudaError> {
        let (s, x) = (sizes(over, *x.shape())?, whole(x)?);
        let blocks = if x.shape().num_elements() == 0 { 0 } else { s.0[3] as usize };
        let made = || self.try_zeros_like(&(s.0[3] as usize,));
        let moments = Moments { mean: made()?, variance: made()? };
        // Sizes s, const T* x, T* mean, T* variance
        let params = (s, address(&x)?, address(&moments.mean)?, address(&moments.variance)?);
        launch(&handle(self)?, &NORM, named!("moments", E), Threads::Blocks(blocks), params)?;
        Ok(moments)
    }

    fn normalize(
        &self,
        over: Over,
        eps: f64,
        x: &Maps<E, Self>,
        moments: &Moments<E, Self>,
        w: &Tensor<(usize,), E, Self>,
        b: &Tensor<(usize,), E, Self>,
    ) -> Result<Maps<E, Self>, CudaError> {
        let (n, s) = (x.shape().num_elements(), sizes(over, *x.shape())?);
        fits(s.0[3] as usize, &[moments.mean.shape().0, moments.variance.shape().0])?;
        fits(x.shape().1, &[w.shape().0, b.shape().0])?;
        let y: Maps<E, Self> = self.try_zeros_like(x.shape())?;
        let (x, w, b) = (whole(x)?, whole(w)?, whole(b)?);
        let (mean, variance) = (whole(&moments.mean)?, whole(&moments.variance)?);
        // size n, Sizes s, T eps, const T* x, const T* mean, const T* variance, const T* w, const T* b, T* y
        let (mean, variance, eps) = (address(&mean)?, address(&variance)?, E::narrow(eps));
        let params = (n, s, eps, address(&x)?, mean, variance, address(&w)?, address(&b)?, address(&y)?);
        launch(&handle(self)?, &NORM, named!("normalize", E), Threads::Each(n), params)?;
        Ok(y)
    }

    fn normalize_backward(
        &self,
        over: Over,
        eps: f64,
        x: &Maps<E, Self>,
        moments: &Moments<E, Self>,
        w: &Tensor<(usize,), E, Self>,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
        gw: &mut Buffer<E, Self>,
        gb: &mut Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let whole = Backward { over, eps, x, moments, w };
        if whole.run(self, true, gy, gx, gw, gb)? {
            return Ok(());
        }
        super::super::norm::composed::normalize_backward(self, over, eps, x, moments, w, gy, gx, gw, gb)
    }

    fn normalize_given_backward(
        &self,
        over: Over,
        eps: f64,
        x: &Maps<E, Self>,
        moments: &Moments<E, Self>,
        w: &Tensor<(usize,), E, Self>,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
        gw: &mut Buffer<E, Self>,
        gb: &mut Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let whole = Backward { over, eps, x, moments, w };
        if whole.run(self, false, gy, gx, gw, gb)? {
            return Ok(());
        }
        super::super::norm::composed::normalize_given_backward(self, over, eps, x, moments, w, gy, gx, gw, gb)
    }
}
