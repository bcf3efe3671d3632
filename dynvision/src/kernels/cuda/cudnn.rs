//! cuDNN, found while the program runs: where there is none, or where it has no way to compute what is asked for,
//! convolutions are those of `conv.rs`.
//!
//! The functions are those that cuDNN 8 and 9 have alike. They are declared here, and not taken from cudarc 0.9.15: cudarc's
//! status is an enumeration of the numbers of cuDNN 8, and a number that it does not list, as 9 gives, must never become
//! one; and it links cuDNN, so that a program would not start without it.
#![allow(unsafe_code)] // each block carries its argument

use super::raw::{Address, handle};
use super::*;
use crate::geometry::{Border, Conv};
use cudarc::driver::sys::CUresult;
use cudarc::driver::{CudaDevice, CudaSlice, DevicePtr, DeviceSlice, DriverError};
use libloading::Library;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Whether products may be of numbers of ten binary digits.
static TF32: AtomicBool = AtomicBool::new(false);

/// Names under which the library is looked for.
const NAMES: [&str; 5] = ["libcudnn.so.9", "libcudnn.so.8", "libcudnn.so", "cudnn64_9.dll", "cudnn64_8.dll"];

/// The oldest version whose mathematics can be told to leave TF32 alone.
const OLDEST: usize = 8000;

/// Memory that an algorithm may ask for beside its operands.
const WORKSPACE: usize = 1 << 30;

type Status = c_int;
type Opaque = *mut c_void;

// The numbers of cuDNN's enumerations.
const SUCCESS: Status = 0;
const NCHW: c_int = 0;
const FLOAT: c_int = 0;
const DOUBLE: c_int = 1;
const CROSS_CORRELATION: c_int = 1;
const DEFAULT_MATH: c_int = 0;
const FMA_MATH: c_int = 3;
const DETERMINISTIC: c_int = 1;

/// What cuDNN says of an algorithm.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Perf {
    algorithm: c_int,
    status: Status,
    time: f32,
    memory: usize,
    determinism: c_int,
    math: c_int,
    reserved: [c_int; 3],
}

type Create = unsafe extern "C" fn(*mut Opaque) -> Status;
type Destroy = unsafe extern "C" fn(Opaque) -> Status;
type SetFour = unsafe extern "C" fn(Opaque, c_int, c_int, c_int, c_int, c_int, c_int) -> Status;
type Set2d = unsafe extern "C" fn(Opaque, c_int, c_int, c_int, c_int, c_int, c_int, c_int, c_int) -> Status;
type SetNumber = unsafe extern "C" fn(Opaque, c_int) -> Status;
type Choose = unsafe extern "C" fn(Opaque, Opaque, Opaque, Opaque, Opaque, c_int, *mut c_int, *mut Perf) -> Status;
type Workspace = unsafe extern "C" fn(Opaque, Opaque, Opaque, Opaque, Opaque, c_int, *mut usize) -> Status;
type Run = unsafe extern "C" fn(
    Opaque,
    *const c_void,
    Opaque,
    Address,
    Opaque,
    Address,
    Opaque,
    c_int,
    Address,
    usize,
    *const c_void,
    Opaque,
    Address,
) -> Status;

/// The functions of one of the three convolutions.
struct Way {
    choose: Choose,
    workspace: Workspace,
    run: Run,
}

/// The library's functions.
struct Api {
    version: usize,
    create: Create,
    destroy: Destroy,
    set_stream: unsafe extern "C" fn(Opaque, Opaque) -> Status,
    create_tensor: Create,
    set_tensor: SetFour,
    destroy_tensor: Destroy,
    create_filter: Create,
    set_filter: SetFour,
    destroy_filter: Destroy,
    create_convolution: Create,
    set_convolution: Set2d,
    set_groups: SetNumber,
    set_math: SetNumber,
    destroy_convolution: Destroy,
    ways: [Way; 3],
    /// Keeps the functions in memory.
    _library: Library,
}

/// The library, or why there is none.
fn api() -> Result<&'static Api, &'static str> {
    static API: OnceLock<Result<Api, String>> = OnceLock::new();
    API.get_or_init(load).as_ref().map_err(String::as_str)
}

fn load() -> Result<Api, String> {
    let mut found = Err("no library".to_owned());
    for name in NAMES {
        // SAFETY: a library of this name is NVIDIA's, or stands in for it; loading it runs its initialisers alone.
        match unsafe { Library::new(name) } {
            Ok(library) => {
                found = Ok(library);
                break;
            }
            // the first says most
            Err(error) if name == NAMES[0] => found = Err(error.to_string()),
            Err(_) => {}
        }
    }
    let library = found.map_err(|error| format!("cuDNN is not found: {error}"))?;
    functions(library).map_err(|error| format!("cuDNN lacks a function: {error}"))
}

