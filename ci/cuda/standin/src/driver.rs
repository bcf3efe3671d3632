//! The driver's C interface: the functions that cudarc 0.9.15 declares and uses.
//!
//! Streams are a formality: every call runs to its end before it returns.
#![allow(non_snake_case, reason = "the driver's names")]
#![allow(clippy::missing_safety_doc, reason = "as the driver's manual has it")]

use crate::decode;
use crate::ir::Kernel;
use crate::launch::{self, Failure, SHARED_LIMIT};
use crate::memory::{Memory, Place, Refused};
use crate::ptx::{self, Space};
use crate::warp::FaultKind;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

pub type Status = c_uint;
pub type Handle = *mut c_void;

const SUCCESS: Status = 0;
const INVALID_VALUE: Status = 1;
const OUT_OF_MEMORY: Status = 2;
const NOT_INITIALIZED: Status = 3;
const NO_DEVICE: Status = 100;
const INVALID_DEVICE: Status = 101;
const INVALID_CONTEXT: Status = 201;
const INVALID_PTX: Status = 218;
const JIT_DISABLED: Status = 223;
const FILE_NOT_FOUND: Status = 301;
const INVALID_HANDLE: Status = 400;
const NOT_FOUND: Status = 500;
const ILLEGAL_ADDRESS: Status = 700;
const ASSERT: Status = 710;
const MISALIGNED: Status = 716;
const LAUNCH_FAILED: Status = 719;
const NOT_SUPPORTED: Status = 801;

const NAMES: [(Status, &CStr); 17] = [
    (SUCCESS, c"CUDA_SUCCESS"),
    (INVALID_VALUE, c"CUDA_ERROR_INVALID_VALUE"),
    (OUT_OF_MEMORY, c"CUDA_ERROR_OUT_OF_MEMORY"),
    (NOT_INITIALIZED, c"CUDA_ERROR_NOT_INITIALIZED"),
    (NO_DEVICE, c"CUDA_ERROR_NO_DEVICE"),
    (INVALID_DEVICE, c"CUDA_ERROR_INVALID_DEVICE"),
    (INVALID_CONTEXT, c"CUDA_ERROR_INVALID_CONTEXT"),
    (INVALID_PTX, c"CUDA_ERROR_INVALID_PTX"),
    (JIT_DISABLED, c"CUDA_ERROR_JIT_COMPILATION_DISABLED"),
    (FILE_NOT_FOUND, c"CUDA_ERROR_FILE_NOT_FOUND"),
    (INVALID_HANDLE, c"CUDA_ERROR_INVALID_HANDLE"),
    (NOT_FOUND, c"CUDA_ERROR_NOT_FOUND"),
    (ILLEGAL_ADDRESS, c"CUDA_ERROR_ILLEGAL_ADDRESS"),
    (ASSERT, c"CUDA_ERROR_ASSERT"),
    (MISALIGNED, c"CUDA_ERROR_MISALIGNED_ADDRESS"),
    (LAUNCH_FAILED, c"CUDA_ERROR_LAUNCH_FAILED"),
    (NOT_SUPPORTED, c"CUDA_ERROR_NOT_SUPPORTED"),
];

/// The memory of the one device.
pub(crate) static MEMORY: RwLock<Memory> = RwLock::new(Memory::new());
/// What a device with the memory of an H100 reports.
const TOTAL_BYTES: u64 = 80 << 30;
/// The one context.
const CONTEXT: usize = 0xC0;

struct State {
    is_ready: bool,
    modules: Vec<Option<LoadedModule>>,
    functions: Vec<Option<Arc<Kernel>>>,
    /// Modules by their text: they are loaded again and again.
    read: HashMap<String, Arc<ptx::Module>>,
    handles: HashSet<usize>,
    last_handle: usize,
    times: BTreeMap<String, (u64, Duration)>,
}

struct LoadedModule {
    module: Arc<ptx::Module>,
    globals: HashMap<String, u64>,
    functions: Vec<usize>,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);

thread_local! {
    static CURRENT: RefCell<usize> = const { RefCell::new(0) };
    /// What the thread's last error was about.
    static LAST: RefCell<(Status, CString)> = RefCell::new((SUCCESS, CString::default()));
}

/// Remembers what an error is about, and says it.
pub(crate) fn failed(status: Status, cause: &str) -> Status {
    eprintln!("CUDA stand-in: {cause}");
    let text = CString::new(cause.replace('\0', " ")).unwrap_or_default();
    LAST.with(|last| *last.borrow_mut() = (status, text));
    status
}

