//! The kernel traits on CUDA, by the compositions of [`composed`].
//!
//! Nothing here has its own kernels: what runs on the GPU are dfdx's. The compositions themselves are tested on the
//! CPU; this file is type-checked wherever the crate is (`--features ci-check`), and running it takes a GPU.

use super::*;

/// Implements a kernel trait by the functions of the same names in [`composed`].
macro_rules! composed {
    (impl $trait:ident {
        $(type $name:ident = $type:ty;)*
        $(fn $f:ident $([$($generic:ident),*])? ($($arg:ident: $of:ty),*) -> $out:ty;)*
    }) => {
        impl<E: Element> $trait<E> for Cuda
        where
            Cuda: Device<E>,
        {
            $(type $name = $type;)*
            $(fn $f $(<$($generic: Shape),*>)? (&self, $($arg: $of),*) -> Result<$out, Self::Err> {
                composed::$f(self, $($arg),*)
            })*
        }
    };
}

type Gradient<E> = Buffer<E, Cuda>;

composed! {
    impl ConvKernel {
        type Packs = ();
        fn conv2d(
            conv: &Conv, x: &Maps<E, Self>, w: &Maps<E, Self>, bias: Option<&Tensor<(usize,), E, Self>>, packs: &(),
            onto: Option<Onto<'_, E, Self>>
        ) -> Maps<E, Self>;
        fn conv2d_backward(
            conv: &Conv, x: &Maps<E, Self>, w: &Maps<E, Self>, packs: &(), y: Sizes, gy: &Gradient<E>,
            gx: Option<&mut Gradient<E>>, gw: &mut Gradient<E>, gb: Option<&mut Gradient<E>>, gather: bool
        ) -> ();
        fn conv2d_collect(packs: &(), gw: &mut Gradient<E>) -> ();
    }
}

composed! {
    impl PoolKernel {
        type Chosen = composed::Chosen<Cuda>;
        fn max_pool2d(window: Window, x: &Maps<E, Self>, keep: bool) -> (Maps<E, Self>, Option<Self::Chosen>);
        fn max_pool2d_backward(
            window: Window, x: &Maps<E, Self>, chosen: &Self::Chosen, y: Sizes, gy: &Gradient<E>, gx: &mut Gradient<E>
        ) -> ();
        fn avg_pool2d(window: Window, x: &Maps<E, Self>) -> Maps<E, Self>;
        fn avg_pool2d_backward(
            window: Window, x: Sizes, y: Sizes, gy: &Gradient<E>, gx: &mut Gradient<E>
        ) -> ();
        fn global_avg(x: &Maps<E, Self>) -> Tensor<(usize, usize), E, Self>;
        fn global_avg_backward(x: Sizes, gy: &Gradient<E>, gx: &mut Gradient<E>) -> ();
    }
}

composed! {
    impl ResizeKernel {
        fn resize(x: &Maps<E, Self>, height: usize, width: usize, onto: Option<Maps<E, Self>>) -> Maps<E, Self>;
        fn resize_backward(x: Sizes, y: Sizes, gy: &Gradient<E>, gx: &mut Gradient<E>) -> ();
    }
}

composed! {
    impl LeakyKernel {
        fn leaky(rate: E, x: Maps<E, Self>, h: Option<&Maps<E, Self>>, relu: bool) -> Maps<E, Self>;
        fn leaky_backward(
            rate: E, y: Option<&Maps<E, Self>>, g: &mut Gradient<E>, gh: Option<&mut Gradient<E>>
        ) -> ();
        fn leaky_backward_rate(
            scale: E, x: &Maps<E, Self>, h: Option<&Maps<E, Self>>, y: Option<&Maps<E, Self>>, gy: &Gradient<E>,
            grate: &mut Gradient<E>
        ) -> ();
    }
}

composed! {
    impl PointwiseKernel {
        fn add(y: Maps<E, Self>, x: &Maps<E, Self>) -> Maps<E, Self>;
        fn accumulate(scale: E, from: &Gradient<E>, into: &mut Gradient<E>) -> ();
        fn relu(x: Maps<E, Self>) -> Maps<E, Self>;
        fn relu_backward(y: &Maps<E, Self>, g: &mut Gradient<E>) -> ();
        fn gain(x: &Maps<E, Self>, h: &Maps<E, Self>) -> Maps<E, Self>;
        fn gain_backward(
            x: &Maps<E, Self>, h: &Maps<E, Self>, gy: &Gradient<E>, gx: &mut Gradient<E>, gh: &mut Gradient<E>
        ) -> ();
        fn supralinear(k: E, n: E, x: &Maps<E, Self>) -> Maps<E, Self>;
        fn supralinear_backward(
            k: E, n: E, x: &Maps<E, Self>, gy: &Gradient<E>, gx: &mut Gradient<E>
        ) -> ();
    }
}

composed! {
    impl BiasKernel {
        fn add_bias(y: Maps<E, Self>, bias: &Tensor<(usize,), E, Self>, run: usize) -> Maps<E, Self>;
        fn add_bias_backward(len: usize, run: usize, y: Sizes, gy: &Gradient<E>, gb: &mut Gradient<E>) -> ();
    }
}

composed! {
    impl NormKernel {
        fn moments(over: Over, x: &Maps<E, Self>) -> Moments<E, Self>;
        fn normalize(
            over: Over, eps: f64, x: &Maps<E, Self>, moments: &Moments<E, Self>, w: &Tensor<(usize,), E, Self>,
            b: &Tensor<(usize,), E, Self>
        ) -> Maps<E, Self>;
        fn normalize_backward(
            over: Over, eps: f64, x: &Maps<E, Self>, moments: &Moments<E, Self>, w: &Tensor<(usize,), E, Self>,
            gy: &Gradient<E>, gx: &mut Gradient<E>, gw: &mut Gradient<E>, gb: &mut Gradient<E>
        ) -> ();
    }
}

composed! {
    impl GatherKernel {
        fn gather(index: &[u32], x: &Maps<E, Self>, y: Sizes) -> Maps<E, Self>;
        fn gather_backward(index: &[u32], x: Sizes, gy: &Gradient<E>, gx: &mut Gradient<E>) -> ();
    }
}

composed! {
    impl StackKernel {
        fn stack_time[X, Y](first: usize, steps: &[Tensor<X, E, Self>], y: Y) -> Tensor<Y, E, Self>;
        fn unstack_time(sizes: [usize; 3], step: usize, gy: &Gradient<E>, gx: &mut Gradient<E>) -> ();
    }
}

/// All that a model asks of a device is there, in both dtypes.
const _: fn() = || {
    fn serves<E: Element, D: VisionDevice<E>>() {}
    serves::<f32, Cuda>();
    serves::<f64, Cuda>();
};
