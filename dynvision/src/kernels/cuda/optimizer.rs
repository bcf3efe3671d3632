//! Updates of parameters, clipping of gradients, and copies: those of many tensors in one launch, whose kernels read from a table where
//! each lies. Updated numbers are those of the CPU, bit by bit.
//!
//! dfdx gives no way to write a parameter in place that other tensors may share. Where some may, one of its own kernels goes
//! over the parameter first, which gives it memory of its own and changes nothing.

use super::raw::{self, Address, Buf, Module, Sizes, Threads, address, exact, fits, handle, launch, refused, whole};
use super::*;
use crate::kernels::optimizer::composed;
use cudarc::driver::DevicePtr;

const OPTIMIZER: Module =
    module!("optimizer": "adam", "sgd", "rms_prop", "scale_all", "clamp_all", "copy_all", "squares_of", "total_of");

/// Tensors of one launch, as many as fit into the parameters of a kernel, and numbers of each: its length, its first block, its
/// five addresses, the nine factors of its update.
const TENSORS: usize = 30;
const NUMBERS: usize = 16;
/// Elements that a block works on.
const CHUNK: usize = 4096;

type Numbers = [u64; NUMBERS];
type Table = Sizes<{ 1 + TENSORS * NUMBERS }>;

/// What is done with a tensor.
#[derive(Clone, Copy, PartialEq)]
enum Work {
    Adam,
    Sgd,
    RmsProp,
    Scale,
    Clamp,
    Copy,
    Squares,
}

/// What waits to be done together: numbers of the table, and what they are for.
pub struct Waiting<E: Unit> {
    work: Vec<(Work, Numbers)>,
    /// At least as many zeros as the parameters had that were given memory of their own.
    zeros: Option<Buf<E>>,
}

impl<E: Unit> Default for Waiting<E> {
    fn default() -> Self {
        Waiting { work: Vec::new(), zeros: None }
    }
}

impl<E: Unit> Waiting<E> {
    fn push(&mut self, work: Work, n: usize, [p, a, b, c, g]: [Address; 5], factors: &[f64]) {
        let mut numbers = [0; NUMBERS];
        numbers[..7].copy_from_slice(&[n as u64, 0, p, a, b, c, g]);
        numbers[7..].iter_mut().zip(factors).for_each(|(number, factor)| *number = factor.to_bits());
        self.work.push((work, numbers));
    }
}

/// Starts kernels on tables of tensors. Gives the sums of squares, in order.
fn run<E: Dtype>(dev: &Cuda, mut work: Vec<(Work, Numbers)>) -> Result<Vec<f64>, CudaError> {
    let handle = handle(dev)?;
    let sums = work.iter().filter(|(work, _)| *work == Work::Squares).count();
    let (totals, mut done) = (if sums > 0 { Some(handle.alloc_zeros::<f64>(sums)?) } else { None }, 0);
    // what has no elements is not changed, and has no squares
    work.retain(|(work, numbers)| *work == Work::Squares || numbers[0] > 0);
    for same in work.chunk_by_mut(|a, b| a.0 == b.0).flat_map(|same| same.chunks_mut(TENSORS)) {
        let (mut table, mut blocks) = ([0; 1 + TENSORS * NUMBERS], 0);
        table[0] = same.len() as u64;
        for ((_, numbers), place) in same.iter_mut().zip(table[1..].chunks_mut(NUMBERS)) {
            numbers[1] = blocks as u64;
            blocks += usize::try_from(numbers[0]).map_err(|_| refused())?.div_ceil(CHUNK);
            place.copy_from_slice(numbers);
        }
        let table: Table = Sizes(table);
        let all = Threads::Blocks(blocks);
        // Table t
        match same[0].0 {
            Work::Adam => launch(&handle, &OPTIMIZER, named!("adam", E), all, (table,))?,
            Work::Sgd => launch(&handle, &OPTIMIZER, named!("sgd", E), all, (table,))?,
            Work::RmsProp => launch(&handle, &OPTIMIZER, named!("rms_prop", E), all, (table,))?,
            Work::Scale => launch(&handle, &OPTIMIZER, named!("scale_all", E), all, (table,))?,
            Work::Clamp => launch(&handle, &OPTIMIZER, named!("clamp_all", E), all, (table,))?,
            Work::Copy => launch(&handle, &OPTIMIZER, named!("copy_all", E), all, (table,))?,
            Work::Squares => {
                let parts = handle.alloc_zeros::<f64>(blocks.max(1))?;
                let totals = totals.as_ref().map_or(0, |totals| *totals.device_ptr());
                let (at, to) = (*parts.device_ptr(), totals + (done * size_of::<f64>()) as u64);
                // Table t, double* sums
                launch(&handle, &OPTIMIZER, named!("squares_of", E), all, (table, at))?;
                // Table t, const double* sums, double* totals
                let each = Threads::Blocks(same.len());
                launch(&handle, &OPTIMIZER, named!("total_of", E), each, (table, at, to))?;
                done += same.len();
            }
        }
    }
    totals.map_or(Ok(Vec::new()), |totals| Ok(handle.dtoh_sync_copy(&totals)?))
}

