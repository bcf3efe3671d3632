//! Losses, each way in one launch; sums that are long in two.

use super::raw::{self, Address, Module, PARTS, Threads, address, exact, fits, handle, launch, refused, whole};
use super::*;
use crate::kernels::contiguous;
use cudarc::driver::{CudaSlice, DevicePtr};

const LOSS: Module = module!(
    "loss": "cross_entropy", "cross_entropy_backward", "activity", "activity_backward", "change", "change_backward",
    "terms", "terms_backward", "total", "total_backward",
);

/// Where a tensor lies, which is no view.
fn plain<S: Shape, E: Element, T: Tape<E, Cuda>>(x: &Tensor<S, E, Cuda, T>) -> Result<Address, CudaError>
where
    Cuda: Device<E>,
{
    exact(&x.retaped::<NoneTape>(), x.shape().num_elements())?.ok_or_else(refused)
}

/// `y` with the tape, on which `back` adds to the gradient of `x` what that of `y` is: it is given where `x`, `y`, the gradient of
/// `y` and that of `x` lie.
fn on_tape<X: Shape, Y: Shape, E: Element, T: Tape<E, Cuda>>(
    x: Tensor<X, E, Cuda>,
    y: Tensor<Y, E, Cuda>,
    mut tape: T,
    back: impl FnOnce(&Cuda, [Address; 4]) -> Result<(), CudaError> + 'static,
) -> Result<Tensor<Y, E, Cuda, T>, CudaError>
where
    Cuda: Device<E>,
{
    if T::OWNS_TAPE {
        let kept = y.clone();
        tape.add_backward_op(move |grads| {
            let n = x.shape().num_elements();
            let Some(at_x) = exact(&x, n)? else { return Err(refused()) };
            let gy = grads.get_or_alloc_mut(&kept)?;
            fits(kept.shape().num_elements(), &[raw::len::<E>(gy)])?;
            let from = raw::read::<E>(gy);
            let gx = grads.get_or_alloc_mut(&x)?;
            fits(n, &[raw::len::<E>(gx)])?;
            if n == 0 {
                return Ok(());
            }
            back(x.device(), [at_x, address(&kept)?, from, raw::write::<E>(gx)])
        });
    }
    Ok(y.put_tape(tape))
}

/// The number by which the kernels know a measure, and its order.
fn numbered(measure: Measure) -> (i32, f64) {
    match measure {
        Measure::Absolute(1.0) => (0, 1.0),
        Measure::Absolute(2.0) => (1, 2.0),
        Measure::Absolute(p) => (2, p),
        Measure::Signed => (3, 1.0),
    }
}

/// Losses of single answers, by the number by which the kernels know them.
const SQUARED_ERROR: i32 = 0;
const BINARY_CROSS_ENTROPY: i32 = 1;

/// The sum of a loss over single answers.
fn terms<E: Element, T: Tape<E, Cuda>>(
    dev: &Cuda,
    loss: i32,
    x: UnitResponses<E, Cuda, T>,
    expected: UnitResponses<E, Cuda>,
    weights: Option<UnitResponses<E, Cuda>>,
) -> Result<Tensor<Rank0, E, Cuda, T>, CudaError>
where
    Cuda: Device<E>,
{
    let (x, expected, weights) = (contiguous(x)?, whole(&expected)?, weights.as_ref().map(whole).transpose()?);
    let (n, at) = (x.shape().num_elements(), plain(&x)?);
    let lens = [Some(&expected), weights.as_ref()].into_iter().flatten().map(|t| t.shape().num_elements());
    fits(n, &lens.collect::<Vec<_>>())?;
    let y: Tensor<Rank0, E, Cuda> = dev.try_zeros()?;
    if n > 0 {
        let handle = handle(dev)?;
        let blocks = n.div_ceil(1024).min(PARTS);
        let mut parts: Buffer<E, Cuda> = Storage::<E>::try_alloc_len(dev, blocks)?;
        let (weight, parts) = (weights.as_ref().map(address).transpose()?.unwrap_or(0), raw::write::<E>(&mut parts));
        // size n, int loss, const T* x, const T* e, const T* weight, T* parts
        let params = (n, loss, at, address(&expected)?, weight, parts);
        launch(&handle, &LOSS, named!("terms", E), Threads::Blocks(blocks), params)?;
        // size n, T factor, const T* x, T* y
        let params = (blocks, E::one(), parts, address(&y)?);
        launch(&handle, &LOSS, named!("total", E), Threads::Blocks(1), params)?;
    }
    let (x, tape) = x.split_tape();
    on_tape(x, y, tape, move |dev, [x, _, gy, gx]| {
        let weight = weights.as_ref().map(address).transpose()?.unwrap_or(0);
        // size n, int loss, const T* x, const T* e, const T* weight, const T* gy, T* gx
        let params = (n, loss, x, address(&expected)?, weight, gy, gx);
        launch(&handle(dev)?, &LOSS, named!("terms_backward", E), Threads::Each(n), params)
    })
}

