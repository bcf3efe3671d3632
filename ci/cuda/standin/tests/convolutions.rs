//! cuDNN's convolutions against closed forms, and what each mistake is answered with.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use cuda_standin::*;
use std::ffi::{c_int, c_void};
use std::ptr;

fn check(status: c_int) {
    assert_eq!(status, 0);
}

/// Memory of the device.
fn memory(values: &[f32]) -> u64 {
    let (mut context, mut at, bytes) = (ptr::null_mut(), 0, size_of_val(values));
    unsafe {
        assert_eq!((cuInit(0), cuDevicePrimaryCtxRetain(&raw mut context, 0), cuCtxSetCurrent(context)), (0, 0, 0));
        assert_eq!(cuMemAlloc_v2(&raw mut at, bytes), 0);
        assert_eq!(cuMemcpyHtoD_v2(at, values.as_ptr().cast(), bytes), 0);
    }
    at
}

fn read(at: u64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    assert_eq!(unsafe { cuMemcpyDtoH_v2(values.as_mut_ptr().cast(), at, count * 4) }, 0);
    values
}

type Opaque = *mut c_void;

/// Descriptors of maps of 1 x 1 x 3 x 3, of a window of 2 x 2, and of what it makes of them.
struct Case {
    handle: Opaque,
    x: Opaque,
    w: Opaque,
    conv: Opaque,
    y: Opaque,
}

impl Case {
    fn new(math: c_int, padding: c_int) -> Case {
        let made = |create: unsafe extern "C" fn(*mut Opaque) -> c_int| {
            let mut at = ptr::null_mut();
            check(unsafe { create(&raw mut at) });
            at
        };
        let (handle, conv) = (made(cudnnCreate), made(cudnnCreateConvolutionDescriptor));
        let (x, y) = (made(cudnnCreateTensorDescriptor), made(cudnnCreateTensorDescriptor));
        let (w, made) = (made(cudnnCreateFilterDescriptor), 2 + 2 * padding);
        check(cudnnSetTensor4dDescriptor(x, 0, 0, 1, 1, 3, 3));
        check(cudnnSetFilter4dDescriptor(w, 0, 0, 1, 1, 2, 2));
        check(cudnnSetTensor4dDescriptor(y, 0, 0, 1, 1, made, made));
        check(cudnnSetConvolution2dDescriptor(conv, padding, padding, 1, 1, 1, 1, 1, 0));
        check(cudnnSetConvolutionGroupCount(conv, 1));
        check(cudnnSetConvolutionMathType(conv, math));
        Case { handle, x, w, conv, y }
    }

    fn forward(&self, algorithm: c_int, [x, w, y]: [u64; 3], beta: f32) -> c_int {
        let (space, alpha) = (memory(&[0.0; 128]), 1.0f32);
        let (alpha, beta) = ((&raw const alpha).cast(), (&raw const beta).cast());
        unsafe {
            cudnnConvolutionForward(
                self.handle,
                alpha,
                self.x,
                x,
                self.w,
                w,
                self.conv,
                algorithm,
                space,
                512,
                beta,
                self.y,
                y,
            )
        }
    }

    fn backward(&self, way: bool, [a, b, c]: [u64; 3]) -> c_int {
        let (space, one) = (memory(&[0.0; 128]), 1.0f32);
        let one = (&raw const one).cast();
        let Case { handle, x, w, conv, y } = *self;
        unsafe {
            if way {
                cudnnConvolutionBackwardData(handle, one, w, a, y, b, conv, 1, space, 512, one, x, c)
            } else {
                cudnnConvolutionBackwardFilter(handle, one, x, a, y, b, conv, 1, space, 512, one, w, c)
            }
        }
    }
}

