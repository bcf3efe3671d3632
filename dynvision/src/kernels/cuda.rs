//! CUDA runs the compositions of dfdx's operations, which are the default methods of each operation's trait. A kernel of its
//! own for one operation is that method, written here.

use super::*;

impl<E: Element> ConvKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    type WeightCache = ();
}

impl<E: Element> PoolKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    type Chosen = ();
}

impl<E: Dtype> ParameterKernel<E> for Cuda where Cuda: Device<E> {}

/// Implements kernels by their compositions alone.
macro_rules! composed {
    ($($kernel:ident),*) => {$(
        impl<E: Element> $kernel<E> for Cuda where Cuda: Device<E> {}
    )*};
}
composed!(ResizeKernel, LeakyKernel, PointwiseKernel, BiasKernel, NormKernel, GatherKernel, StackKernel, LossKernel);

/// All that a model asks of a device is there, in both dtypes.
const _: fn() = || {
    fn serves<E: Element, D: VisionDevice<E>>() {}
    serves::<f32, Cuda>();
    serves::<f64, Cuda>();
};