fn with_state<R>(f: impl FnOnce(&mut State) -> R) -> Result<R, Status> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    match state.as_mut() {
        Some(state) if state.is_ready => Ok(f(state)),
        _ => Err(failed(NOT_INITIALIZED, "`cuInit` was not called")),
    }
}

fn in_context(what: &str) -> Result<(), Status> {
    if CURRENT.with(|current| *current.borrow()) == CONTEXT {
        return Ok(());
    }
    Err(failed(INVALID_CONTEXT, &format!("{what}: the thread has no context; call `bind_to_thread` first")))
}

fn status(result: Result<(), Status>) -> Status {
    result.err().unwrap_or(SUCCESS)
}

/// Writes to a pointer of the caller's.
fn give<T>(to: *mut T, value: T) -> Result<(), Status> {
    if to.is_null() {
        return Err(failed(INVALID_VALUE, "a null pointer is given where a result goes"));
    }
    // SAFETY: the caller promises that the pointer is valid for a `T`
    unsafe { to.write(value) };
    Ok(())
}

fn known_stream(stream: Handle) -> Result<(), Status> {
    // 0, 1 and 2 are the default streams
    if stream.addr() <= 2 || with_state(|state| state.handles.contains(&stream.addr()))? {
        return Ok(());
    }
    Err(failed(INVALID_HANDLE, "a stream or event was destroyed, or never made"))
}

fn new_handle() -> Result<Handle, Status> {
    with_state(|state| {
        state.last_handle += 16;
        state.handles.insert(state.last_handle);
        std::ptr::without_provenance_mut(state.last_handle)
    })
}

