//! The part of cuBLAS that dfdx calls: products of matrices, stored column by column.
#![allow(non_snake_case, reason = "cuBLAS's names")]
#![allow(clippy::missing_safety_doc, reason = "as cuBLAS's manual has it")]

use crate::driver::{Handle, MEMORY, failed, place, took};
use crate::memory::Memory;
use std::ffi::{c_int, c_longlong, c_void};
use std::sync::PoisonError;
use std::time::Instant;

pub type BlasStatus = u32;

const SUCCESS: BlasStatus = 0;
const NOT_INITIALIZED: BlasStatus = 1;
const INVALID_VALUE: BlasStatus = 7;
const EXECUTION_FAILED: BlasStatus = 13;
const NOT_SUPPORTED: BlasStatus = 15;

/// Any number that is not null.
const HANDLE: usize = 0xB1A5;

fn refused(status: BlasStatus, cause: &str) -> BlasStatus {
    failed(0, cause);
    status
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasCreate_v2(handle: *mut Handle) -> BlasStatus {
    if handle.is_null() {
        return refused(INVALID_VALUE, "cublasCreate: a null pointer is given where a result goes");
    }
    // SAFETY: the caller promises that the pointer is valid
    unsafe { handle.write(std::ptr::without_provenance_mut(HANDLE)) };
    SUCCESS
}

fn known(handle: Handle) -> Result<(), BlasStatus> {
    if handle.addr() == HANDLE { Ok(()) } else { Err(refused(NOT_INITIALIZED, "cuBLAS has no such handle")) }
}

#[unsafe(no_mangle)]
pub extern "C" fn cublasDestroy_v2(handle: Handle) -> BlasStatus {
    known(handle).err().unwrap_or(SUCCESS)
}

#[unsafe(no_mangle)]
pub extern "C" fn cublasSetStream_v2(handle: Handle, _stream: Handle) -> BlasStatus {
    known(handle).err().unwrap_or(SUCCESS)
}

/// A number that matrices are made of.
trait Number: Copy + PartialEq + 'static {
    const ZERO: Self;
    fn times(self, other: Self) -> Self;
    /// `c = alpha a b + beta c`, by `matrixmultiply`, with the distance of rows and of columns of each.
    #[allow(clippy::too_many_arguments, reason = "three matrices")]
    unsafe fn multiply(
        sizes: [usize; 3],
        alpha: Self,
        a: (*const Self, isize, isize),
        b: (*const Self, isize, isize),
        beta: Self,
        c: (*mut Self, isize, isize),
    );
}

macro_rules! number {
    ($t:ty, $gemm:path) => {
        impl Number for $t {
            const ZERO: Self = 0.0;
            fn times(self, other: Self) -> Self {
                self * other
            }
            unsafe fn multiply(
                [m, k, n]: [usize; 3],
                alpha: Self,
                a: (*const Self, isize, isize),
                b: (*const Self, isize, isize),
                beta: Self,
                c: (*mut Self, isize, isize),
            ) {
                // SAFETY: by the caller
                unsafe { $gemm(m, k, n, alpha, a.0, a.1, a.2, b.0, b.1, b.2, beta, c.0, c.1, c.2) }
            }
        }
    };
}
number!(f32, matrixmultiply::sgemm);
number!(f64, matrixmultiply::dgemm);

/// A matrix on the device, column by column.
struct Matrix {
    name: char,
    address: u64,
    rows: usize,
    columns: usize,
    /// From one column to the next.
    lead: usize,
}

impl Matrix {
    fn new(name: char, address: u64, rows: c_int, columns: c_int, lead: c_int) -> Result<Matrix, String> {
        let size =
            |n: c_int| usize::try_from(n).map_err(|_| format!("matrix {name} of {rows} x {columns} is no matrix"));
        let (rows, columns, lead) = (size(rows)?, size(columns)?, size(lead)?);
        if lead < rows.max(1) {
            return Err(format!("the columns of matrix {name} are {lead} apart and have {rows} rows"));
        }
        Ok(Matrix { name, address, rows, columns, lead })
    }

    /// Where it lies, with all elements of it inside one allocation; written before, if they are read.
    fn at<T>(&self, memory: &Memory, is_read: bool) -> Result<*mut T, BlasStatus> {
        let size = size_of::<T>();
        let bytes = ((self.columns - 1) * self.lead + self.rows) * size;
        let what = format!("cuBLAS, matrix {} of {} x {}", self.name, self.rows, self.columns);
        if !self.address.is_multiple_of(size as u64) {
            return Err(refused(EXECUTION_FAILED, &format!("{what} is not aligned")));
        }
        let place = place(memory, &what, self.address, bytes).map_err(|_| EXECUTION_FAILED)?;
        for column in 0..self.columns {
            let start = column * self.lead * size;
            // SAFETY: inside what was resolved
            unsafe {
                let column = crate::memory::Place { data: place.data.add(start), known: place.known.add(start) };
                if is_read && !column.is_known(self.rows * size) {
                    return Err(refused(
                        EXECUTION_FAILED,
                        &format!("{what} is read, and nothing has written some of it"),
                    ));
                }
            }
        }
        Ok(place.data.cast())
    }

    fn written<T>(&self, memory: &Memory) -> Result<(), BlasStatus> {
        for column in 0..self.columns {
            let (start, bytes) = (column * self.lead * size_of::<T>(), self.rows * size_of::<T>());
            let place = place(memory, "cuBLAS", self.address + start as u64, bytes).map_err(|_| EXECUTION_FAILED)?;
            // SAFETY: resolved for as many bytes
            unsafe { place.set_known(bytes) };
        }
        Ok(())
    }
}

