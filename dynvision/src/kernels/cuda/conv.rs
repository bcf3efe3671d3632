//! Convolution. With the feature `cudnn` it is cuDNN's where that computes what is asked for. Else what it reads becomes a
//! matrix, by our kernel, and cuBLAS multiplies.

use super::cudnn::{self, Direction::*};
use super::raw::{self, Address, Module, Sizes, Threads, address, exact, fits, handle, launch, refused, whole};
use super::*;
use crate::geometry::{Border, Conv};
use cudarc::driver::CudaDevice;
use std::sync::Arc;

const COLUMNS: Module = module!("columns": "unfold", "fold", "swap", "onto");

type Matrices<E> = Tensor<(usize, usize, usize), E, Cuda>;

/// A convolution's sizes.
struct Shape4 {
    batch: usize,
    outs: usize,
    places: usize,
    groups: usize,
    depth: usize,
    /// What the kernels take: `batch, channels, h, w, rows, columns, kernel, stride, padding, dilation, reflect`.
    sizes: Sizes<11>,
}

impl Shape4 {
    fn new(conv: &Conv, (b, c, h, w): super::super::Sizes, weight: super::super::Sizes) -> Result<Self, CudaError> {
        let (window, (outs, inner, rows, columns)) = (conv.window, weight);
        let is_whole = conv.groups > 0 && outs.is_multiple_of(conv.groups) && inner * conv.groups == c;
        if !is_whole || (rows, columns) != (window.kernel, window.kernel) {
            return Err(refused());
        }
        let (rows, columns) = (window.output_len(h), window.output_len(w));
        let reflect = usize::from(conv.border == Border::Reflect);
        // a border reflects what is there
        if reflect == 1 && rows * columns > 0 && window.padding >= h.min(w) {
            return Err(refused());
        }
        let sizes = [b, c, h, w, rows, columns, window.kernel, window.stride, window.padding, window.dilation, reflect];
        Ok(Shape4 {
            batch: b,
            outs,
            places: rows * columns,
            groups: conv.groups,
            depth: inner * window.kernel * window.kernel,
            sizes: Sizes(sizes.map(|size| size as u64)),
        })
    }

    fn is_empty(&self) -> bool {
        self.batch * self.outs * self.places * self.depth == 0
    }

    /// What the windows read of `x`: for each group a matrix.
    fn unfold<E: Element>(&self, dev: &Cuda, handle: &Arc<CudaDevice>, x: Address) -> Result<Matrices<E>, CudaError>
    where
        Cuda: Device<E>,
    {
        let y: Matrices<E> = dev.try_zeros_like(&(self.groups, self.depth, self.batch * self.places))?;
        let n = y.shape().num_elements();
        // size n, Sizes s, const T* x, T* y
        let params = (n, self.sizes, x, address(&y)?);
        launch(handle, &COLUMNS, named!("unfold", E), Threads::Each(n), params)?;
        Ok(y)
    }
}

/// `y[k, j] = x[j, k] + bias[j] + onto[k, j]`, of `places` each, `j` below `a` and `k` below `b`.
fn swap<E: Element>(
    handle: &Arc<CudaDevice>,
    [a, b, places]: [usize; 3],
    x: Address,
    bias: Address,
    onto: Address,
    y: Address,
) -> Result<(), CudaError> {
    let n = a * b * places;
    // size n, size a, size b, size places, const T* x, const T* bias, const T* onto, T* y
    launch(handle, &COLUMNS, named!("swap", E), Threads::Each(n), (n, a, b, places, x, bias, onto, y))
}

