//! Updates of parameters, clipping of gradients, and copies: those of many tensors in one launch, whose kernels read from a table where
//! each lies. Updated numbers are those of the CPU, bit by bit.
//!
//! dfdx gives no way to write a parameter in place that other tensors may share. Where some may, the parameter is filled with zeros,
//! which gives it memory of its own: updates read from the old memory and write to the new.

use super::raw::{self, Address, Buf, Module, Sizes, Threads, address, exact, fits, handle, launch, refused, whole};
use super::*;
use crate::kernels::optimizer::composed;
use cudarc::driver::DevicePtr;

const OPTIMIZER: Module = module!("optimizer": "adam", "sgd", "rms_prop", "scale_all", "clamp_all", "widen_all", "move_all", "squares_of", "total_of");

/// Tensors of one launch, as many as fit into the parameters of a kernel, and numbers of each: its length, its first block, its
/// six addresses, the nine factors of its update.
const TENSORS: usize = 29;
const NUMBERS: usize = 17;
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
    Widen,
    Move,
    Squares,
}

/// What waits to be done together: numbers of the table, and what they are for.
pub struct Waiting<E: Unit> {
    work: Vec<(Work, Numbers)>,
    /// What parameters shared before they were given memory of their own.
    shared: Vec<Tensor<(usize,), E, Cuda>>,
}

impl<E: Unit> Default for Waiting<E> {
    fn default() -> Self {
        Waiting { work: Vec::new(), shared: Vec::new() }
    }
}

impl<E: Unit> Waiting<E> {
    /// Addresses: of what is written, of what is read in its place, of the state, of the gradient.
    fn push(&mut self, work: Work, n: usize, [o, p, a, b, c, g]: [Address; 6], factors: &[f64]) {
        let mut numbers = [0; NUMBERS];
        numbers[..8].copy_from_slice(&[n as u64, 0, o, p, a, b, c, g]);
        numbers[8..].iter_mut().zip(factors).for_each(|(number, factor)| *number = factor.to_bits());
        self.work.push((work, numbers));
    }
}

/// Starts kernels on tables of tensors. Gives the sums of squares, in order, and the elements of other tensors, in one copy.
fn run<E: Dtype>(
    dev: &Cuda,
    mut waiting: Waiting<E>,
    tensors: &[Tensor<(usize,), E, Cuda>],
) -> Result<(Vec<f64>, Vec<Vec<E>>), CudaError>
where
    Cuda: Device<E>,
{
    let handle = handle(dev)?;
    let sums = waiting.work.iter().filter(|(work, _)| *work == Work::Squares).count();
    let tensors: Vec<_> = tensors.iter().map(whole).collect::<Result<_, _>>()?;
    let lens: Vec<usize> = tensors.iter().map(|tensor| tensor.shape().0).collect();
    let asked = sums + lens.iter().sum::<usize>();
    let (totals, mut done) = (if asked > 0 { Some(handle.alloc_zeros::<f64>(asked)?) } else { None }, 0);
    let mut to = totals.as_ref().map_or(0, |totals| *totals.device_ptr()) + (sums * size_of::<f64>()) as u64;
    for (tensor, &len) in tensors.iter().zip(&lens) {
        waiting.push(Work::Widen, len, [to, 0, 0, 0, 0, address(tensor)?], &[1.0]);
        to += (len * size_of::<f64>()) as u64;
    }
    // what is shared stays until the kernels have been started
    let Waiting { mut work, shared: _shared } = waiting;
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
            Work::Widen => launch(&handle, &OPTIMIZER, named!("widen_all", E), all, (table,))?,
            Work::Move => launch(&handle, &OPTIMIZER, named!("move_all", E), all, (table,))?,
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
    let Some(totals) = totals else { return Ok((Vec::new(), vec![Vec::new(); lens.len()])) };
    let mut sums = handle.dtoh_sync_copy(&totals)?;
    let mut rest = sums.split_off(done).into_iter();
    // each was widened from a number of the type
    let narrow = |x: f64| E::from_f64(x).unwrap_or_default();
    Ok((sums, lens.into_iter().map(|len| rest.by_ref().take(len).map(narrow).collect()).collect()))
}

/// The elements of several tensors, in one copy to the host.
pub(super) fn fetch<E: Element>(dev: &Cuda, tensors: &[Vector<E, Cuda>]) -> Result<Vec<Vec<E>>, CudaError>
where
    Cuda: Device<E>,
{
    Ok(run(dev, Waiting::default(), tensors)?.1)
}