/// The elements of several tensors, which become one on the device first.
pub(super) fn fetch<E: Element>(dev: &Cuda, tensors: &[Vector<E, Cuda>]) -> Result<Vec<Vec<E>>, CudaError>
where
    Cuda: Device<E>,
{
    let tensors: Vec<_> = tensors.iter().map(whole).collect::<Result<_, _>>()?;
    let lens: Vec<usize> = tensors.iter().map(|tensor| tensor.shape().0).collect();
    let all: Vector<E, Cuda> = dev.try_zeros_like(&(lens.iter().sum(),))?;
    let (mut waiting, mut to) = (Waiting::<E>::default(), address(&all)?);
    for (tensor, &len) in tensors.iter().zip(&lens) {
        waiting.push(Work::Copy, len, [to, 0, 0, 0, address(tensor)?], &[]);
        to += (len * size_of::<E>()) as u64;
    }
    run::<E>(dev, waiting.work)?;
    let all = all.as_vec();
    let mut rest = all.as_slice();
    let mut part = |len: usize| rest.split_off(..len).map(<[E]>::to_vec).ok_or_else(refused);
    lens.into_iter().map(&mut part).collect()
}

/// Gives a parameter memory that no other tensor shares: dfdx's gradient descent does so first, and its step is zero.
fn unshare<S: Shape, E: Dtype>(
    dev: &Cuda,
    parameter: &mut Tensor<S, E, Cuda>,
    zeros: &mut Option<Buf<E>>,
) -> Result<(), CudaError>
where
    Cuda: Device<E>,
{
    let n = parameter.shape().num_elements();
    if n == 0 {
        return Ok(());
    }
    let zeros = match zeros {
        Some(zeros) if raw::len::<E>(zeros) >= n => zeros,
        _ => zeros.insert(Storage::<E>::try_alloc_len(dev, n)?),
    };
    let mut unused = Storage::<E>::try_alloc_len(dev, 1)?;
    composed::sgd(&SgdStep::default(), parameter, &mut unused, zeros)
}

/// Puts an update into the table, where the parameter lies as its gradient does. Gives whether it did.
fn wait<S: Shape, E: Dtype>(
    dev: &Cuda,
    step: &UpdateStep,
    parameter: &mut Tensor<S, E, Cuda>,
    state: &mut [&mut Buf<E>],
    gradient: &Buf<E>,
    waiting: &mut Waiting<E>,
    unshared: bool,
) -> Result<bool, CudaError>
where
    Cuda: Device<E>,
{
    let n = raw::len::<E>(gradient);
    if exact(parameter, n)?.is_none() {
        return Ok(false);
    }
    if !unshared {
        unshare(dev, parameter, &mut waiting.zeros)?;
    }
    let Some(at) = exact(parameter, n)? else { return Err(refused()) };
    // the factors that the CPU's rules narrow to the type of the numbers
    let narrow = |x: f64| E::from_f64(x).and_then(|x| x.to_f64()).unwrap_or(f64::NAN);
    let left = |lr: f64, decoupled: f64| narrow(1.0 - lr * decoupled);
    let (work, used, factors) = match *step {
        UpdateStep::Adam(AdamStep { number, lr, betas: [beta1, beta2], eps, l2, decoupled }) => {
            let seen = |beta: f64| 1.0 - beta.powf(number as f64);
            let (rate, correction) = (lr / seen(beta1), 1.0 / seen(beta2).sqrt());
            let numbers = [l2, beta1, beta2, 1.0 - beta1, 1.0 - beta2, rate, correction, eps].map(narrow);
            (Work::Adam, [true, true, false], [numbers.as_slice(), &[left(lr, decoupled)]].concat())
        }
        UpdateStep::Sgd(SgdStep { lr, momentum, nesterov, l2, decoupled }) => {
            let numbers = [l2, momentum, f64::from(u8::from(nesterov)), lr].map(narrow);
            let moves = numbers[1] != 0.0;
            (Work::Sgd, [moves, false, false], [numbers.as_slice(), &[left(lr, decoupled)]].concat())
        }
        UpdateStep::RmsProp(RmsPropStep { lr, alpha, eps, momentum, centered, l2, decoupled }) => {
            let numbers = [l2, alpha, 1.0 - alpha, eps, f64::from(u8::from(centered)), momentum, lr].map(narrow);
            let moves = numbers[5] != 0.0;
            (Work::RmsProp, [true, centered, moves], [numbers.as_slice(), &[left(lr, decoupled)]].concat())
        }
    };
    let mut places = [0; 3];
    for (i, (place, is_used)) in places.iter_mut().zip(used).enumerate() {
        // what is not used may be of any length
        if is_used {
            let buffer = state.get_mut(i).ok_or_else(refused)?;
            fits(n, &[raw::len::<E>(buffer)])?;
            *place = raw::write::<E>(buffer);
        }
    }
    let [a, b, c] = places;
    waiting.push(work, n, [at, a, b, c, raw::read::<E>(gradient)], &factors);
    Ok(true)
}

