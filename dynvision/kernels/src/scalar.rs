//! The numbers that kernels work on.

use gemm_common::Parallelism;
use num_traits::Float;
use std::ops::AddAssign;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`. Kernels are written for both; those that pay have a second, vectorised form for `f32`.
pub trait Scalar: sealed::Sealed + Float + AddAssign + Default + std::fmt::Debug + Send + Sync + 'static {
    /// The number in `f64`, exactly.
    fn wide(self) -> f64;

    /// The nearest number to `value`.
    fn narrow(value: f64) -> Self;

    /// The slice itself, if its numbers are `f32`.
    fn as_f32(slice: &[Self]) -> Option<&[f32]>;

    /// The slice itself, if its numbers are `f32`.
    fn as_f32_mut(slice: &mut [Self]) -> Option<&mut [f32]>;

    /// The product of two matrices, for this processor.
    #[doc(hidden)]
    fn product() -> Product<Self>;
}

/// `into = alpha into + beta a b`, without the first summand unless `read`; each matrix is followed by the distances of its
/// columns and of its rows: `(rows, columns, inner, into, .., read, a, .., b, .., alpha, beta, conjugates, threads)`.
type Product<E> = unsafe fn(
    usize,
    usize,
    usize,
    *mut E,
    isize,
    isize,
    bool,
    *const E,
    isize,
    isize,
    *const E,
    isize,
    isize,
    E,
    E,
    bool,
    bool,
    bool,
    Parallelism,
);

impl Scalar for f32 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self.into()
    }

    #[inline(always)]
    fn narrow(value: f64) -> Self {
        value as f32
    }

    fn as_f32(slice: &[Self]) -> Option<&[f32]> {
        Some(slice)
    }

    fn as_f32_mut(slice: &mut [Self]) -> Option<&mut [f32]> {
        Some(slice)
    }

    fn product() -> Product<f32> {
        gemm_f32::gemm::f32::get_gemm_fn()
    }
}

impl Scalar for f64 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn narrow(value: f64) -> Self {
        value
    }

    fn as_f32(_: &[Self]) -> Option<&[f32]> {
        None
    }

    fn as_f32_mut(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }

    fn product() -> Product<f64> {
        gemm_f64::gemm::f64::get_gemm_fn()
    }
}

/// The sum in `f64`, in sixteen parts that do not wait for each other.
pub(super) fn total<E: Scalar>(values: &[E]) -> f64 {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut parts = [0.0; 16];
    for chunk in chunks {
        for (part, value) in parts.iter_mut().zip(chunk) {
            *part += value.wide();
        }
    }
    parts.iter().sum::<f64>() + rest.iter().map(|value| value.wide()).sum::<f64>()
}
