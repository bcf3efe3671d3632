//! Where a model runs.
//!
//! A device is a type: [`Cpu`], or `Cuda` where the crate is built with the feature `cuda`. Code that is generic over
//! [`VisionDevice`](crate::kernels::VisionDevice) runs on both; [`Auto`] is the one that the crate is built for.
//!
//! On the CPU, [`kernels`](crate::kernels) are our own, vectorised for AVX-512 or AVX2 where the processor has them; the
//! environment variable `DYNVISION_ISA` (`portable`, `avx2`, `avx512`) keeps a process from the better ones. On CUDA they are
//! composed of dfdx's operations. The compositions
//! are tested on the CPU; the code for CUDA is type-checked without a toolkit (`--features ci-check`) and builds with that
//! of CUDA 13.0, but has not been run on a GPU yet. Where there is one, `cargo test --features cuda --test cuda` compares
//! every operation and a model's gradients with the CPU's. A program that is built with `cuda` needs NVIDIA's driver to
//! start at all.
//!
//! # Threads
//! All work on the CPU runs in rayon's current pool, and nothing else starts threads: matrix products inside a kernel are
//! single-threaded, so cores are never oversubscribed. How many threads the pool has is set
//!
//! - from outside by the environment variable `RAYON_NUM_THREADS`,
//! - by [`set_threads`], once, before the first run,
//! - for some runs by [`with_threads`], which has a pool of its own; `rayon::ThreadPool::install` does the same with yours.
//!
//! Otherwise it has one for each core. The thread that starts a run works as well, and is helped by one thread less than the
//! pool has. Results are the same bits on any number of threads. Several models may run at once, each in a thread of its
//! own: they share the pool, or each has its own by [`with_threads`].

pub use dfdx::prelude::Cpu;
#[cfg(feature = "cuda")]
pub use dfdx::prelude::Cuda;

use crate::error::{Error, Result};

pub use dynvision_kernels::conv::{Algorithm, with_algorithm};

/// The device that the crate is built for: `Cuda` with the feature `cuda`, otherwise [`Cpu`].
#[cfg(feature = "cuda")]
pub type Auto = Cuda;
/// The device that the crate is built for: `Cuda` with the feature `cuda`, otherwise [`Cpu`].
#[cfg(not(feature = "cuda"))]
pub type Auto = Cpu;

/// Opens the device that the crate is built for, the first GPU if it is CUDA. Random numbers that dfdx draws on it
/// follow from `seed`.
///
/// ```
/// use dfdx::prelude::*;
/// let dev = dynvision::device::auto(1)?;
/// let x: Tensor<Rank1<3>, f32, _> = dev.sample_normal();
/// assert_eq!(x.array(), SampleTensor::<f32>::sample_normal::<Rank1<3>>(&dynvision::device::auto(1)?).array());
/// # Ok::<(), dynvision::error::Error>(())
/// ```
///
/// # Errors
/// [`Error::Device`] where the crate is built for CUDA and no GPU can be used.
pub fn auto(seed: u64) -> Result<Auto> {
    #[cfg(feature = "cuda")]
    return cuda(0, seed);
    #[cfg(not(feature = "cuda"))]
    Ok(Cpu::seed_from_u64(seed))
}

/// Opens GPU number `ordinal`, counted from 0. Asks the driver first, since dfdx panics where there is none to open.
///
/// # Errors
/// [`Error::Device`] where the driver finds no such GPU, or cannot start it.
#[cfg(feature = "cuda")]
pub fn cuda(ordinal: usize, seed: u64) -> Result<Cuda> {
    use cudarc::driver::result::{self, DriverError};
    let refused = |error: DriverError| {
        let name = error.error_name().ok().and_then(|name| name.to_str().ok()).unwrap_or("unnamed");
        Error::Device(format!(
            "CUDA cannot start ({name}, number {}); it needs an NVIDIA GPU and its driver, `Cpu::default()` needs neither",
            error.0 as u32
        ))
    };
    result::init().map_err(refused)?;
    let count = usize::try_from(result::device::get_count().map_err(refused)?).unwrap_or(0);
    if ordinal >= count {
        return Err(Error::Device(format!(
            "there is no GPU number {ordinal}: the driver finds {count}, counted from 0"
        )));
    }
    Cuda::try_build(ordinal, seed).map_err(Error::device)
}

/// Sets how many threads work on a run on the CPU, the one that calls it among them. Call it once, before the first run.
///
/// ```
/// dynvision::device::set_threads(2)?;
/// assert_eq!(dynvision::device::threads(), 2);
/// assert!(dynvision::device::set_threads(3).is_err(), "the threads run already");
/// # Ok::<(), dynvision::error::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] for 0 threads, and where another number of threads runs already.
pub fn set_threads(threads: usize) -> Result<()> {
    match builder(threads)?.build_global() {
        Err(_) if rayon::current_num_threads() != threads => Err(Error::Setting(format!(
            "the CPU's {} threads run already and cannot become {threads}; call `set_threads` before the first run, or run \
             inside `with_threads({threads}, ..)`",
            rayon::current_num_threads()
        ))),
        _ => Ok(()),
    }
}

/// How many threads work on a run that is started here.
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Calls `run` in a pool of so many threads, which end with it.
///
/// ```
/// use dynvision::{device::with_threads, prelude::*, zoo::SimpleRCNN};
/// let dev = Cpu::default();
/// let net = dev.build_module::<SimpleRCNN, f32>();
/// let images = dev.sample_normal_like(&(2, Const, Const, Const));
/// let run = || net.try_run(Stimulus::constant(images.clone(), 3)).map(|logits| logits.as_vec());
/// assert_eq!(with_threads(1, run)??, with_threads(3, run)??); // the same bits
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] for 0 threads, [`Error::Device`] where the system gives no threads.
pub fn with_threads<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> Result<R> {
    Ok(builder(threads)?.build().map_err(Error::device)?.install(run))
}

fn builder(threads: usize) -> Result<rayon::ThreadPoolBuilder> {
    if threads == 0 {
        return Err(Error::Setting("0 threads cannot work; set at least 1".into()));
    }
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads))
}