/// One update at once.
fn update<S: Shape, E: Dtype>(
    dev: &Cuda,
    step: UpdateStep,
    parameter: &mut Tensor<S, E, Cuda>,
    state: &mut [&mut Buf<E>],
    gradient: &Buf<E>,
) -> Result<bool, CudaError>
where
    Cuda: Device<E>,
{
    let mut waiting = Waiting::default();
    let is_done = wait(dev, &step, parameter, state, gradient, &mut waiting, false)?;
    run::<E>(dev, waiting.work)?;
    Ok(is_done)
}

/// One tensor at once.
fn once<E: Dtype>(dev: &Cuda, work: Work, n: usize, at: Address, factor: f64) -> Result<Vec<f64>, CudaError> {
    let mut waiting = Waiting::<E>::default();
    waiting.push(work, n, [0, 0, 0, 0, at], &[factor]);
    run::<E>(dev, waiting.work)
}

/// Parameters that are views are updated by dfdx's own kernels.
impl<E: Dtype> ParameterKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    type Waiting = Waiting<E>;

    fn update<S: Shape>(
        &self,
        step: &UpdateStep,
        parameter: &mut Tensor<S, E, Self>,
        state: &mut [Buffer<E, Self>],
        gradient: &Buffer<E, Self>,
        all: &mut Together<E, Self>,
    ) -> Result<(), CudaError> {
        let mut buffers: Vec<_> = state.iter_mut().collect();
        if wait(self, step, parameter, &mut buffers, gradient, &mut all.waiting, all.unshared)? {
            return Ok(());
        }
        super::super::optimizer::update(self, step, parameter, state, gradient)
    }

    fn add_squares(&self, buffer: &Buffer<E, Self>, all: &mut Together<E, Self>) -> Result<(), CudaError> {
        let n = raw::len::<E>(buffer);
        all.waiting.push(Work::Squares, n, [0, 0, 0, 0, raw::read::<E>(buffer)], &[]);
        Ok(())
    }

    fn add_scale(
        &self,
        buffer: &mut Buffer<E, Self>,
        factor: f64,
        all: &mut Together<E, Self>,
    ) -> Result<(), CudaError> {
        let n = raw::len::<E>(buffer);
        all.waiting.push(Work::Scale, n, [0, 0, 0, 0, raw::write::<E>(buffer)], &[factor]);
        Ok(())
    }

    fn add_clamp(
        &self,
        buffer: &mut Buffer<E, Self>,
        limit: f64,
        all: &mut Together<E, Self>,
    ) -> Result<(), CudaError> {
        let n = raw::len::<E>(buffer);
        all.waiting.push(Work::Clamp, n, [0, 0, 0, 0, raw::write::<E>(buffer)], &[limit]);
        Ok(())
    }

    fn finish(&self, all: Together<E, Self>) -> Result<Vec<f64>, CudaError> {
        if all.waiting.work.is_empty() {
            return Ok(Vec::new());
        }
        run::<E>(self, all.waiting.work)
    }

    fn adam<S: Shape>(
        &self,
        step: &AdamStep,
        parameter: &mut Tensor<S, E, Self>,
        first: &mut Buffer<E, Self>,
        second: &mut Buffer<E, Self>,
        gradient: &Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        if update(self, UpdateStep::Adam(*step), parameter, &mut [&mut *first, &mut *second], gradient)? {
            return Ok(());
        }
        composed::adam(step, parameter, first, second, gradient)
    }

    fn sgd<S: Shape>(
        &self,
        step: &SgdStep,
        parameter: &mut Tensor<S, E, Self>,
        velocity: &mut Buffer<E, Self>,
        gradient: &Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        if update(self, UpdateStep::Sgd(*step), parameter, &mut [&mut *velocity], gradient)? {
            return Ok(());
        }
        composed::sgd(step, parameter, velocity, gradient)
    }

    fn rms_prop<S: Shape>(
        &self,
        step: &RmsPropStep,
        parameter: &mut Tensor<S, E, Self>,
        square: &mut Buffer<E, Self>,
        mean: &mut Buffer<E, Self>,
        velocity: &mut Buffer<E, Self>,
        gradient: &Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let state = &mut [&mut *square, &mut *mean, &mut *velocity];
        // RMSprop of a view has no composition that heeds how it lies
        if update(self, UpdateStep::RmsProp(*step), parameter, state, gradient)? { Ok(()) } else { Err(refused()) }
    }

    fn sum_of_squares(&self, buffer: &Buffer<E, Self>) -> Result<f64, CudaError> {
        let sums = once::<E>(self, Work::Squares, raw::len::<E>(buffer), raw::read::<E>(buffer), 0.0)?;
        Ok(sums.first().copied().unwrap_or(f64::NAN))
    }

    fn scale(&self, buffer: &mut Buffer<E, Self>, factor: f64) -> Result<(), CudaError> {
        once::<E>(self, Work::Scale, raw::len::<E>(buffer), raw::write::<E>(buffer), factor).map(|_| ())
    }

    fn clamp(&self, buffer: &mut Buffer<E, Self>, limit: f64) -> Result<(), CudaError> {
        once::<E>(self, Work::Clamp, raw::len::<E>(buffer), raw::write::<E>(buffer), limit).map(|_| ())
    }
}