impl<E: Element> LossKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    fn cross_entropy<T: Tape<E, Self>>(
        &self,
        x: Tensor<(usize, usize), E, Self, T>,
        targets: Vec<RowTarget<E>>,
    ) -> Result<Tensor<(usize,), E, Self, T>, CudaError> {
        let (rows, classes) = *x.shape();
        fits(rows, &[targets.len()])?;
        if targets.iter().flatten().any(|(class, _)| *class >= classes || i32::try_from(*class).is_err()) {
            return Err(refused());
        }
        let x = contiguous(x)?;
        let at = plain(&x)?;
        let y: Tensor<(usize,), E, Self> = self.try_zeros_like(&(rows,))?;
        let (x, tape) = x.split_tape();
        if rows == 0 || classes == 0 {
            return on_tape(x, y, tape, |_, _| Ok(()));
        }
        let handle = handle(self)?;
        // -1 is no class
        let class = |t: &RowTarget<E>| t.and_then(|(class, _)| i32::try_from(class).ok()).unwrap_or(-1);
        let classes_of: CudaSlice<i32> = handle.htod_copy(targets.iter().map(class).collect())?;
        let weights = targets.iter().map(|t| t.map_or(E::zero(), |(_, weight)| weight)).collect();
        let weights: Tensor<(usize,), E, Self> = self.try_tensor_from_vec(weights, (rows,))?;
        let kept: Tensor<(usize, usize), E, Self> = self.try_zeros_like(&(rows, 2))?;
        let (class_at, weight_at, kept_at) = (*classes_of.device_ptr(), address(&weights)?, address(&kept)?);
        // size classes, const int* target, const T* weight, const T* x, T* kept, T* y
        let params = (classes, class_at, weight_at, at, kept_at, address(&y)?);
        launch(&handle, &LOSS, named!("cross_entropy", E), Threads::Blocks(rows), params)?;
        on_tape(x, y, tape, move |dev, [x, _, gy, gx]| {
            let n = rows * classes;
            let (class_at, weight_at, kept_at) = (*classes_of.device_ptr(), address(&weights)?, address(&kept)?);
            // size n, size classes, const int* target, const T* weight, const T* x, const T* kept, const T* gy, T* gx
            let params = (n, classes, class_at, weight_at, x, kept_at, gy, gx);
            launch(&super::raw::handle(dev)?, &LOSS, named!("cross_entropy_backward", E), Threads::Each(n), params)
        })
    }

    fn activity<T: Tape<E, Self>>(
        &self,
        x: Tensor<(usize, usize), E, Self, T>,
        measure: Measure,
    ) -> Result<Tensor<(usize,), E, Self, T>, CudaError> {
        let ((rows, units), (number, p)) = (*x.shape(), numbered(measure));
        let x = contiguous(x)?;
        let at = plain(&x)?;
        let y: Tensor<(usize,), E, Self> = self.try_zeros_like(&(rows,))?;
        let (x, tape) = x.split_tape();
        if rows == 0 || units == 0 {
            return on_tape(x, y, tape, |_, _| Ok(()));
        }
        let handle = handle(self)?;
        let kept = handle.alloc_zeros::<f64>(rows)?;
        // size units, int measure, double p, const T* x, double* kept, T* y
        let params = (units, number, p, at, *kept.device_ptr(), address(&y)?);
        launch(&handle, &LOSS, named!("activity", E), Threads::Blocks(rows), params)?;
        on_tape(x, y, tape, move |dev, [x, y, gy, gx]| {
            let n = rows * units;
            // size n, size units, int measure, double p, const T* x, const double* kept, const T* y, const T* gy, T* gx
            let params = (n, units, number, p, x, *kept.device_ptr(), y, gy, gx);
            launch(&super::raw::handle(dev)?, &LOSS, named!("activity_backward", E), Threads::Each(n), params)
        })
    }

    fn change<T: Tape<E, Self>>(
        &self,
        x: Tensor<(usize, usize, usize), E, Self, T>,
        pairs: Vec<bool>,
    ) -> Result<Tensor<(usize,), E, Self, T>, CudaError> {
        let (batch, time, units) = *x.shape();
        fits(time, &[pairs.len() + 1])?;
        let x = contiguous(x)?;
        let at = plain(&x)?;
        let y: Tensor<(usize,), E, Self> = self.try_zeros_like(&(batch,))?;
        let (x, tape) = x.split_tape();
        if batch == 0 || units == 0 || pairs.is_empty() {
            return on_tape(x, y, tape, |_, _| Ok(()));
        }
        let (handle, count) = (handle(self)?, pairs.len());
        let counts: CudaSlice<u8> = handle.htod_copy(pairs.into_iter().map(u8::from).collect())?;
        // size pairs, size units, const unsigned char* counts, const T* x, T* y
        let params = (count, units, *counts.device_ptr(), at, address(&y)?);
        launch(&handle, &LOSS, named!("change", E), Threads::Blocks(batch), params)?;
        on_tape(x, y, tape, move |dev, [x, _, gy, gx]| {
            let n = batch * time * units;
            // size n, size pairs, size units, const unsigned char* counts, const T* x, const T* gy, T* gx
            let params = (n, count, units, *counts.device_ptr(), x, gy, gx);
            launch(&super::raw::handle(dev)?, &LOSS, named!("change_backward", E), Threads::Each(n), params)
        })
    }

    fn total<T: Tape<E, Self>>(
        &self,
        x: Tensor<(usize,), E, Self, T>,
        factor: E,
    ) -> Result<Tensor<Rank0, E, Self, T>, CudaError> {
        let n = x.shape().0;
        let x = contiguous(x)?;
        let at = plain(&x)?;
        let y: Tensor<Rank0, E, Self> = self.try_zeros()?;
        let (x, tape) = x.split_tape();
        if n > 0 {
            // size n, T factor, const T* x, T* y
            let params = (n, factor, at, address(&y)?);
            launch(&handle(self)?, &LOSS, named!("total", E), Threads::Blocks(1), params)?;
        }
        on_tape(x, y, tape, move |dev, [_, _, gy, gx]| {
            // size n, T factor, const T* gy, T* gx
            launch(&handle(dev)?, &LOSS, named!("total_backward", E), Threads::Each(n), (n, factor, gy, gx))
        })
    }

    fn squared_error<T: Tape<E, Self>>(
        &self,
        x: UnitResponses<E, Self, T>,
        expected: UnitResponses<E, Self>,
        weights: Option<UnitResponses<E, Self>>,
    ) -> Result<Tensor<Rank0, E, Self, T>, CudaError> {
        terms(self, SQUARED_ERROR, x, expected, weights)
    }

    fn binary_cross_entropy<T: Tape<E, Self>>(
        &self,
        x: UnitResponses<E, Self, T>,
        expected: UnitResponses<E, Self>,
        weights: Option<UnitResponses<E, Self>>,
    ) -> Result<Tensor<Rank0, E, Self, T>, CudaError> {
        terms(self, BINARY_CROSS_ENTROPY, x, expected, weights)
    }
}
