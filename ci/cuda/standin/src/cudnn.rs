//! The part of cuDNN that dynvision calls: convolutions of maps in the order batch, channels, rows, columns, each way.
//!
//! Statuses are those of cuDNN 9. It offers, in front of others, algorithms that promise no bits, as cuDNN does, and ends a
//! call that chooses one. Where the mathematics allow TF32, factors are rounded to it. It has no algorithm for padding that is
//! as wide as the window, so that callers show what they do without.
#![allow(non_snake_case, reason = "cuDNN's names")]
#![allow(clippy::missing_safety_doc, reason = "as cuDNN's manual has it")]

use crate::driver::{Handle, MEMORY, failed, place, took};
use crate::memory::{Memory, Place};
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

pub type DnnStatus = c_int;

const SUCCESS: DnnStatus = 0;
const NOT_INITIALIZED: DnnStatus = 1001;
const BAD_PARAM: DnnStatus = 2000;
const NOT_SUPPORTED: DnnStatus = 3000;
const EXECUTION_FAILED: DnnStatus = 5000;

/// Any number that is not null.
const HANDLE: usize = 0xD33;
/// Memory that the algorithms ask for beside their operands, more than none.
const WORKSPACE: usize = 512;
/// The algorithm that promises no bits, and the one that does.
const ATOMIC: c_int = 0;
const ORDERED: c_int = 1;

fn refused(status: DnnStatus, cause: &str) -> DnnStatus {
    failed(0, &format!("cuDNN: {cause}"));
    status
}

#[derive(Clone, Copy, Default)]
struct Tensor {
    is_double: bool,
    /// Batch, channels, rows, columns; of a filter, outputs, inputs of a group, rows, columns.
    sizes: [usize; 4],
}

#[derive(Clone, Copy, Default)]
struct Convolution {
    padding: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
    is_double: bool,
    /// Whether factors are rounded to TF32.
    tf32: bool,
}

#[derive(Clone, Copy)]
enum Descriptor {
    Tensor(Option<Tensor>),
    Filter(Option<Tensor>),
    Convolution(Option<Convolution>),
}

/// What was made and not destroyed, by its number.
static DESCRIPTORS: Mutex<Option<(usize, HashMap<usize, Descriptor>)>> = Mutex::new(None);

fn with_descriptors<R>(f: impl FnOnce(&mut usize, &mut HashMap<usize, Descriptor>) -> R) -> R {
    let mut all = DESCRIPTORS.lock().unwrap_or_else(PoisonError::into_inner);
    let (last, all) = all.get_or_insert_with(|| (0x1000, HashMap::new()));
    f(last, all)
}

fn create(to: *mut Handle, new: Descriptor) -> DnnStatus {
    if to.is_null() {
        return refused(BAD_PARAM, "a null pointer is given where a descriptor goes");
    }
    let number = with_descriptors(|last, all| {
        *last += 16;
        all.insert(*last, new);
        *last
    });
    // SAFETY: the caller promises that the pointer is valid
    unsafe { to.write(std::ptr::without_provenance_mut(number)) };
    SUCCESS
}

fn destroy(at: Handle) -> DnnStatus {
    match with_descriptors(|_, all| all.remove(&at.addr())) {
        Some(_) => SUCCESS,
        None => refused(BAD_PARAM, "a descriptor is destroyed that was destroyed before, or never made"),
    }
}

/// Changes a descriptor; `change` says whether it is of the right kind.
fn change(at: Handle, change: impl FnOnce(&mut Descriptor) -> bool) -> DnnStatus {
    if with_descriptors(|_, all| all.get_mut(&at.addr()).is_some_and(change)) {
        return SUCCESS;
    }
    refused(BAD_PARAM, "a descriptor is set that is of another kind, was destroyed, or never made")
}

fn known(handle: Handle) -> Result<(), DnnStatus> {
    if handle.addr() == HANDLE { Ok(()) } else { Err(refused(NOT_INITIALIZED, "there is no such handle")) }
}