fn drop_handle(handle: Handle) -> Result<(), Status> {
    if with_state(|state| state.handles.remove(&handle.addr()))? {
        return Ok(());
    }
    Err(failed(INVALID_HANDLE, "a stream or event is destroyed that was destroyed before, or never made"))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuInit(_flags: c_uint) -> Status {
    // as the driver: the variable lists the devices that a process sees
    if std::env::var("CUDA_VISIBLE_DEVICES").is_ok_and(|seen| !seen.split(',').any(|device| device == "0")) {
        return NO_DEVICE;
    }
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    if state.is_none() {
        if std::env::var_os("CUDA_STANDIN_TIMES").is_some() {
            // SAFETY: the function is there until the process ends
            unsafe { atexit(tell_times) };
        }
        *state = Some(State {
            is_ready: true,
            modules: Vec::new(),
            functions: Vec::new(),
            read: HashMap::new(),
            handles: HashSet::new(),
            last_handle: 0x1000,
            times: BTreeMap::new(),
        });
    }
    SUCCESS
}

unsafe extern "C" {
    fn atexit(f: extern "C" fn()) -> c_int;
}

/// Says how often each kernel ran and how long, and how often copies and synchronisations were asked for, where `CUDA_STANDIN_TIMES` is set.
extern "C" fn tell_times() {
    let told = with_state(|state| {
        let mut times: Vec<_> = state.times.iter().collect();
        times.sort_by_key(|t| std::cmp::Reverse(t.1.1));
        times
            .iter()
            .map(|(name, (count, time))| format!("{:9.3} s {count:7} times {name}\n", time.as_secs_f64()))
            .collect::<String>()
    });
    if let Ok(told) = told {
        eprint!("{told}");
    }
}

/// Adds to how long a kernel ran.
pub(crate) fn took(name: &str, time: Duration) {
    let _ = with_state(|state| {
        let entry = state.times.entry(name.to_string()).or_default();
        entry.0 += 1;
        entry.1 += time;
    });
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGetErrorName(error: Status, name: *mut *const c_char) -> Status {
    match NAMES.iter().find(|n| n.0 == error) {
        Some(found) => status(give(name, found.1.as_ptr())),
        None => INVALID_VALUE,
    }
}

/// What the thread's last error of this number was about, else its name. The text is never freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGetErrorString(error: Status, text: *mut *const c_char) -> Status {
    let last = LAST.with(|last| last.borrow().clone());
    if last.0 == error && error != SUCCESS {
        return status(give(text, last.1.into_raw().cast_const()));
    }
    // SAFETY: by the caller
    unsafe { cuGetErrorName(error, text) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> Status {
    if ordinal != 0 {
        return failed(INVALID_DEVICE, &format!("there is no device {ordinal}, only device 0"));
    }
    status(with_state(|_| ()).and_then(|()| give(device, 0)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetCount(count: *mut c_int) -> Status {
    status(with_state(|_| ()).and_then(|()| give(count, 1)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceTotalMem_v2(bytes: *mut usize, _device: c_int) -> Status {
    status(give(bytes, TOTAL_BYTES as usize))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetAttribute(value: *mut c_int, attribute: c_uint, _device: c_int) -> Status {
    let known = match attribute {
        1..=3 => 1024,              // threads in a block, and along x and y
        4 => 64,                    // along z
        5 => c_int::MAX,            // blocks along x
        6 | 7 => 65535,             // along y and z
        8 => SHARED_LIMIT as c_int, // shared memory of a block
        10 => 32,                   // threads in a warp
        16 => 1,                    // multiprocessors
        75 => 9,                    // compute capability
        76 => 0,
        115 => 1, // memory pools
        _ => return failed(NOT_SUPPORTED, &format!("attribute {attribute} of the device is not supported")),
    };
    status(give(value, known))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxRetain(context: *mut Handle, _device: c_int) -> Status {
    status(with_state(|_| ()).and_then(|()| give(context, std::ptr::without_provenance_mut(CONTEXT))))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDevicePrimaryCtxRelease_v2(_device: c_int) -> Status {
    status(with_state(|_| ()))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuCtxSetCurrent(context: Handle) -> Status {
    if context.addr() != CONTEXT && !context.is_null() {
        return failed(INVALID_CONTEXT, "there is no such context");
    }
    CURRENT.with(|current| *current.borrow_mut() = context.addr());
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxGetCurrent(context: *mut Handle) -> Status {
    status(give(context, std::ptr::without_provenance_mut(CURRENT.with(|current| *current.borrow()))))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamCreate(stream: *mut Handle, _flags: c_uint) -> Status {
    status(in_context("cuStreamCreate").and_then(|()| new_handle()).and_then(|handle| give(stream, handle)))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamDestroy_v2(stream: Handle) -> Status {
    status(drop_handle(stream))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamSynchronize(stream: Handle) -> Status {
    took("cuStreamSynchronize", Duration::ZERO);
    status(known_stream(stream))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamWaitEvent(stream: Handle, event: Handle, _flags: c_uint) -> Status {
    status(known_stream(stream).and_then(|()| known_stream(event)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventCreate(event: *mut Handle, _flags: c_uint) -> Status {
    status(in_context("cuEventCreate").and_then(|()| new_handle()).and_then(|handle| give(event, handle)))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuEventRecord(event: Handle, stream: Handle) -> Status {
    status(known_stream(event).and_then(|()| known_stream(stream)))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuEventDestroy_v2(event: Handle) -> Status {
    status(drop_handle(event))
}

fn allocate(what: &str, to: *mut u64, bytes: usize) -> Result<(), Status> {
    in_context(what)?;
    let mut memory = MEMORY.write().unwrap_or_else(PoisonError::into_inner);
    let fits = memory.live_bytes.saturating_add(bytes as u64) <= TOTAL_BYTES;
    match fits.then(|| memory.allocate(bytes)).flatten() {
        Some(address) => give(to, address),
        None => Err(failed(OUT_OF_MEMORY, &format!("{what}: there are no {bytes} bytes left"))),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAllocAsync(to: *mut u64, bytes: usize, stream: Handle) -> Status {
    status(known_stream(stream).and_then(|()| allocate("cuMemAllocAsync", to, bytes)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAlloc_v2(to: *mut u64, bytes: usize) -> Status {
    if bytes == 0 {
        return failed(INVALID_VALUE, "cuMemAlloc: 0 bytes are asked for");
    }
    status(allocate("cuMemAlloc", to, bytes))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemFree_v2(address: u64) -> Status {
    let freed = in_context("cuMemFree").and_then(|()| {
        let mut memory = MEMORY.write().unwrap_or_else(PoisonError::into_inner);
        memory.free(address).map_err(|r| failed(INVALID_VALUE, &format!("cuMemFree of {address:#x}: {}", r.cause)))
    });
    status(freed)
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemFreeAsync(address: u64, stream: Handle) -> Status {
    match known_stream(stream) {
        Ok(()) => cuMemFree_v2(address),
        Err(error) => error,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> Status {
    let live = MEMORY.read().unwrap_or_else(PoisonError::into_inner).live_bytes;
    let left = TOTAL_BYTES.saturating_sub(live);
    status(give(free, left as usize).and_then(|()| give(total, TOTAL_BYTES as usize)))
}

/// Where bytes of the device lie, or the error that says why not.
pub(crate) fn place(memory: &Memory, what: &str, address: u64, bytes: usize) -> Result<Place, Status> {
    memory.resolve(address, bytes).map_err(|Refused { cause, size, .. }| {
        failed(ILLEGAL_ADDRESS, &format!("{what}: {size} bytes at {address:#x}: {cause}"))
    })
}

fn memset(what: &str, address: u64, value: u8, bytes: usize) -> Result<(), Status> {
    in_context(what)?;
    if bytes == 0 {
        return Ok(());
    }
    let memory = MEMORY.read().unwrap_or_else(PoisonError::into_inner);
    let place = place(&memory, what, address, bytes)?;
    // SAFETY: resolved for as many bytes
    unsafe {
        std::ptr::write_bytes(place.data, value, bytes);
        place.set_known(bytes);
    }
    Ok(())
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemsetD8_v2(address: u64, value: u8, bytes: usize) -> Status {
    status(memset("cuMemsetD8", address, value, bytes))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemsetD8Async(address: u64, value: u8, bytes: usize, stream: Handle) -> Status {
    status(known_stream(stream).and_then(|()| memset("cuMemsetD8Async", address, value, bytes)))
}

/// Whether a host pointer is one.
fn host(what: &str, pointer: *const c_void) -> Result<(), Status> {
    if pointer.is_null() || pointer.addr() as u64 >= 1 << 48 {
        return Err(failed(INVALID_VALUE, &format!("{what}: {pointer:?} is no host memory")));
    }
    Ok(())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyHtoD_v2(to: u64, from: *const c_void, bytes: usize) -> Status {
    let what = "a copy from the host";
    let copied = in_context(what).and_then(|()| {
        if bytes == 0 {
            return Ok(());
        }
        took("cuMemcpyHtoD", Duration::ZERO);
        host(what, from)?;
        let memory = MEMORY.read().unwrap_or_else(PoisonError::into_inner);
        let place = place(&memory, what, to, bytes)?;
        // SAFETY: resolved for as many bytes, and the caller promises as many at `from`
        unsafe {
            std::ptr::copy_nonoverlapping(from.cast(), place.data, bytes);
            place.set_known(bytes);
        }
        Ok(())
    });
    status(copied)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyHtoDAsync_v2(to: u64, from: *const c_void, bytes: usize, stream: Handle) -> Status {
    match known_stream(stream) {
        // SAFETY: by the caller
        Ok(()) => unsafe { cuMemcpyHtoD_v2(to, from, bytes) },
        Err(error) => error,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoH_v2(to: *mut c_void, from: u64, bytes: usize) -> Status {
    let what = "a copy to the host";
    let copied = in_context(what).and_then(|()| {
        if bytes == 0 {
            return Ok(());
        }
        took("cuMemcpyDtoH", Duration::ZERO);
        host(what, to)?;
        let memory = MEMORY.read().unwrap_or_else(PoisonError::into_inner);
        let place = place(&memory, what, from, bytes)?;
        // SAFETY: resolved for as many bytes, and the caller promises as many at `to`
        unsafe {
            if !place.is_known(bytes) {
                return Err(failed(INVALID_VALUE, &format!("{what}: of {bytes} bytes, nothing has written some")));
            }
            std::ptr::copy_nonoverlapping(place.data, to.cast(), bytes);
        }
        Ok(())
    });
    status(copied)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: u64, bytes: usize, stream: Handle) -> Status {
    match known_stream(stream) {
        // SAFETY: by the caller
        Ok(()) => unsafe { cuMemcpyDtoH_v2(to, from, bytes) },
        Err(error) => error,
    }
}

/// Copies bytes, and whether they were ever written.
#[unsafe(no_mangle)]
pub extern "C" fn cuMemcpyDtoD_v2(to: u64, from: u64, bytes: usize) -> Status {
    let what = "a copy on the device";
    let copied = in_context(what).and_then(|()| {
        if bytes == 0 {
            return Ok(());
        }
        let memory = MEMORY.read().unwrap_or_else(PoisonError::into_inner);
        let (target, source) = (place(&memory, what, to, bytes)?, place(&memory, what, from, bytes)?);
        if to.abs_diff(from) < bytes as u64 {
            return Err(failed(INVALID_VALUE, &format!("{what}: source and target overlap")));
        }
        // SAFETY: both are resolved for as many bytes
        unsafe {
            std::ptr::copy(source.data, target.data, bytes);
            std::ptr::copy(source.known, target.known, bytes);
        }
        Ok(())
    });
    status(copied)
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemcpyDtoDAsync_v2(to: u64, from: u64, bytes: usize, stream: Handle) -> Status {
    match known_stream(stream) {
        Ok(()) => cuMemcpyDtoD_v2(to, from, bytes),
        Err(error) => error,
    }
}

fn load(text: &str) -> Result<usize, Status> {
    in_context("cuModuleLoad")?;
    // as the real driver; one that is older than the PTX refuses it as well
    if std::env::var("CUDA_DISABLE_PTX_JIT").is_ok_and(|disabled| disabled == "1") {
        return Err(failed(JIT_DISABLED, "a module's PTX: the environment disables its compilation"));
    }
    let cached = with_state(|state| state.read.get(text).cloned())?;
    let module = match cached {
        Some(module) => module,
        None => {
            let module = ptx::read(text).map_err(|error| failed(INVALID_PTX, &format!("a module's PTX: {error}")))?;
            let module = Arc::new(module);
            with_state(|state| state.read.insert(text.to_string(), module.clone()))?;
            module
        }
    };
    let mut globals = HashMap::new();
    for variable in module.variables.iter().filter(|v| v.space == Space::Global) {
        let mut address = 0;
        allocate("cuModuleLoad", &raw mut address, variable.bytes)?;
        memset("cuModuleLoad", address, 0, variable.bytes)?;
        let bytes = variable.initial.len();
        // SAFETY: the variable's initial bytes are on the host
        let copied = unsafe { cuMemcpyHtoD_v2(address, variable.initial.as_ptr().cast(), bytes) };
        if bytes > 0 && copied != SUCCESS {
            return Err(copied);
        }
        globals.insert(variable.name.clone(), address);
    }
    with_state(|state| {
        state.modules.push(Some(LoadedModule { module, globals, functions: Vec::new() }));
        state.modules.len()
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleLoadData(module: *mut Handle, image: *const c_void) -> Status {
    if image.is_null() {
        return failed(INVALID_VALUE, "cuModuleLoadData: there is no image");
    }
    // SAFETY: the caller promises text that ends with a NUL
    let text = unsafe { CStr::from_ptr(image.cast()) };
    let loaded = text.to_str().map_err(|_| failed(INVALID_PTX, "a module is no text; only PTX is supported"));
    status(loaded.and_then(load).and_then(|number| give(module, std::ptr::without_provenance_mut(number))))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleLoad(module: *mut Handle, path: *const c_char) -> Status {
    if path.is_null() {
        return failed(INVALID_VALUE, "cuModuleLoad: there is no path");
    }
    // SAFETY: the caller promises text that ends with a NUL
    let path = unsafe { CStr::from_ptr(path) }.to_string_lossy().into_owned();
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|error| failed(FILE_NOT_FOUND, &format!("{path}: {error}; only PTX is supported")));
    status(text.and_then(|text| load(&text)).and_then(|number| give(module, std::ptr::without_provenance_mut(number))))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleGetFunction(function: *mut Handle, module: Handle, name: *const c_char) -> Status {
    if name.is_null() {
        return failed(INVALID_VALUE, "cuModuleGetFunction: there is no name");
    }
    // SAFETY: the caller promises text that ends with a NUL
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    let found = with_state(|state| {
        let loaded = module.addr().checked_sub(1).and_then(|number| state.modules.get_mut(number)?.as_mut());
        let Some(loaded) = loaded else {
            return Err(failed(INVALID_HANDLE, "the module was unloaded, or never loaded"));
        };
        if !loaded.module.functions.get(&name).is_some_and(|f| f.is_entry) {
            return Err(failed(NOT_FOUND, &format!("the module has no kernel `{name}`")));
        }
        let kernel = decode::kernel(&loaded.module, &loaded.globals, &name);
        let kernel = kernel.map_err(|error| failed(INVALID_PTX, &error))?;
        loaded.functions.push(state.functions.len());
        state.functions.push(Some(Arc::new(kernel)));
        Ok(state.functions.len())
    });
    let found = found.and_then(|found| found);
    status(found.and_then(|number| give(function, std::ptr::without_provenance_mut(number))))
}

#[unsafe(no_mangle)]
pub extern "C" fn cuModuleUnload(module: Handle) -> Status {
    let taken = with_state(|state| {
        let loaded = module.addr().checked_sub(1).and_then(|number| state.modules.get_mut(number)?.take())?;
        for &function in &loaded.functions {
            state.functions[function] = None;
        }
        Some(loaded.globals)
    });
    let globals = match taken {
        Ok(Some(globals)) => globals,
        Ok(None) => return failed(INVALID_HANDLE, "a module is unloaded that was unloaded before, or never loaded"),
        Err(error) => return error,
    };
    globals.values().map(|&address| cuMemFree_v2(address)).find(|&s| s != SUCCESS).unwrap_or(SUCCESS)
}

#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "the driver's")]
pub unsafe extern "C" fn cuLaunchKernel(
    function: Handle,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    shared_bytes: c_uint,
    stream: Handle,
    params: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> Status {
    let launched = || -> Result<(), Status> {
        in_context("cuLaunchKernel")?;
        known_stream(stream)?;
        let kernel =
            with_state(|state| function.addr().checked_sub(1).and_then(|number| state.functions.get(number)?.clone()))?;
        let Some(kernel) = kernel else {
            return Err(failed(INVALID_HANDLE, "a kernel is launched whose module was unloaded, or never loaded"));
        };
        if !extra.is_null() || params.is_null() && !kernel.params.is_empty() {
            return Err(failed(INVALID_VALUE, &format!("kernel `{}` is launched without parameters", kernel.name)));
        }
        let mut bytes = vec![0u8; kernel.param_bytes];
        for (i, &(offset, size)) in kernel.params.iter().enumerate() {
            // SAFETY: the caller promises a pointer for each parameter, and at each as many bytes as it has
            let from = unsafe { params.add(i).read() };
            host(&format!("parameter {i} of kernel `{}`", kernel.name), from)?;
            // SAFETY: as above
            let from = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), size) };
            bytes[offset..offset + size].copy_from_slice(from);
        }
        let memory = MEMORY.read().unwrap_or_else(PoisonError::into_inner);
        let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
        let start = Instant::now();
        let ran = launch::launch(&kernel, &memory, grid, block, shared_bytes as usize, &bytes, helpers());
        drop(memory);
        took(&kernel.name, start.elapsed());
        ran.map_err(|Failure { kind, cause }| {
            let status = match kind {
                None => INVALID_VALUE,
                Some(FaultKind::Address) => ILLEGAL_ADDRESS,
                Some(FaultKind::Alignment) => MISALIGNED,
                Some(FaultKind::Assertion) => ASSERT,
                Some(FaultKind::Other) => LAUNCH_FAILED,
            };
            failed(status, &cause)
        })
    };
    status(launched())
}

/// Threads of the host that help with a large launch: `CUDA_STANDIN_THREADS` less the one that calls, else its cores.
fn helpers() -> usize {
    static HELPERS: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *HELPERS.get_or_init(|| {
        let set = std::env::var("CUDA_STANDIN_THREADS").ok().and_then(|n| n.parse::<usize>().ok());
        let threads = set.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1);
        threads.saturating_sub(1)
    })
}

/// What NVRTC asks of a driver, to learn whether it has features that are in no manual. There are none.
#[unsafe(no_mangle)]
pub extern "C" fn cuGetExportTable(_table: *mut *const c_void, _id: *const c_void) -> Status {
    NOT_FOUND
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDriverGetVersion(version: *mut c_int) -> Status {
    status(give(version, 13000))
}

/// Functions that cudarc declares and nobody here calls.
macro_rules! unsupported {
    ($($name:ident),*) => {$(
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> Status {
            failed(NOT_SUPPORTED, concat!("`", stringify!($name), "` is not supported"))
        }
    )*};
}
unsupported!(
    cuOccupancyAvailableDynamicSMemPerBlock,
    cuOccupancyMaxActiveBlocksPerMultiprocessor,
    cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags,
    cuOccupancyMaxActiveClusters,
    cuOccupancyMaxPotentialBlockSize,
    cuOccupancyMaxPotentialBlockSizeWithFlags,
    cuOccupancyMaxPotentialClusterSize,
    cuEventElapsedTime,
    cuImportExternalMemory,
    cuDestroyExternalMemory,
    cuExternalMemoryGetMappedBuffer,
    cuProfilerStart,
    cuProfilerStop
);
