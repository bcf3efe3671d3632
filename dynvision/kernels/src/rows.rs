//! Short runs of numbers, moved in vectors: the rows of small maps.
#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
use super::isa::neon::float32x4_t;
#[cfg(target_arch = "x86_64")]
use super::isa::x86::{__m128, __m256, __m512};
use super::isa::{Isa, Vector, compiled_for};

/// Deals out `x` to `first` and `second` in turn, as far as they reach. To be called where [`compiled_for`] compiles.
#[inline(always)]
pub(super) fn deal(isa: Isa, x: &[f32], first: &mut [f32], second: &mut [f32]) {
    let pairs = (x.len() / 2).min(first.len()).min(second.len());
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction sets were detected; `pairs` numbers fit into both slices, and twice as many are in `x`.
    unsafe {
        let (x, first, second) = (x.as_ptr(), first.as_mut_ptr(), second.as_mut_ptr());
        if isa == Isa::Avx512 {
            deal_by::<__m512>(x, first, second, pairs, &mut done);
        }
        if matches!(isa, Isa::Avx2 | Isa::Avx512) {
            deal_by::<__m256>(x, first, second, pairs, &mut done);
            deal_by::<__m128>(x, first, second, pairs, &mut done);
        }
    }
    #[cfg(target_arch = "aarch64")]
    if isa == Isa::Neon {
        // SAFETY: as above.
        unsafe { deal_by::<float32x4_t>(x.as_ptr(), first.as_mut_ptr(), second.as_mut_ptr(), pairs, &mut done) };
    }
    let rest = x.get(2 * done..).unwrap_or_default();
    for (first, &x) in first.iter_mut().skip(done).zip(rest.iter().step_by(2)) {
        *first = x;
    }
    for (second, &x) in second.iter_mut().skip(done).zip(rest.iter().skip(1).step_by(2)) {
        *second = x;
    }
}

/// # Safety
/// The processor has the instruction set; `pairs` numbers may be written to each of `first` and `second`, and twice as
/// many read from `x`.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
unsafe fn deal_by<V: Vector>(x: *const f32, first: *mut f32, second: *mut f32, pairs: usize, done: &mut usize) {
    while *done + V::LANES <= pairs {
        // SAFETY: the caller's.
        unsafe {
            let from = x.add(2 * *done);
            let [even, odd] = V::load(from).deal(V::load(from.add(V::LANES)));
            even.store(first.add(*done));
            odd.store(second.add(*done));
        }
        *done += V::LANES;
    }
}

/// Numbers in rows of which only the first `len` count: from one to the next are `pitch` numbers.
#[derive(Clone, Copy)]
pub(super) struct Pitched {
    pub len: usize,
    pub pitch: usize,
}

/// Copies rows, or adds them if `accumulate`, from rows of one pitch to rows of another, as many as both have.
pub(super) fn put_all(isa: Isa, from: &[f32], of: Pitched, into: &mut [f32], to: Pitched, accumulate: bool) {
    compiled_for(
        isa,
        #[inline(always)]
        || {
            for (from, into) in from.chunks(of.pitch).zip(into.chunks_mut(to.pitch)) {
                put(isa, &from[..of.len], &mut into[..to.len], accumulate);
            }
        },
    );
}

/// Copies `from`, or adds it if `accumulate`, as far as both reach. To be called where [`compiled_for`] compiles.
#[inline(always)]
pub(super) fn put(isa: Isa, from: &[f32], into: &mut [f32], accumulate: bool) {
    let len = from.len().min(into.len());
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction sets were detected; both slices have `len` numbers.
    unsafe {
        let (from, into) = (from.as_ptr(), into.as_mut_ptr());
        if isa == Isa::Avx512 {
            put_by::<__m512>(from, into, len, accumulate, &mut done);
        }
        if matches!(isa, Isa::Avx2 | Isa::Avx512) {
            put_by::<__m256>(from, into, len, accumulate, &mut done);
            put_by::<__m128>(from, into, len, accumulate, &mut done);
        }
    }
    #[cfg(target_arch = "aarch64")]
    if isa == Isa::Neon {
        // SAFETY: as above.
        unsafe { put_by::<float32x4_t>(from.as_ptr(), into.as_mut_ptr(), len, accumulate, &mut done) };
    }
    for (into, &v) in into.iter_mut().zip(from).skip(done) {
        *into = if accumulate { *into + v } else { v };
    }
}

/// # Safety
/// The processor has the instruction set; `len` numbers may be read and written.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
unsafe fn put_by<V: Vector>(from: *const f32, into: *mut f32, len: usize, accumulate: bool, done: &mut usize) {
    while *done + V::LANES <= len {
        // SAFETY: the caller's.
        unsafe {
            let (value, into) = (V::load(from.add(*done)), into.add(*done));
            if accumulate { V::load(into).add(value).store(into) } else { value.store(into) }
        }
        *done += V::LANES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::available;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dealing_takes_turns(len in 0usize..90, first in 0usize..50, second in 0usize..50) {
            let x: Vec<f32> = (0..len).map(|i| i as f32).collect();
            for isa in available() {
                let (mut a, mut b) = (vec![-1.0; first], vec![-1.0; second]);
                deal(isa, &x, &mut a, &mut b);
                let turn = |of: usize, i: usize| x.get(2 * i + of).copied().unwrap_or(-1.0);
                prop_assert!(a.iter().enumerate().all(|(i, &v)| v == turn(0, i)));
                prop_assert!(b.iter().enumerate().all(|(i, &v)| v == turn(1, i)));
            }
        }

        #[test]
        fn putting_copies_or_adds(len in 0usize..90, accumulate: bool) {
            let x: Vec<f32> = (0..len).map(|i| i as f32).collect();
            for isa in available() {
                let mut y = vec![1.0; len + 1];
                put(isa, &x, &mut y, accumulate);
                let before = if accumulate { 1.0 } else { 0.0 };
                prop_assert!(y.iter().zip(&x).all(|(y, x)| *y == x + before) && y[len] == 1.0);
            }
        }
    }
}