#[unsafe(no_mangle)]
pub extern "C" fn cudnnGetVersion() -> usize {
    91500
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cudnnCreate(handle: *mut Handle) -> DnnStatus {
    if handle.is_null() {
        return refused(BAD_PARAM, "a null pointer is given where a handle goes");
    }
    // SAFETY: the caller promises that the pointer is valid
    unsafe { handle.write(std::ptr::without_provenance_mut(HANDLE)) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn cudnnDestroy(handle: Handle) -> DnnStatus {
    known(handle).err().unwrap_or(SUCCESS)
}

#[unsafe(no_mangle)]
pub extern "C" fn cudnnSetStream(handle: Handle, _stream: Handle) -> DnnStatus {
    known(handle).err().unwrap_or(SUCCESS)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cudnnCreateTensorDescriptor(to: *mut Handle) -> DnnStatus {
    create(to, Descriptor::Tensor(None))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cudnnCreateFilterDescriptor(to: *mut Handle) -> DnnStatus {
    create(to, Descriptor::Filter(None))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cudnnCreateConvolutionDescriptor(to: *mut Handle) -> DnnStatus {
    create(to, Descriptor::Convolution(None))
}

#[unsafe(no_mangle)]
pub extern "C" fn cudnnDestroyTensorDescriptor(at: Handle) -> DnnStatus {
    destroy(at)
}

#[unsafe(no_mangle)]
pub extern "C" fn cudnnDestroyFilterDescriptor(at: Handle) -> DnnStatus {
    destroy(at)
}

#[unsafe(no_mangle)]
pub extern "C" fn cudnnDestroyConvolutionDescriptor(at: Handle) -> DnnStatus {
    destroy(at)
}

/// Sizes of a tensor or filter, all of them above 0.
fn tensor(format: c_int, kind: c_int, sizes: [c_int; 4]) -> Result<Tensor, DnnStatus> {
    if format != 0 {
        return Err(refused(NOT_SUPPORTED, "layouts other than NCHW are not supported"));
    }
    if !(0..=1).contains(&kind) {
        return Err(refused(NOT_SUPPORTED, "numbers other than of 32 and 64 bits are not supported"));
    }
    let sizes = sizes.map(|n| usize::try_from(n).unwrap_or(0));
    if sizes.contains(&0) {
        return Err(refused(BAD_PARAM, &format!("{sizes:?} are no sizes of a tensor")));
    }
    Ok(Tensor { is_double: kind == 1, sizes })
}

#[unsafe(no_mangle)]
pub extern "C" fn cudnnSetTensor4dDescriptor(
    at: Handle,
    format: c_int,
    kind: c_int,
    n: c_int,
    c: c_int,
    h: c_int,
    w: c_int,
) -> DnnStatus {
    match tensor(format, kind, [n, c, h, w]) {
        Ok(new) => change(at, |old| match old {
            Descriptor::Tensor(old) => {
                *old = Some(new);
                true
            }
            _ => false,
        }),
        Err(status) => status,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn cudnnSetFilter4dDescriptor(
    at: Handle,
    kind: c_int,
    format: c_int,
    k: c_int,
    c: c_int,
    h: c_int,
    w: c_int,
) -> DnnStatus {
    match tensor(format, kind, [k, c, h, w]) {
        Ok(new) => change(at, |old| match old {
            Descriptor::Filter(old) => {
                *old = Some(new);
                true
            }
            _ => false,
        }),
        Err(status) => status,
    }
}

#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "cuDNN's")]
pub extern "C" fn cudnnSetConvolution2dDescriptor(
    at: Handle,
    pad_h: c_int,
    pad_w: c_int,
    u: c_int,
    v: c_int,
    dilation_h: c_int,
    dilation_w: c_int,
    mode: c_int,
    kind: c_int,
) -> DnnStatus {
    let size = |n: c_int| usize::try_from(n).unwrap_or(usize::MAX);
    let (padding, stride, dilation) = ([pad_h, pad_w].map(size), [u, v].map(size), [dilation_h, dilation_w].map(size));
    let all = [padding, stride, dilation].concat();
    if all.contains(&usize::MAX) || stride.contains(&0) || dilation.contains(&0) || !(0..=1).contains(&kind) {
        return refused(BAD_PARAM, "a convolution's numbers are out of their range");
    }
    if mode != 1 {
        return refused(NOT_SUPPORTED, "convolutions that are no cross-correlations are not supported");
    }
    // TF32 is allowed, as in cuDNN, unless the mathematics are set to something else
    let new = Convolution { padding, stride, dilation, groups: 1, is_double: kind == 1, tf32: kind == 0 };
    change(at, |old| match old {
        Descriptor::Convolution(old) => {
            *old = Some(new);
            true
        }
        _ => false,
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cudnnSetConvolutionGroupCount(at: Handle, groups: c_int) -> DnnStatus {
    let Some(groups) = usize::try_from(groups).ok().filter(|&groups| groups > 0) else {
        return refused(BAD_PARAM, "a convolution has no groups");
    };
    change(at, |old| match old {
        Descriptor::Convolution(Some(old)) => {
            old.groups = groups;
            true
        }
        _ => false,
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cudnnSetConvolutionMathType(at: Handle, math: c_int) -> DnnStatus {
    let tf32 = match math {
        0 => true,
        3 => false,
        _ => return refused(NOT_SUPPORTED, "mathematics other than the default's and FMA's are not supported"),
    };
    change(at, |old| match old {
        Descriptor::Convolution(Some(old)) => {
            old.tf32 = tf32 && !old.is_double;
            true
        }
        _ => false,
    })
}

/// Which of input, weight and output is computed of the two others.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Forward,
    Data,
    Filter,
}

/// A convolution whose sizes fit each other.
struct Checked {
    x: Tensor,
    w: Tensor,
    y: Tensor,
    conv: Convolution,
}

fn checked(handle: Handle, x: Handle, w: Handle, conv: Handle, y: Handle) -> Result<Checked, DnnStatus> {
    known(handle)?;
    let find = |at: Handle| with_descriptors(|_, all| all.get(&at.addr()).copied());
    let (Some(Descriptor::Tensor(Some(x))), Some(Descriptor::Filter(Some(w)))) = (find(x), find(w)) else {
        return Err(refused(BAD_PARAM, "input or weight has no descriptor that was set"));
    };
    let (Some(Descriptor::Convolution(Some(conv))), Some(Descriptor::Tensor(Some(y)))) = (find(conv), find(y)) else {
        return Err(refused(BAD_PARAM, "convolution or output has no descriptor that was set"));
    };
    if [x.is_double, w.is_double, y.is_double].iter().any(|&is_double| is_double != conv.is_double) {
        return Err(refused(NOT_SUPPORTED, "tensors and convolution are of different numbers"));
    }
    let made = |along: usize| {
        let reach = conv.dilation[along] * (w.sizes[2 + along] - 1) + 1;
        (x.sizes[2 + along] + 2 * conv.padding[along]).checked_sub(reach).map(|room| room / conv.stride[along] + 1)
    };
    let is_grouped = w.sizes[0] % conv.groups == 0 && w.sizes[1] * conv.groups == x.sizes[1];
    let made = [Some(x.sizes[0]), Some(w.sizes[0]), made(0), made(1)];
    if !is_grouped || made != y.sizes.map(Some) {
        let (x, w, y, groups) = (x.sizes, w.sizes, y.sizes, conv.groups);
        let what = format!("{x:?} by weights of {w:?} in {groups} groups makes {made:?}, and the output is {y:?}");
        return Err(refused(BAD_PARAM, &what));
    }
    Ok(Checked { x, w, y, conv })
}

/// What is said of an algorithm.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AlgorithmPerf {
    algorithm: c_int,
    status: DnnStatus,
    time: f32,
    memory: usize,
    determinism: c_int,
    math: c_int,
    reserved: [c_int; 3],
}

fn has_algorithm(of: &Checked) -> bool {
    (0..2).all(|along| of.conv.padding[along] <= of.conv.dilation[along] * (of.w.sizes[2 + along] - 1))
}

unsafe fn choose(
    of: Result<Checked, DnnStatus>,
    asked: c_int,
    count: *mut c_int,
    found: *mut AlgorithmPerf,
) -> DnnStatus {
    let of = match of {
        Ok(of) => of,
        Err(status) => return status,
    };
    if count.is_null() || found.is_null() || asked < 1 {
        return refused(BAD_PARAM, "there is no room for an algorithm");
    }
    let status = if has_algorithm(&of) { SUCCESS } else { NOT_SUPPORTED };
    let perf = |algorithm: c_int| AlgorithmPerf {
        algorithm,
        status,
        time: -1.0,
        memory: WORKSPACE,
        determinism: algorithm,
        math: if of.conv.tf32 { 0 } else { 3 },
        reserved: [0; 3],
    };
    let given = asked.min(2);
    // SAFETY: the caller promises room for as many as are asked for
    unsafe {
        [ATOMIC, ORDERED].iter().take(given as usize).enumerate().for_each(|(i, &a)| found.add(i).write(perf(a)));
        count.write(given);
    }
    SUCCESS
}

unsafe fn workspace(of: Result<Checked, DnnStatus>, algorithm: c_int, bytes: *mut usize) -> DnnStatus {
    match of {
        Err(status) => status,
        Ok(of) if !has_algorithm(&of) || !(ATOMIC..=ORDERED).contains(&algorithm) => NOT_SUPPORTED,
        Ok(_) if bytes.is_null() => refused(BAD_PARAM, "a null pointer is given where a size goes"),
        Ok(_) => {
            // SAFETY: the caller promises that the pointer is valid
            unsafe { bytes.write(WORKSPACE) };
            SUCCESS
        }
    }
}

/// A number that maps are made of.
trait Number: Copy {
    fn wide(self) -> f64;
    fn narrow(x: f64) -> Self;
    fn tf32(self) -> Self;
}

impl Number for f32 {
    fn wide(self) -> f64 {
        f64::from(self)
    }
    fn narrow(x: f64) -> Self {
        x as f32
    }
    /// To the nearest of ten digits behind the point.
    fn tf32(self) -> Self {
        if self.is_finite() { f32::from_bits(self.to_bits().wrapping_add(1 << 12) & !((1 << 13) - 1)) } else { self }
    }
}

impl Number for f64 {
    fn wide(self) -> f64 {
        self
    }
    fn narrow(x: f64) -> Self {
        x
    }
    fn tf32(self) -> Self {
        self
    }
}

/// A tensor's bytes, all inside one allocation; written before, if they are read.
fn all_of<T>(memory: &Memory, what: &str, at: u64, of: &Tensor, is_read: bool) -> Result<Place, DnnStatus> {
    let bytes = of.sizes.iter().product::<usize>() * size_of::<T>();
    let what = format!("cuDNN, {what} of {:?}", of.sizes);
    if !at.is_multiple_of(size_of::<T>() as u64) {
        return Err(refused(EXECUTION_FAILED, &format!("{what} is not aligned")));
    }
    let place = place(memory, &what, at, bytes).map_err(|_| EXECUTION_FAILED)?;
    // SAFETY: resolved for as many bytes
    if is_read && !unsafe { place.is_known(bytes) } {
        return Err(refused(EXECUTION_FAILED, &format!("{what} is read, and nothing has written some of it")));
    }
    Ok(place)
}

/// Calls `f` with the indices in input, weight and output of each product.
fn products(of: &Checked, mut f: impl FnMut(usize, usize, usize)) {
    let ([batch, channels, h, w], [outs, inner, rows, columns], [_, _, high, wide]) =
        (of.x.sizes, of.w.sizes, of.y.sizes);
    let conv = &of.conv;
    let along = |place: usize, tap: usize, axis: usize, len: usize| {
        let at = (place * conv.stride[axis] + tap * conv.dilation[axis]).checked_sub(conv.padding[axis])?;
        (at < len).then_some(at)
    };
    for image in 0..batch {
        for out in 0..outs {
            for place_r in 0..high {
                for place_c in 0..wide {
                    let y = ((image * outs + out) * high + place_r) * wide + place_c;
                    for part in 0..inner {
                        let channel = out / (outs / conv.groups) * inner + part;
                        for tap_r in 0..rows {
                            let Some(r) = along(place_r, tap_r, 0, h) else { continue };
                            for tap_c in 0..columns {
                                let Some(c) = along(place_c, tap_c, 1, w) else { continue };
                                let x = ((image * channels + channel) * h + r) * w + c;
                                f(x, ((out * inner + part) * rows + tap_r) * columns + tap_c, y);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The operands of a call: where the two lie that are read, and the one that is written.
struct Call {
    way: Way,
    first: u64,
    second: u64,
    algorithm: c_int,
    workspace: u64,
    workspace_bytes: usize,
    to: u64,
}

unsafe fn run<T: Number>(of: &Checked, call: &Call, alpha: *const T, beta: *const T) -> Result<(), DnnStatus> {
    // SAFETY: the caller promises pointers to the host
    let (alpha, beta) = unsafe { (alpha.read().wide(), beta.read().wide()) };
    let start = Instant::now();
    let memory = MEMORY.read().unwrap_or_else(PoisonError::into_inner);
    if call.workspace_bytes < WORKSPACE {
        return Err(refused(BAD_PARAM, "the workspace is smaller than the algorithm asks for"));
    }
    place(&memory, "cuDNN, the workspace", call.workspace, call.workspace_bytes).map_err(|_| EXECUTION_FAILED)?;
    let ([x, w, y], name) = match call.way {
        Way::Forward => ([call.first, call.second, call.to], "cuDNN forward"),
        Way::Data => ([call.to, call.first, call.second], "cuDNN backward data"),
        Way::Filter => ([call.first, call.to, call.second], "cuDNN backward filter"),
    };
    let reads = |way: Way| call.way != way || beta != 0.0;
    let places = [
        all_of::<T>(&memory, "the input", x, &of.x, reads(Way::Data))?,
        all_of::<T>(&memory, "the weight", w, &of.w, reads(Way::Filter))?,
        all_of::<T>(&memory, "the output", y, &of.y, reads(Way::Forward))?,
    ];
    let read = |i: usize, at: usize| {
        // SAFETY: inside what was resolved, and aligned
        let value = unsafe { places[i].data.cast::<T>().add(at).read() };
        if of.conv.tf32 { value.tf32().wide() } else { value.wide() }
    };
    let target = match call.way {
        Way::Data => (0, &of.x),
        Way::Filter => (1, &of.w),
        Way::Forward => (2, &of.y),
    };
    let mut sums = vec![0.0; target.1.sizes.iter().product()];
    match call.way {
        Way::Forward => products(of, |x, w, y| sums[y] += read(0, x) * read(1, w)),
        Way::Data => products(of, |x, w, y| sums[x] += read(1, w) * read(2, y)),
        Way::Filter => products(of, |x, w, y| sums[w] += read(0, x) * read(2, y)),
    }
    let to: *mut T = places[target.0].data.cast();
    for (i, sum) in sums.iter().enumerate() {
        // SAFETY: inside what was resolved, and aligned
        unsafe {
            let before = if beta == 0.0 { 0.0 } else { beta * to.add(i).read().wide() };
            to.add(i).write(T::narrow(alpha * sum + before));
        }
    }
    // SAFETY: resolved for as many bytes
    unsafe { places[target.0].set_known(sums.len() * size_of::<T>()) };
    drop(memory);
    took(name, start.elapsed());
    Ok(())
}

unsafe fn convolve(
    of: Result<Checked, DnnStatus>,
    call: &Call,
    alpha: *const c_void,
    beta: *const c_void,
) -> DnnStatus {
    let of = match of {
        Ok(of) => of,
        Err(status) => return status,
    };
    if alpha.is_null() || beta.is_null() {
        return refused(BAD_PARAM, "a factor is a null pointer");
    }
    if call.algorithm == ATOMIC {
        return refused(NOT_SUPPORTED, "an algorithm is chosen that does not promise the same bits again");
    }
    if call.algorithm != ORDERED || !has_algorithm(&of) {
        return refused(NOT_SUPPORTED, "the algorithm does not compute this convolution");
    }
    // SAFETY: by the caller; factors are of the type of the numbers
    let done = unsafe {
        if of.conv.is_double {
            run::<f64>(&of, call, alpha.cast(), beta.cast())
        } else {
            run::<f32>(&of, call, alpha.cast(), beta.cast())
        }
    };
    done.err().unwrap_or(SUCCESS)
}

/// The functions of one way, whose operands are tensors and filters in the order that cuDNN has.
macro_rules! ways {
    ([$x:ident, $w:ident, $y:ident] $($way:ident: $choose:ident, $workspace:ident, $run:ident, ($a:ident, $b:ident, $c:ident);)*) => {$(
        #[unsafe(no_mangle)]
        #[allow(clippy::too_many_arguments, reason = "cuDNN's")]
        pub unsafe extern "C" fn $choose(
            handle: Handle,
            $a: Handle,
            $b: Handle,
            conv: Handle,
            $c: Handle,
            asked: c_int,
            count: *mut c_int,
            found: *mut AlgorithmPerf,
        ) -> DnnStatus {
            // SAFETY: by the caller
            unsafe { choose(checked(handle, $x, $w, conv, $y), asked, count, found) }
        }

        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $workspace(
            handle: Handle,
            $a: Handle,
            $b: Handle,
            conv: Handle,
            $c: Handle,
            algorithm: c_int,
            bytes: *mut usize,
        ) -> DnnStatus {
            // SAFETY: by the caller
            unsafe { workspace(checked(handle, $x, $w, conv, $y), algorithm, bytes) }
        }

        #[unsafe(no_mangle)]
        #[allow(clippy::too_many_arguments, reason = "cuDNN's")]
        pub unsafe extern "C" fn $run(
            handle: Handle,
            alpha: *const c_void,
            $a: Handle,
            first: u64,
            $b: Handle,
            second: u64,
            conv: Handle,
            algorithm: c_int,
            workspace: u64,
            workspace_bytes: usize,
            beta: *const c_void,
            $c: Handle,
            to: u64,
        ) -> DnnStatus {
            let call = Call { way: Way::$way, first, second, algorithm, workspace, workspace_bytes, to };
            // SAFETY: by the caller
            unsafe { convolve(checked(handle, $x, $w, conv, $y), &call, alpha, beta) }
        }
    )*};
}
ways! {
    [x, w, y]
    Forward: cudnnGetConvolutionForwardAlgorithm_v7, cudnnGetConvolutionForwardWorkspaceSize, cudnnConvolutionForward,
        (x, w, y);
    Data: cudnnGetConvolutionBackwardDataAlgorithm_v7, cudnnGetConvolutionBackwardDataWorkspaceSize,
        cudnnConvolutionBackwardData, (w, y, x);
    Filter: cudnnGetConvolutionBackwardFilterAlgorithm_v7, cudnnGetConvolutionBackwardFilterWorkspaceSize,
        cudnnConvolutionBackwardFilter, (x, y, w);
}