fn functions(library: Library) -> Result<Api, libloading::Error> {
    // SAFETY: each name is looked up as the type that cuDNN's headers, of versions 8 and 9, declare for it: handles and
    // descriptors are pointers, enumerations and statuses are `int`s, and addresses on the device are as wide as pointers.
    // Functions outlive their symbols, since the library is kept beside them.
    unsafe {
        let version: unsafe extern "C" fn() -> usize = *library.get(b"cudnnGetVersion\0")?;
        let way = |choose: &[u8], workspace: &[u8], run: &[u8]| -> Result<Way, libloading::Error> {
            Ok(Way { choose: *library.get(choose)?, workspace: *library.get(workspace)?, run: *library.get(run)? })
        };
        Ok(Api {
            version: version(),
            create: *library.get(b"cudnnCreate\0")?,
            destroy: *library.get(b"cudnnDestroy\0")?,
            set_stream: *library.get(b"cudnnSetStream\0")?,
            create_tensor: *library.get(b"cudnnCreateTensorDescriptor\0")?,
            set_tensor: *library.get(b"cudnnSetTensor4dDescriptor\0")?,
            destroy_tensor: *library.get(b"cudnnDestroyTensorDescriptor\0")?,
            create_filter: *library.get(b"cudnnCreateFilterDescriptor\0")?,
            set_filter: *library.get(b"cudnnSetFilter4dDescriptor\0")?,
            destroy_filter: *library.get(b"cudnnDestroyFilterDescriptor\0")?,
            create_convolution: *library.get(b"cudnnCreateConvolutionDescriptor\0")?,
            set_convolution: *library.get(b"cudnnSetConvolution2dDescriptor\0")?,
            set_groups: *library.get(b"cudnnSetConvolutionGroupCount\0")?,
            set_math: *library.get(b"cudnnSetConvolutionMathType\0")?,
            destroy_convolution: *library.get(b"cudnnDestroyConvolutionDescriptor\0")?,
            ways: [
                way(
                    b"cudnnGetConvolutionForwardAlgorithm_v7\0",
                    b"cudnnGetConvolutionForwardWorkspaceSize\0",
                    b"cudnnConvolutionForward\0",
                )?,
                way(
                    b"cudnnGetConvolutionBackwardDataAlgorithm_v7\0",
                    b"cudnnGetConvolutionBackwardDataWorkspaceSize\0",
                    b"cudnnConvolutionBackwardData\0",
                )?,
                way(
                    b"cudnnGetConvolutionBackwardFilterAlgorithm_v7\0",
                    b"cudnnGetConvolutionBackwardFilterWorkspaceSize\0",
                    b"cudnnConvolutionBackwardFilter\0",
                )?,
            ],
            _library: library,
        })
    }
}

/// The version of cuDNN that is used, or why none is.
pub(crate) fn version() -> Result<usize, String> {
    match api() {
        Ok(api) if api.version >= OLDEST => Ok(api.version),
        Ok(api) => Err(format!("cuDNN is of version {}, and {OLDEST} is the oldest that is used", api.version)),
        Err(error) => Err(error.to_owned()),
    }
}

/// Sets whether products of `f32` may be of TF32.
pub(crate) fn allow_tf32(allowed: bool) {
    TF32.store(allowed, Ordering::Relaxed);
}

/// A descriptor of cuDNN's.
struct Descriptor {
    at: Opaque,
    destroy: Destroy,
}

impl Descriptor {
    fn new(create: Create, destroy: Destroy, set: impl FnOnce(Opaque) -> Status) -> Option<Self> {
        let mut at = ptr::null_mut();
        // SAFETY: the function writes a descriptor to where it is told.
        let status = unsafe { create(&raw mut at) };
        let new = (status == SUCCESS && !at.is_null()).then_some(Descriptor { at, destroy })?;
        (set(at) == SUCCESS).then_some(new)
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: made by the function that belongs to this one, and dropped once.
        unsafe { (self.destroy)(self.at) };
    }
}

/// One of the three convolutions.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    /// The output of input and weight.
    Forward,
    /// The gradient of the input of weight and output's gradient.
    Data,
    /// The gradient of the weight of input and output's gradient.
    Filter,
}

/// What a plan is for: the convolution, its numbers, and its sizes `batch, channels, h, w`, `outs, rows, columns`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    direction: Direction,
    is_double: bool,
    tf32: bool,
    window: [c_int; 4],
    groups: c_int,
    x: [c_int; 4],
    y: [c_int; 4],
}

/// How cuDNN computes one convolution.
struct CudnnPlan {
    x: Descriptor,
    w: Descriptor,
    y: Descriptor,
    conv: Descriptor,
    algorithm: c_int,
    workspace: usize,
}