/// The distances of rows and columns of a matrix as it is multiplied.
fn strides(transposed: bool, lead: usize) -> (isize, isize) {
    let lead = lead.cast_signed();
    if transposed { (lead, 1) } else { (1, lead) }
}

#[allow(clippy::too_many_arguments, reason = "cuBLAS's")]
unsafe fn gemm<T: Number>(
    handle: Handle,
    operations: [c_int; 2],
    [m, n, k]: [c_int; 3],
    alpha: *const T,
    (a, lda, stride_a): (u64, c_int, c_longlong),
    (b, ldb, stride_b): (u64, c_int, c_longlong),
    beta: *const T,
    (c, ldc, stride_c): (u64, c_int, c_longlong),
    batch: c_int,
) -> Result<(), BlasStatus> {
    known(handle)?;
    let invalid =
        |cause: String| refused(INVALID_VALUE, &format!("cuBLAS, a product of {m} x {k} and {k} x {n}: {cause}"));
    if operations.iter().any(|op| !(0..=2).contains(op)) || alpha.is_null() || beta.is_null() {
        return Err(invalid("an operation or factor is none".into()));
    }
    // SAFETY: the caller promises pointers to the host
    let (alpha, beta) = unsafe { (alpha.read(), beta.read()) };
    let [ta, tb] = operations.map(|op| op != 0);
    let start = Instant::now();
    let memory = MEMORY.read().unwrap_or_else(PoisonError::into_inner);
    for i in 0..batch.max(0) {
        let at = |address: u64, stride: c_longlong| {
            address.wrapping_add_signed(stride.wrapping_mul(i64::from(i)).wrapping_mul(size_of::<T>() as i64))
        };
        let (ar, ac) = if ta { (k, m) } else { (m, k) };
        let (br, bc) = if tb { (n, k) } else { (k, n) };
        let a = Matrix::new('A', at(a, stride_a), ar, ac, lda).map_err(invalid)?;
        let b = Matrix::new('B', at(b, stride_b), br, bc, ldb).map_err(invalid)?;
        let c = Matrix::new('C', at(c, stride_c), m, n, ldc).map_err(invalid)?;
        if c.rows == 0 || c.columns == 0 {
            continue;
        }
        let to: *mut T = c.at(&memory, beta != T::ZERO)?;
        if k == 0 || alpha == T::ZERO {
            for column in 0..c.columns {
                for row in 0..c.rows {
                    // SAFETY: inside what was resolved
                    unsafe {
                        let element = to.add(column * c.lead + row);
                        element.write(if beta == T::ZERO { T::ZERO } else { element.read().times(beta) });
                    }
                }
            }
        } else {
            let (from_a, from_b) = (a.at::<T>(&memory, true)?, b.at::<T>(&memory, true)?);
            let ((ra, ca), (rb, cb)) = (strides(ta, a.lead), strides(tb, b.lead));
            let (_, cc) = strides(false, c.lead);
            // SAFETY: all three are resolved for all their elements
            unsafe {
                T::multiply(
                    [c.rows, k as usize, c.columns],
                    alpha,
                    (from_a, ra, ca),
                    (from_b, rb, cb),
                    beta,
                    (to, 1, cc),
                );
            }
        }
        c.written::<T>(&memory)?;
    }
    drop(memory);
    took("cuBLAS gemm", start.elapsed());
    Ok(())
}

/// The two functions of one type.
macro_rules! products {
    ($t:ty, $gemm:ident, $batched:ident) => {
        #[unsafe(no_mangle)]
        #[allow(clippy::too_many_arguments, reason = "cuBLAS's")]
        pub unsafe extern "C" fn $gemm(
            handle: Handle,
            ta: c_int,
            tb: c_int,
            m: c_int,
            n: c_int,
            k: c_int,
            alpha: *const $t,
            a: u64,
            lda: c_int,
            b: u64,
            ldb: c_int,
            beta: *const $t,
            c: u64,
            ldc: c_int,
        ) -> BlasStatus {
            // SAFETY: by the caller
            let done =
                unsafe { gemm(handle, [ta, tb], [m, n, k], alpha, (a, lda, 0), (b, ldb, 0), beta, (c, ldc, 0), 1) };
            done.err().unwrap_or(SUCCESS)
        }

        #[unsafe(no_mangle)]
        #[allow(clippy::too_many_arguments, reason = "cuBLAS's")]
        pub unsafe extern "C" fn $batched(
            handle: Handle,
            ta: c_int,
            tb: c_int,
            m: c_int,
            n: c_int,
            k: c_int,
            alpha: *const $t,
            a: u64,
            lda: c_int,
            stride_a: c_longlong,
            b: u64,
            ldb: c_int,
            stride_b: c_longlong,
            beta: *const $t,
            c: u64,
            ldc: c_int,
            stride_c: c_longlong,
            batch: c_int,
        ) -> BlasStatus {
            // SAFETY: by the caller
            let done = unsafe {
                gemm(
                    handle,
                    [ta, tb],
                    [m, n, k],
                    alpha,
                    (a, lda, stride_a),
                    (b, ldb, stride_b),
                    beta,
                    (c, ldc, stride_c),
                    batch,
                )
            };
            done.err().unwrap_or(SUCCESS)
        }
    };
}
products!(f32, cublasSgemm_v2, cublasSgemmStridedBatched);
products!(f64, cublasDgemm_v2, cublasDgemmStridedBatched);

/// Functions that cudarc declares and nobody here calls.
macro_rules! unsupported {
    ($($name:ident),*) => {$(
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(_handle: *mut c_void) -> BlasStatus {
            refused(NOT_SUPPORTED, concat!("`", stringify!($name), "` is not supported"))
        }
    )*};
}
unsupported!(cublasSgemv_v2, cublasDgemv_v2, cublasGemmEx, cublasGemmStridedBatchedEx);
