//! Matrix products by the `gemm` crate, single-threaded: the threads are ours.
#![allow(unsafe_code)]

use super::Scalar;

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
    // SAFETY: `fits` and the length of `into` put every element that (m, n, k) and the strides address inside its slice;
    // `into` is borrowed mutably, so it overlaps neither factor. All strides are less than isize::MAX as slices are.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            into.as_mut_ptr(),
            1,
            n as isize,
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
            gemm::Parallelism::None,
        );
    }
}
