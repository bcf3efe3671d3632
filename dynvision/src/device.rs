//! Where a model runs.
//!
//! A device is a type: [`Cpu`], or `Cuda` where the crate is built with the feature `cuda`. Code that is generic over
//! [`VisionDevice`](crate::kernels::VisionDevice) runs on both; [`Auto`] is the one that the crate is built for.
//!
//! On the CPU, [`kernels`](crate::kernels) are our own. On CUDA they are composed of dfdx's operations. The compositions
//! are tested on the CPU; the code for CUDA is type-checked without a toolkit (`--features ci-check`) and builds with that
//! of CUDA 13.0, but has not been run on a GPU yet. Where there is one, `cargo test --features cuda --test cuda` compares
//! every operation and a model's gradients with the CPU's. A program that is built with `cuda` needs NVIDIA's driver to
//! start at all.

pub use dfdx::prelude::Cpu;
#[cfg(feature = "cuda")]
pub use dfdx::prelude::Cuda;

use crate::error::Result;

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
/// [`Error::Device`](crate::error::Error::Device) where the crate is built for CUDA and no GPU can be used.
pub fn auto(seed: u64) -> Result<Auto> {
    #[cfg(feature = "cuda")]
    return cuda(0, seed);
    #[cfg(not(feature = "cuda"))]
    Ok(Cpu::seed_from_u64(seed))
}

/// Opens GPU number `ordinal`, counted from 0. Asks the driver first, since dfdx panics where there is none to open.
///
/// # Errors
/// [`Error::Device`](crate::error::Error::Device) where the driver finds no such GPU, or cannot start it.
#[cfg(feature = "cuda")]
pub fn cuda(ordinal: usize, seed: u64) -> Result<Cuda> {
    use crate::error::Error;
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
