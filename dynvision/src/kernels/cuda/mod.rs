//! CUDA: kernels of our own for most operations, in `cuda/*.cu`, cuBLAS for products of matrices, cuDNN for
//! convolutions where the feature `cudnn` asks for it, and for the rest the compositions of dfdx's operations, which are the default methods of each operation's trait.
//!
//! Inputs of forward methods may be views, which are copied. Where the gradient of a view is asked for, the composition runs.
//! Sums have a fixed order, so that a run is the same bits again; dfdx's own kernels do not promise that.

mod bias;
mod conv;
#[cfg(feature = "cudnn")]
mod cudnn;
#[cfg(not(feature = "cudnn"))]
#[path = "no_cudnn.rs"]
mod cudnn;
mod gather;
mod leaky;
mod loss;
mod norm;
mod optimizer;
mod pointwise;
mod pool;
mod raw;
mod resize;
mod stack;

use super::*;
use dfdx::tensor::CudaError;

/// The kernels of a file of `cuda/`.
macro_rules! module {
    ($name:literal: $($kernel:literal),* $(,)?) => {
        raw::Module {
            name: concat!("dynvision_", $name),
            ptx: include_str!(concat!(env!("OUT_DIR"), "/", $name, ".ptx")),
            kernels: &[$(concat!($kernel, "_f32"), concat!($kernel, "_f64")),*],
        }
    };
}
use module;

/// The name of a kernel for a type of number.
macro_rules! named {
    ($kernel:literal, $E:ty) => {
        raw::of::<$E>(concat!($kernel, "_f32"), concat!($kernel, "_f64"))
    };
}
use named;

#[cfg(feature = "cudnn")]
pub(crate) use cudnn::{allow_tf32, version as cudnn};

/// Loads one of the kernels: a driver that is older than the toolkit they are built with refuses all of them.
pub(crate) fn probe(dev: &Cuda) -> Result<(), CudaError> {
    raw::load(&raw::handle(dev)?, &leaky::LEAKY)
}

/// All that a model asks of a device is there, in both dtypes.
const _: fn() = || {
    fn serves<E: Element, D: VisionDevice<E>>() {}
    serves::<f32, Cuda>();
    serves::<f64, Cuda>();
};