/// cuDNN on one device, for one thread.
struct Cudnn {
    api: &'static Api,
    at: Opaque,
    device: Arc<CudaDevice>,
    /// Nothing where cuDNN has no algorithm.
    plans: HashMap<Key, Option<Rc<CudnnPlan>>>,
    workspace: Option<CudaSlice<u8>>,
}

impl Drop for Cudnn {
    fn drop(&mut self) {
        self.plans.clear();
        if self.device.bind_to_thread().is_ok() {
            // SAFETY: made by `cudnnCreate` on this device, and dropped once.
            unsafe { (self.api.destroy)(self.at) };
        }
    }
}

thread_local! {
    /// By the number of the device. dfdx's tensors stay on the thread that made them.
    static OPEN: RefCell<HashMap<usize, Option<Cudnn>>> = RefCell::new(HashMap::new());
}

impl Cudnn {
    fn open(device: &Arc<CudaDevice>) -> Option<Self> {
        version().ok()?;
        let api = api().ok()?;
        device.bind_to_thread().ok()?;
        let mut at = ptr::null_mut();
        // SAFETY: a context is current, and the function writes a handle to where it is told.
        let status = unsafe { (api.create)(&raw mut at) };
        if status != SUCCESS || at.is_null() {
            return None;
        }
        let new = Cudnn { api, at, device: device.clone(), plans: HashMap::new(), workspace: None };
        // SAFETY: the handle is the one just made, and the stream is the device's, which it keeps.
        let status = unsafe { (api.set_stream)(at, (*device.cu_stream()).cast()) };
        (status == SUCCESS).then_some(new)
    }

    fn plan(&self, key: &Key) -> Option<CudnnPlan> {
        let api = self.api;
        let kind = if key.is_double { DOUBLE } else { FLOAT };
        let [kernel, stride, padding, dilation] = key.window;
        let tensor = |[n, c, h, w]: [c_int; 4]| {
            // SAFETY: the descriptor is the one that was just made.
            let set = |at| unsafe { (api.set_tensor)(at, NCHW, kind, n, c, h, w) };
            Descriptor::new(api.create_tensor, api.destroy_tensor, set)
        };
        let (x, y) = (tensor(key.x)?, tensor(key.y)?);
        let (outs, inner) = (key.y[1], key.x[1] / key.groups);
        let w = Descriptor::new(api.create_filter, api.destroy_filter, |at| {
            // SAFETY: as above; a filter's type stands in front of its layout.
            unsafe { (api.set_filter)(at, kind, NCHW, outs, inner, kernel, kernel) }
        })?;
        let math = if key.tf32 { DEFAULT_MATH } else { FMA_MATH };
        let conv = Descriptor::new(api.create_convolution, api.destroy_convolution, |at| {
            let (pad, step, gap, mode) = (padding, stride, dilation, CROSS_CORRELATION);
            // SAFETY: as above.
            let statuses = unsafe {
                [
                    (api.set_convolution)(at, pad, pad, step, step, gap, gap, mode, kind),
                    (api.set_groups)(at, key.groups),
                    (api.set_math)(at, math),
                ]
            };
            statuses.into_iter().find(|&status| status != SUCCESS).unwrap_or(SUCCESS)
        })?;
        let operands = match key.direction {
            Direction::Forward => [x.at, w.at, conv.at, y.at],
            Direction::Data => [w.at, y.at, conv.at, x.at],
            Direction::Filter => [x.at, y.at, conv.at, w.at],
        };
        let (algorithm, workspace) = self.algorithm(key.direction, operands)?;
        Some(CudnnPlan { x, w, y, conv, algorithm, workspace })
    }

    /// The fastest algorithm, so far as cuDNN knows, that gives the same bits every time, and the memory that it needs.
    fn algorithm(&self, direction: Direction, [a, b, conv, c]: [Opaque; 4]) -> Option<(c_int, usize)> {
        let way = &self.api.ways[direction as usize];
        let (mut found, mut count) = ([Perf::default(); 16], 0);
        // SAFETY: handle and descriptors are alive, and the results have room for as many as are asked for.
        let status =
            unsafe { (way.choose)(self.at, a, b, conv, c, found.len() as c_int, &raw mut count, found.as_mut_ptr()) };
        if status != SUCCESS {
            return None;
        }
        let count = usize::try_from(count).ok()?.min(found.len());
        let fit = found[..count].iter().filter(|perf| perf.status == SUCCESS && perf.determinism == DETERMINISTIC);
        fit.into_iter().find_map(|perf| {
            let mut bytes = 0;
            // SAFETY: as above; one number is written.
            let status = unsafe { (way.workspace)(self.at, a, b, conv, c, perf.algorithm, &raw mut bytes) };
            (status == SUCCESS && bytes <= WORKSPACE).then_some((perf.algorithm, bytes))
        })
    }
}

