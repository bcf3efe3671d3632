//! Matrix products by the `gemm-f32` and `gemm-f64` crates, single-threaded: the threads are ours.
#![allow(unsafe_code)]

use super::Scalar;
use gemm_common::Parallelism;

/// A matrix in a slice: element (i, j) stands at `i * strides[0] + j * strides[1]`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a, E> {
    pub values: &'a [E],
    pub dims: [usize; 2],
    pub strides: [usize; 2],
}

impl<'a, E> Matrix<'a, E> {
    /// The matrix whose rows stand one after the other.
    pub(super) fn rows(values: &'a [E], dims: [usize; 2]) -> Self {
        Matrix { values, dims, strides: [dims[1], 1] }
    }

    pub(super) fn transposed(self) -> Self {
        let ([rows, columns], [down, along]) = (self.dims, self.strides);
        Matrix { dims: [columns, rows], strides: [along, down], ..self }
    }

    fn fits(&self) -> bool {
        let [last_row, last_column] = self.dims.map(|dim| dim.saturating_sub(1));
        self.dims.contains(&0) || last_row * self.strides[0] + last_column * self.strides[1] < self.values.len()
    }
}

/// `into = a b`, or `into += a b` if `accumulate`; `into` holds its rows one after the other.
pub(super) fn multiply<E: Scalar>(a: Matrix<'_, E>, b: Matrix<'_, E>, into: &mut [E], accumulate: bool) {
    let ([m, k], [inner, n]) = (a.dims, b.dims);
    assert!(k == inner && a.fits() && b.fits() && into.len() == m * n, "matrix product: sizes");
    let alpha = if accumulate { E::one() } else { E::zero() };
    // the kernels want columns one after the other in what they write: the transposed product
    let (a, b) = (b.transposed(), a.transposed());
    // SAFETY: `fits` and the length of `into` put every element that (n, m, k) and the strides address inside its slice;
    // `into` is borrowed mutably, so it overlaps neither factor. All strides are less than isize::MAX as slices are.
    unsafe {
        E::product()(
            n,
            m,
            k,
            into.as_mut_ptr(),
            n as isize,
            1,
            accumulate,
            a.values.as_ptr(),
            a.strides[1] as isize,
            a.strides[0] as isize,
            b.values.as_ptr(),
            b.strides[1] as isize,
            b.strides[0] as isize,
            alpha,
            E::one(),
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
