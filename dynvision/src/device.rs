//! Where a model runs.
//!
//! A device is a type: [`Cpu`], or `Cuda` where the crate is built with the feature `cuda`. Code that is generic over
//! [`VisionDevice`](crate::kernels::VisionDevice) runs on both; [`Auto`] is the one that the crate is built for.
//!
//! On the CPU, [`kernels`](crate::kernels) are our own, vectorised for AVX-512, AVX2 or NEON where the processor has them; the
//! environment variable `DYNVISION_ISA` (`portable`, `avx2`, `avx512`, `neon`) keeps a process from the better ones. On CUDA, most
//! are our own as well, cuBLAS multiplies matrices, and the rest is composed of dfdx's operations; `docs/cuda.md` has the
//! table, and says what has been run where.
//!
//! [`best`] takes a GPU where there is one, and says why not where there is none; [`named`] takes what a user names. A
//! program that is built with `cuda` needs NVIDIA's driver to start at all, since cudarc links it.
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

/// A device that is chosen while the program runs.
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::device::{AnyDevice, best};
/// use dynvision::kernels::VisionDevice;
///
/// fn answer<D: VisionDevice<f32>>(dev: &D) -> f32 {
///     let x: Tensor<Rank1<2>, f32, D> = dev.ones();
///     x.sum::<Rank0, _>().as_vec()[0]
/// }
///
/// let answer = match best(1).device {
///     AnyDevice::Cpu(dev) => answer(&dev),
///     #[cfg(feature = "cuda")]
///     AnyDevice::Cuda(dev) => answer(&dev),
/// };
/// assert_eq!(answer, 2.0);
/// ```
#[derive(Clone, Debug)]
pub enum AnyDevice {
    /// The CPU.
    Cpu(Cpu),
    /// A GPU.
    #[cfg(feature = "cuda")]
    Cuda(Cuda),
}

/// What [`best`] found.
#[derive(Debug)]
pub struct Best {
    /// The device.
    pub device: AnyDevice,
    /// Why it is not a GPU: the crate is built without the feature `cuda`, there is none, or its driver cannot start it or
    /// is older than the toolkit that the program is built with.
    pub no_gpu: Option<Error>,
}

/// Opens the first GPU where there is one that can be used, else the CPU. Random numbers that dfdx draws on it follow from
/// `seed`.
///
/// ```
/// use dynvision::device::{AnyDevice, best};
/// let found = best(1);
/// assert_eq!(found.no_gpu.is_some(), matches!(found.device, AnyDevice::Cpu(_)));
/// ```
pub fn best(seed: u64) -> Best {
    match gpu(0, seed) {
        Ok(device) => Best { device, no_gpu: None },
        Err(error) => Best { device: AnyDevice::Cpu(Cpu::seed_from_u64(seed)), no_gpu: Some(error) },
    }
}

/// Opens the device of a name: `cpu`, `cuda`, or `cuda:` and the number of a GPU, counted from 0.
///
/// ```
/// use dynvision::device::{AnyDevice, named};
/// assert!(matches!(named("cpu", 1)?, AnyDevice::Cpu(_)));
/// assert!(named("gpu", 1).unwrap_err().to_string().contains("`cuda:0`"));
/// # Ok::<(), dynvision::error::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] for another name, [`Error::Device`] where that GPU cannot be used.
pub fn named(name: &str, seed: u64) -> Result<AnyDevice> {
    let ordinal = match name {
        "cpu" => return Ok(AnyDevice::Cpu(Cpu::seed_from_u64(seed))),
        "cuda" => Some(0),
        _ => name.strip_prefix("cuda:").and_then(|number| number.parse().ok()),
    };
    let unknown =
        || Error::Setting(format!("no device is named `{name}`; there are `cpu`, `cuda` and `cuda:0`, `cuda:1`, .."));
    gpu(ordinal.ok_or_else(unknown)?, seed)
}

#[cfg(feature = "cuda")]
fn gpu(ordinal: usize, seed: u64) -> Result<AnyDevice> {
    cuda(ordinal, seed).map(AnyDevice::Cuda)
}

#[cfg(not(feature = "cuda"))]
fn gpu(_: usize, _: u64) -> Result<AnyDevice> {
    Err(Error::Device("this program is built without CUDA; build it with the feature `cuda` of dynvision".into()))
}

/// Returns the version of cuDNN that convolutions on GPUs use, such as 91500 for 9.15.
///
/// # Errors
/// [`Error::Device`] where cuDNN is not found or too old: convolutions are then our own and cuBLAS's, as they are without the
/// feature `cudnn`.
#[cfg(feature = "cudnn")]
pub fn cudnn() -> Result<usize> {
    crate::kernels::cudnn().map_err(Error::Device)
}

/// Sets whether cuDNN may compute convolutions of `f32` with TF32, whose factors have ten binary digits, for the whole process.
/// Not unless said: GPUs do so several times as fast, and results are only right to about 1e-3 of their size.
#[cfg(feature = "cudnn")]
pub fn allow_tf32(allowed: bool) {
    crate::kernels::allow_tf32(allowed);
}

/// Opens GPU number `ordinal`, counted from 0. Asks the driver first, since dfdx panics where there is none to open.
///
/// # Errors
/// [`Error::Device`] where the driver finds no such GPU, cannot start it, or does not take our kernels.
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
    let dev = Cuda::try_build(ordinal, seed).map_err(Error::device)?;
    crate::kernels::probe(&dev).map_err(|error| {
        Error::Device(format!(
            "GPU {ordinal} does not take the kernels: {error}; its driver may be older than the CUDA toolkit that this \
             program is built with, or the GPU older than the kernels are built for"
        ))
    })?;
    Ok(dev)
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
