//! Where dfdx's tensors and gradients lie on the GPU, and launches of our kernels on them.
//!
//! Kernels run on dfdx's own stream, so that they and dfdx's follow each other. dfdx gives out the memory of a gradient,
//! but not that of a tensor, whose address only its `Debug` text tells: a version of dfdx that writes another text is
//! refused with an error. dfdx's version is pinned.
#![allow(unsafe_code)] // each block carries its argument

use cudarc::driver::sys::{CUdeviceptr, CUresult};
use cudarc::driver::{
    CudaDevice, CudaFunction, DevicePtr, DevicePtrMut, DeviceRepr, DeviceSlice, DriverError, LaunchAsync, LaunchConfig,
};
use cudarc::nvrtc::Ptx;
use dfdx::prelude::*;
use dfdx::tensor::CudaError;
use std::fmt::Write;
use std::sync::Arc;

/// An address on the GPU; 0 where there is none.
pub(super) type Address = CUdeviceptr;
/// A gradient.
pub(super) type Buf<E> = <Cuda as Storage<E>>::Vec;

/// Threads of a block, of a block that sums as well.
const THREADS: u32 = 256;
/// Blocks that are enough to keep a GPU busy: their threads take several elements each.
const BLOCKS: u32 = 1 << 16;
/// Blocks of which each leaves a part of a sum.
pub(super) const PARTS: usize = 256;

/// The kernels of one file.
pub(super) struct Module {
    pub(super) name: &'static str,
    pub(super) ptx: &'static str,
    pub(super) kernels: &'static [&'static str],
}

/// How many threads a kernel runs on.
pub(super) enum Threads {
    /// One for each of so many elements, or fewer.
    Each(usize),
    /// So many blocks, each for one thing.
    Blocks(usize),
}

/// The name of a kernel for the type of number.
pub(super) fn of<E>(f32: &'static str, f64: &'static str) -> &'static str {
    if size_of::<E>() == 4 { f32 } else { f64 }
}

/// What does not fit is refused in dfdx's words.
pub(super) fn refused() -> CudaError {
    CudaError::Cpu(CpuError::WrongNumElements)
}

/// Whether all the lengths are `len`.
pub(super) fn fits(len: usize, lens: &[usize]) -> Result<(), CudaError> {
    if lens.iter().all(|&l| l == len) { Ok(()) } else { Err(refused()) }
}

/// dfdx's own handle of the GPU.
pub(super) fn handle(dev: &Cuda) -> Result<Arc<CudaDevice>, CudaError> {
    Ok(Storage::<f32>::try_alloc_len(dev, 0)?.device())
}

/// How many elements a gradient has.
pub(super) fn len<E: Unit>(buffer: &Buf<E>) -> usize {
    DeviceSlice::<E>::len(buffer)
}

/// Where a gradient lies, to be read.
pub(super) fn read<E: Unit>(buffer: &Buf<E>) -> Address {
    *DevicePtr::<E>::device_ptr(buffer)
}

/// Where a gradient lies, to be written.
pub(super) fn write<E: Unit>(buffer: &mut Buf<E>) -> Address {
    *DevicePtrMut::<E>::device_ptr_mut(buffer)
}

/// Where the elements of a tensor begin that lie in one piece: one that [`whole`] gives, or that was just made.
pub(super) fn address<S: Shape, E: Unit>(tensor: &Tensor<S, E, Cuda>) -> Result<Address, CudaError> {
    /// Keeps what is in front of the device, which is all that is wanted.
    struct Front(String);
    impl Write for Front {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.push_str(text);
            if self.0.contains(", device: ") { Err(std::fmt::Error) } else { Ok(()) }
        }
    }
    let mut front = Front(String::new());
    // ends in an error as soon as enough is known
    let _ = write!(front, "{tensor:?}");
    let number = |key: &str| -> Option<u64> {
        let from = &front.0[front.0.find(key)? + key.len()..];
        from[..from.find(|c: char| !c.is_ascii_digit())?].parse().ok()
    };
    let found = number("cu_device_ptr: ").zip(number("len: "));
    match found.filter(|&(_, len)| usize::try_from(len) == Ok(tensor.shape().num_elements())) {
        Some((address, _)) => Ok(address),
        None => Err(refused()),
    }
}

/// The tensor, copied where its elements do not lie in the order of its shape in one piece.
pub(super) fn whole<S: Shape, E: Dtype>(tensor: &Tensor<S, E, Cuda>) -> Result<Tensor<S, E, Cuda>, CudaError>
where
    Cuda: Device<E>,
{
    tensor.clone().try_contiguous()
}

/// Where a tensor lies whose gradient lies as it does, with `len` elements; `None` for a view.
pub(super) fn exact<S: Shape, E: Dtype>(tensor: &Tensor<S, E, Cuda>, len: usize) -> Result<Option<Address>, CudaError>
where
    Cuda: Device<E>,
{
    fits(tensor.shape().num_elements(), &[len])?;
    let at = address(&whole(tensor)?)?;
    Ok(address(tensor).ok().filter(|&own| own == at))
}

/// Loads the kernels of a file.
pub(super) fn load(handle: &Arc<CudaDevice>, module: &Module) -> Result<(), CudaError> {
    Ok(handle.load_ptx(Ptx::from_src(module.ptx), module.name, module.kernels)?)
}

/// Starts a kernel, behind all that was started before.
///
/// The caller has seen that each address holds as many elements as the kernel reads or writes there; a kernel takes its
/// number of elements first, and no thread goes beyond it.
pub(super) fn launch<P>(
    handle: &Arc<CudaDevice>,
    module: &Module,
    kernel: &'static str,
    threads: Threads,
    params: P,
) -> Result<(), CudaError>
where
    CudaFunction: LaunchAsync<P>,
{
    let blocks = match threads {
        Threads::Each(n) => n.div_ceil(THREADS as usize).min(BLOCKS as usize),
        Threads::Blocks(n) => n,
    };
    let blocks = i32::try_from(blocks).map_err(|_| refused())?.unsigned_abs();
    if blocks == 0 {
        return Ok(());
    }
    if !handle.has_func(module.name, kernel) {
        load(handle, module)?;
    }
    let function = handle.get_func(module.name, kernel).ok_or(DriverError(CUresult::CUDA_ERROR_NOT_FOUND))?;
    let config = LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 };
    // SAFETY: the parameters are those of the kernel, in number and size, as each caller writes them beside the kernel's name;
    // their addresses hold what the kernel reads and writes, as the caller has seen.
    Ok(unsafe { function.launch(config, params) }?)
}

/// Sizes that a kernel takes as one structure of 64-bit numbers.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Sizes<const N: usize>(pub(super) [u64; N]);

// SAFETY: an array of 64-bit numbers is laid out as the structure of as many of them that the kernels declare.
unsafe impl<const N: usize> DeviceRepr for Sizes<N> {}
