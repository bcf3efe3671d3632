//! A stand-in for NVIDIA's driver, cuBLAS and cuDNN: a shared library with the part of their C interface that cudarc 0.9.15,
//! dfdx 0.13 and dynvision call. It needs no GPU. The code under test is the one that a GPU would run: the program is the same, and so is
//! the PTX that `nvcc` and NVRTC make of the kernels, which is interpreted here, warp by warp.
//!
//! It checks what hardware hides. Each of these ends the call with an error that names the kernel, the thread and the cause:
//!
//! - reads and writes beyond an allocation, of freed memory (addresses are never given out twice), through host or null
//!   pointers, or at addresses that are not aligned;
//! - reads of memory that nothing has written, also by copies to the host and by cuBLAS;
//! - two threads that use the same byte of shared memory, one of them to write it, without a barrier between them;
//! - barriers that only some threads of a block reach;
//! - launches with no threads, more than a block may have, or too much shared memory;
//! - kernels that do not end.
//!
//! What it cannot see: kernels of two streams that should wait for each other (all calls run at once and in order), two
//! threads that write the same global memory, the number and sizes of a kernel's arguments, which the driver's interface does
//! not carry, and time. Approximate instructions (`ex2.approx` and its like) are computed to the last place, where hardware
//! may be two units off. An error does not make the context unusable, as the driver's would.

mod blas;
mod cudnn;
mod decode;
mod driver;
mod ir;
mod lanes;
mod launch;
mod memory;
mod ptx;
mod shared;
mod warp;

pub use blas::*;
pub use cudnn::*;
pub use driver::*;