const X: [f32; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
const W: [f32; 4] = [1.0, 10.0, 100.0, 1000.0];

#[test]
fn convolutions_are_what_they_are_defined_to_be() {
    let case = Case::new(3, 0);
    let (x, w, y) = (memory(&X), memory(&W), memory(&[0.5; 4]));
    check(case.forward(1, [x, w, y], 0.0));
    assert_eq!(read(y, 4), [5421.0, 6532.0, 8754.0, 9865.0]);
    check(case.forward(1, [x, w, y], 1.0));
    assert_eq!(read(y, 4)[0], 2.0 * 5421.0);
    // gradients are added
    let (gy, gx, gw) = (memory(&[1.0, 0.0, 0.0, 2.0]), memory(&[0.0; 9]), memory(&[1.0; 4]));
    check(case.backward(true, [w, gy, gx]));
    assert_eq!(read(gx, 9), [1.0, 10.0, 0.0, 100.0, 1002.0, 20.0, 0.0, 200.0, 2000.0]);
    check(case.backward(false, [x, gy, gw]));
    assert_eq!(read(gw, 4), [1.0 + 1.0 + 10.0, 1.0 + 2.0 + 12.0, 1.0 + 4.0 + 16.0, 1.0 + 5.0 + 18.0]);
}

#[test]
fn tf32_rounds_factors_to_ten_digits() {
    let (mut x, w, y) = (X, memory(&[1.0, 0.0, 0.0, 0.0]), memory(&[0.0; 4]));
    x[0] = 1.0 + f32::EPSILON;
    let x = memory(&x);
    check(Case::new(3, 0).forward(1, [x, w, y], 0.0));
    assert_eq!(read(y, 4)[0], 1.0 + f32::EPSILON);
    check(Case::new(0, 0).forward(1, [x, w, y], 0.0));
    assert_eq!(read(y, 4)[0], 1.0);
}

#[test]
fn mistakes_are_refused() {
    let case = Case::new(3, 0);
    let (x, w, y) = (memory(&X), memory(&W), memory(&[0.0; 4]));
    let host = X.as_ptr() as u64;
    // an algorithm that promises no bits, a host pointer, too little memory, memory that nothing has written
    assert_ne!(case.forward(0, [x, w, y], 0.0), 0);
    assert_ne!(case.forward(1, [host, w, y], 0.0), 0);
    assert_ne!(case.forward(1, [w, w, y], 0.0), 0);
    let mut new = 0;
    assert_eq!(unsafe { cuMemAlloc_v2(&raw mut new, 16) }, 0);
    assert_ne!(case.forward(1, [x, new, y], 0.0), 0);
    assert_ne!(case.forward(1, [x, w, new], 1.0), 0);
    check(case.forward(1, [x, w, new], 0.0));
    // sizes that do not fit, and descriptors that are gone
    check(cudnnSetTensor4dDescriptor(case.y, 0, 0, 1, 1, 3, 3));
    assert_ne!(case.forward(1, [x, w, x], 0.0), 0);
    assert_ne!(cudnnSetTensor4dDescriptor(case.y, 0, 0, 1, 1, 0, 3), 0);
    assert_ne!(cudnnSetTensor4dDescriptor(case.w, 0, 0, 1, 1, 3, 3), 0);
    check(cudnnDestroyTensorDescriptor(case.y));
    assert_ne!(cudnnDestroyTensorDescriptor(case.y), 0);
    assert_ne!(case.forward(1, [x, w, y], 0.0), 0);
}

#[test]
fn algorithms_are_offered_and_the_first_promises_no_bits() {
    for (padding, status) in [(0, 0), (1, 0), (2, 3000)] {
        let case = Case::new(3, padding);
        let (mut found, mut count) = ([0u64; 12], 0);
        let at = found.as_mut_ptr().cast();
        let Case { handle, x, w, conv, y } = case;
        check(unsafe { cudnnGetConvolutionForwardAlgorithm_v7(handle, x, w, conv, y, 2, &raw mut count, at) });
        // algorithm and status, then time, memory, then determinism and mathematics
        let halves = |n: u64| [n as u32 as c_int, (n >> 32) as c_int];
        assert_eq!((count, halves(found[0]), halves(found[6])), (2, [0, status], [1, status]));
        assert_eq!((halves(found[3]), halves(found[9])), ([0, 3], [1, 3]));
    }
}