/// `to = the convolution of the two operands + keep to`, where cuDNN has a way; gives whether it has. The operands are those of
/// `direction`: input and weight, weight and output's gradient, or input and output's gradient.
///
/// The caller has seen that each address holds as many elements as its tensor has.
#[allow(clippy::too_many_arguments, reason = "a convolution, its sizes and its tensors")]
pub(super) fn convolve<E: Element>(
    dev: &Cuda,
    conv: &Conv,
    direction: Direction,
    x: super::super::Sizes,
    y: super::super::Sizes,
    operands: [Address; 2],
    keep: bool,
    to: Address,
) -> Result<bool, CudaError>
where
    Cuda: Device<E>,
{
    if conv.border != Border::Zero && conv.window.padding > 0 {
        return Ok(false);
    }
    let Some(key) = key::<E>(conv, direction, x, y) else { return Ok(false) };
    let device = handle(dev)?;
    OPEN.with_borrow_mut(|open| {
        let Some(cudnn) = open.entry(device.ordinal()).or_insert_with(|| Cudnn::open(&device)) else {
            return Ok(false);
        };
        device.bind_to_thread()?;
        let plan = match cudnn.plans.get(&key) {
            Some(plan) => plan.clone(),
            None => {
                let plan = cudnn.plan(&key).map(Rc::new);
                cudnn.plans.insert(key, plan.clone());
                plan
            }
        };
        let Some(plan) = plan else { return Ok(false) };
        if cudnn.workspace.as_ref().map_or(0, DeviceSlice::len) < plan.workspace {
            // the smaller one goes first
            cudnn.workspace = None;
            cudnn.workspace = Some(device.alloc_zeros::<u8>(plan.workspace)?);
        }
        let space = cudnn.workspace.as_ref().map_or(0, |space| *space.device_ptr());
        let (alpha, beta) = ([1.0f32, f32::from(u8::from(keep))], [1.0f64, f64::from(u8::from(keep))]);
        let factors: [*const c_void; 2] = if key.is_double {
            [ptr::from_ref(&beta[0]).cast(), ptr::from_ref(&beta[1]).cast()]
        } else {
            [ptr::from_ref(&alpha[0]).cast(), ptr::from_ref(&alpha[1]).cast()]
        };
        let [first, second, last] = match direction {
            Direction::Forward => [plan.x.at, plan.w.at, plan.y.at],
            Direction::Data => [plan.w.at, plan.y.at, plan.x.at],
            Direction::Filter => [plan.x.at, plan.y.at, plan.w.at],
        };
        let (run, [a, b]) = (cudnn.api.ways[direction as usize].run, operands);
        // SAFETY: handle and descriptors are alive, the factors are of the type of the numbers and outlive the call, each
        // address holds what its descriptor says, as the caller has seen, and the workspace has the bytes that are said.
        let status = unsafe {
            run(
                cudnn.at,
                factors[0],
                first,
                a,
                second,
                b,
                plan.conv.at,
                plan.algorithm,
                space,
                plan.workspace,
                factors[1],
                last,
                to,
            )
        };
        // dfdx has no error that tells more of cuDNN
        if status == SUCCESS { Ok(true) } else { Err(DriverError(CUresult::CUDA_ERROR_LAUNCH_FAILED).into()) }
    })
}

/// The key of a plan, if all sizes are in cuDNN's range: no tensor has 2^31 elements or more, and none is empty.
fn key<E>(conv: &Conv, direction: Direction, x: super::super::Sizes, y: super::super::Sizes) -> Option<Key> {
    let int = |n: usize| c_int::try_from(n).ok();
    let window = conv.window;
    let sizes = |(b, c, h, w): super::super::Sizes| -> Option<[c_int; 4]> {
        let all = [b, c, h, w].into_iter().try_fold(1usize, usize::checked_mul)?;
        (all > 0 && int(all).is_some()).then_some([int(b)?, int(c)?, int(h)?, int(w)?])
    };
    let weights = [y.1, x.1 / conv.groups.max(1), window.kernel, window.kernel];
    int(weights.into_iter().try_fold(1usize, usize::checked_mul)?)?;
    Some(Key {
        direction,
        is_double: size_of::<E>() == size_of::<f64>(),
        tf32: size_of::<E>() == size_of::<f32>() && TF32.load(Ordering::Relaxed),
        window: [int(window.kernel)?, int(window.stride)?, int(window.padding)?, int(window.dilation)?],
        groups: int(conv.groups)?,
        x: sizes(x)?,
        y: sizes(y)?,
    })
}
