//! Scratch memory that outlives a call: each thread keeps the buffers it has used, so that the steady state of an
//! unrolled network allocates nothing and touches no fresh page.
#![allow(unsafe_code)]

use super::Scalar;
use std::cell::RefCell;

/// The unit of allocation: buffers start at a cache line, which is also the width of the widest vector.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; 64]);

thread_local! {
    static FREE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Lends `len` elements, aligned to 64 bytes, with whatever an earlier user left in them. Calls may be nested.
pub(super) fn with<E: Scalar, R>(len: usize, user: impl FnOnce(&mut [E]) -> R) -> R {
    let lines = len.saturating_mul(size_of::<E>()).div_ceil(size_of::<Line>());
    let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < lines {
        buffer.resize(lines, Line([0; 64]));
    }
    // SAFETY: `Scalar` is sealed to f32 and f64, for which every bit pattern of initialised bytes is a value; the buffer
    // has at least `len * size_of::<E>()` initialised bytes (a product that saturates is more than a `Vec` can have, and
    // `resize` panics), is aligned to 64, and is borrowed for as long as the slice.
    let slice = unsafe { std::slice::from_raw_parts_mut(buffer.as_mut_ptr().cast::<E>(), len) };
    let result = user(slice);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_nested_and_reused() {
        let first = with(1000, |a: &mut [f32]| {
            a.fill(1.0);
            with(10, |b: &mut [f64]| {
                b.fill(2.0);
                assert_eq!(b.as_ptr().align_offset(64), 0);
            });
            assert!(a.iter().all(|&v| v == 1.0));
            assert_eq!((a.len(), a.as_ptr().align_offset(64)), (1000, 0));
            a.as_ptr()
        });
        assert_eq!(first, with(500, |a: &mut [f32]| a.as_ptr()), "the buffer is used again");
        with(0, |a: &mut [f64]| assert!(a.is_empty()));
    }
}