impl<E: Element> ConvKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    type WeightCache = ();

    fn conv2d(
        &self,
        conv: &Conv,
        x: &Maps<E, Self>,
        w: &Maps<E, Self>,
        bias: Option<&Tensor<(usize,), E, Self>>,
        (): &Self::WeightCache,
        onto: Option<Addend<'_, E, Self>>,
        _: Option<Maps<E, Self>>,
    ) -> Result<Maps<E, Self>, CudaError> {
        let shape = Shape4::new(conv, *x.shape(), *w.shape())?;
        let (b, rows, columns) = (shape.batch, shape.sizes.0[4] as usize, shape.sizes.0[5] as usize);
        let y: Maps<E, Self> = self.try_zeros_like(&(b, shape.outs, rows, columns))?;
        let n = y.shape().num_elements();
        let onto = match onto {
            Some(Addend::Owned(onto)) => Some(whole(&onto)?),
            Some(Addend::Borrowed(onto)) => Some(whole(onto)?),
            None => None,
        };
        let bias = bias.map(whole).transpose()?;
        fits(n, &onto.iter().map(|onto| onto.shape().num_elements()).collect::<Vec<_>>())?;
        fits(shape.outs, &bias.iter().map(|bias| bias.shape().0).collect::<Vec<_>>())?;
        if n == 0 {
            return Ok(y);
        }
        if shape.is_empty() {
            return Err(refused());
        }
        let (handle, x) = (handle(self)?, whole(x)?);
        let base = onto.as_ref().map(address).transpose()?.unwrap_or(0);
        let shift = bias.as_ref().map(address).transpose()?.unwrap_or(0);
        let weight = whole(w)?;
        let operands = [address(&x)?, address(&weight)?];
        if cudnn::convolve::<E>(self, conv, Forward, *x.shape(), *y.shape(), operands, false, address(&y)?)? {
            if base > 0 || shift > 0 {
                // size n, size outs, size places, const T* bias, const T* onto, T* y
                let params = (n, shape.outs, shape.places, shift, base, address(&y)?);
                launch(&handle, &COLUMNS, named!("onto", E), Threads::Each(n), params)?;
            }
            return Ok(y);
        }
        let read = shape.unfold::<E>(self, &handle, address(&x)?)?;
        let w = weight.try_reshape_like(&(shape.groups, shape.outs / shape.groups, shape.depth))?;
        let product: Matrices<E> = w.try_matmul(read)?;
        swap::<E>(&handle, [shape.outs, b, shape.places], address(&product)?, shift, base, address(&y)?)?;
        Ok(y)
    }

    fn conv2d_backward(
        &self,
        conv: &Conv,
        x: &Maps<E, Self>,
        w: &Maps<E, Self>,
        (): &Self::WeightCache,
        y: super::super::Sizes,
        gy: &Buffer<E, Self>,
        gx: Option<&mut Buffer<E, Self>>,
        gw: &mut Buffer<E, Self>,
        gb: Option<&mut Buffer<E, Self>>,
        _: bool,
    ) -> Result<(), CudaError> {
        let shape = Shape4::new(conv, *x.shape(), *w.shape())?;
        let (b, outs, places) = (shape.batch, shape.outs, shape.places);
        fits(b * outs * places, &[raw::len::<E>(gy), y.num_elements()])?;
        let units = x.shape().num_elements();
        let at_x = exact(x, gx.as_ref().map_or(units, |gx| raw::len::<E>(gx)))?;
        let (Some(at_w), Some(at_x)) = (exact(w, raw::len::<E>(gw))?, at_x) else {
            return super::super::conv::composed::conv2d_backward(self, conv, x, w, y, gy, gx, gw, gb);
        };
        if let Some(gb) = gb {
            fits(outs, &[raw::len::<E>(gb)])?;
            bias::backward::<E>(self, raw::len::<E>(gy), outs, places.max(1), raw::read::<E>(gy), raw::write::<E>(gb))?;
        }
        if shape.is_empty() {
            return Ok(());
        }
        // what cuDNN has no way for stays to be done
        let (sizes, at_gy, at_gw) = (*x.shape(), raw::read::<E>(gy), raw::write::<E>(gw));
        let has_weight = cudnn::convolve::<E>(self, conv, Filter, sizes, y, [at_x, at_gy], true, at_gw)?;
        let gx = match gx.map(raw::write::<E>) {
            Some(gx) if cudnn::convolve::<E>(self, conv, Data, sizes, y, [at_w, at_gy], true, gx)? => None,
            gx => gx,
        };
        if has_weight && gx.is_none() {
            return Ok(());
        }
        let handle = handle(self)?;
        let across = b * places;
        let g: Matrices<E> = self.try_zeros_like(&(shape.groups, outs / shape.groups, across))?;
        swap::<E>(&handle, [b, outs, places], at_gy, 0, 0, address(&g)?)?;
        if !has_weight {
            let read = shape.unfold::<E>(self, &handle, at_x)?;
            let weight: Matrices<E> = g.clone().try_matmul(read.try_permute::<_, Axes3<0, 2, 1>>()?)?;
            pointwise::accumulate(&handle, E::ONE, raw::len::<E>(gw), address(&weight)?, at_gw)?;
        }
        if let Some(gx) = gx {
            let w = w.clone().try_reshape_like(&(shape.groups, outs / shape.groups, shape.depth))?;
            let columns: Matrices<E> = w.try_permute::<_, Axes3<0, 2, 1>>()?.try_matmul(g)?;
            // size n, Sizes s, const T* gy, T* gx
            let params = (units, shape.sizes, address(&columns)?, gx);
            launch(&handle, &COLUMNS, named!("fold", E), Threads::Each(units), params)?;
        }
        Ok(())
    }
}