/// Running moments behind their steps. What was observed is widened and scaled first, since steps are more than a table holds.
pub(super) fn moved<E: Element>(dev: &Cuda, all: &[Running<E, Cuda>]) -> Result<Vec<Vector<E, Cuda>>, CudaError>
where
    Cuda: Device<E>,
{
    let mut lens = all.iter().map(|running| running.value.shape().0 * running.observed.len());
    let seen: Buf<f64> = Storage::<f64>::try_alloc_len(dev, lens.by_ref().sum())?;
    let (mut waiting, mut held, mut moved) = (Waiting::<E>::default(), Vec::new(), Vec::new());
    let (mut at, mut moves) = (raw::read::<f64>(&seen), Vec::new());
    for Running { value, momentum, observed } in all {
        let (n, value) = (value.shape().0, whole(value)?);
        let to: Vector<E, Cuda> = dev.try_zeros_like(&(n,))?;
        moves.push((n, [address(&to)?, address(&value)?, 0, 0, 0, at], [*momentum, observed.len() as f64]));
        for (values, scale) in observed {
            fits(n, &[values.shape().0])?;
            let values = whole(values)?;
            waiting.push(Work::Widen, n, [at, 0, 0, 0, 0, address(&values)?], &[*scale]);
            at += (n * size_of::<f64>()) as u64;
            held.push(values);
        }
        held.push(value);
        moved.push(to);
    }
    moves.into_iter().for_each(|(n, addresses, factors)| waiting.push(Work::Move, n, addresses, &factors));
    run(dev, waiting, &[])?;
    Ok(moved)
}

/// Puts an update into the table, where the parameter lies as its gradient does. Gives whether it did.
fn wait<S: Shape, E: Dtype>(
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
    let Some(from) = exact(parameter, n)? else { return Ok(false) };
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
    let mut at = from;
    if !unshared && n > 0 {
        waiting.shared.push(parameter.clone().try_reshape_like(&(n,))?);
        parameter.try_fill_with_zeros()?;
        at = exact(parameter, n)?.ok_or_else(refused)?;
    }
    waiting.push(work, n, [at, from, a, b, c, raw::read::<E>(gradient)], &factors);
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
    let is_done = wait(&step, parameter, state, gradient, &mut waiting, false)?;
    run(dev, waiting, &[])?;
    Ok(is_done)
}

/// One tensor at once.
fn once<E: Dtype>(dev: &Cuda, work: Work, n: usize, at: Address, factor: f64) -> Result<Vec<f64>, CudaError>
where
    Cuda: Device<E>,
{
    let mut waiting = Waiting::<E>::default();
    waiting.push(work, n, [0, 0, 0, 0, 0, at], &[factor]);
    Ok(run(dev, waiting, &[])?.0)
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
        if wait(step, parameter, &mut buffers, gradient, &mut all.waiting, all.unshared)? {
            return Ok(());
        }
        super::super::optimizer::update(self, step, parameter, state, gradient)
    }

    fn add_squares(
        &self,
        buffer: &Buffer<E, Self>,
        limit: Option<f64>,
        all: &mut Together<E, Self>,
    ) -> Result<(), CudaError> {
        let (n, limit) = (raw::len::<E>(buffer), limit.unwrap_or(f64::INFINITY));
        all.waiting.push(Work::Squares, n, [0, 0, 0, 0, 0, raw::read::<E>(buffer)], &[limit]);
        Ok(())
    }

    fn add_scale(
        &self,
        buffer: &mut Buffer<E, Self>,
        factor: f64,
        all: &mut Together<E, Self>,
    ) -> Result<(), CudaError> {
        let n = raw::len::<E>(buffer);
        all.waiting.push(Work::Scale, n, [0, 0, 0, 0, 0, raw::write::<E>(buffer)], &[factor]);
        Ok(())
    }

    fn add_clamp(
        &self,
        buffer: &mut Buffer<E, Self>,
        limit: f64,
        all: &mut Together<E, Self>,
    ) -> Result<(), CudaError> {
        let n = raw::len::<E>(buffer);
        all.waiting.push(Work::Clamp, n, [0, 0, 0, 0, 0, raw::write::<E>(buffer)], &[limit]);
        Ok(())
    }

    fn finish(
        &self,
        all: Together<E, Self>,
        tensors: &[Tensor<(usize,), E, Self>],
    ) -> Result<(Vec<f64>, Vec<Vec<E>>), CudaError> {
        run(self, all.waiting, tensors)
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
        let sums = once::<E>(self, Work::Squares, raw::len::<E>(buffer), raw::read::<E>(buffer), f64::INFINITY)?;
        Ok(sums.first().copied().unwrap_or(f64::NAN))
    }

    fn scale(&self, buffer: &mut Buffer<E, Self>, factor: f64) -> Result<(), CudaError> {
        once::<E>(self, Work::Scale, raw::len::<E>(buffer), raw::write::<E>(buffer), factor).map(|_| ())
    }

    fn clamp(&self, buffer: &mut Buffer<E, Self>, limit: f64) -> Result<(), CudaError> {
        once::<E>(self, Work::Clamp, raw::len::<E>(buffer), raw::write::<E>(buffer), limit).map(|_| ())
    }
}
