//! Transposition in squares of 16 by 16 numbers.
#![allow(unsafe_code)]

use super::microkernel::UNIT;
use crate::isa::Isa;

/// Writes the transposed `rows` by `columns` numbers of `from`, whose rows are `stride` numbers apart, into `into`: row
/// `c` of `into`, `width` numbers long, gets column `c`, and zeros from `rows` to the next multiple of 16.
pub(super) fn transpose(
    isa: Isa,
    from: &[f32],
    stride: usize,
    [rows, columns]: [usize; 2],
    into: &mut [f32],
    width: usize,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    assert!((rows - 1) * stride + columns <= from.len(), "transposition: source");
    assert!(rows.next_multiple_of(UNIT) <= width && columns * width <= into.len(), "transposition: destination");
    for row in (0..rows).step_by(UNIT) {
        for column in (0..columns).step_by(UNIT) {
            let square = [(rows - row).min(UNIT), (columns - column).min(UNIT)];
            let (from, into) = (&from[row * stride + column..], &mut into[column * width + row..]);
            match isa {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: AVX-512 was detected; the assertions above put the square inside both slices.
                Isa::Avx512 => unsafe { x86::square(from.as_ptr(), stride, square, into.as_mut_ptr(), width) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: AVX2 was detected; the rest as above, for a whole square.
                Isa::Avx2 if square == [UNIT; 2] => unsafe {
                    x86::four_squares(from.as_ptr(), stride, into.as_mut_ptr(), width);
                },
                #[cfg(target_arch = "aarch64")]
                // SAFETY: as above; NEON is there.
                Isa::Neon if square == [UNIT; 2] => unsafe {
                    neon_square(from.as_ptr(), stride, into.as_mut_ptr(), width);
                },
                _ => square_plain(from, stride, square, into, width),
            }
        }
    }
}

fn square_plain(from: &[f32], stride: usize, [rows, columns]: [usize; 2], into: &mut [f32], width: usize) {
    for column in 0..columns {
        let into = &mut into[column * width..][..UNIT];
        for (row, into) in into.iter_mut().enumerate() {
            *into = if row < rows { from[row * stride + column] } else { 0.0 };
        }
    }
}

/// 16 by 16 numbers, in squares of 4 by 4.
///
/// # Safety
/// So many may be read and written.
#[cfg(target_arch = "aarch64")]
unsafe fn neon_square(from: *const f32, stride: usize, into: *mut f32, width: usize) {
    use crate::isa::{Vector, neon::float32x4_t};
    for at in 0..16 {
        let (row, column) = (at / 4 * 4, at % 4 * 4);
        // SAFETY: the caller's; every processor that this is compiled for has NEON.
        unsafe {
            let [a, b, c, d] = [0, 1, 2, 3].map(|i| float32x4_t::load(from.add((row + i) * stride + column)));
            let ([even, more_even], [odd, more_odd]) = (a.interleave(c), b.interleave(d));
            let columns = [even.interleave(odd), more_even.interleave(more_odd)];
            for (i, numbers) in columns.as_flattened().iter().enumerate() {
                numbers.store(into.add((column + i) * width + row));
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// Numbers by which rows are asked for ahead of their use.
    const AHEAD: usize = 4 * 16;

    /// # Safety
    /// `rows` by `columns` (at most 16 each) numbers may be read, and `columns` times 16 written.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn square(
        from: *const f32,
        stride: usize,
        [rows, columns]: [usize; 2],
        into: *mut f32,
        width: usize,
    ) {
        let mask = ((1u32 << columns) - 1) as __mmask16;
        let zero = _mm512_setzero_ps();
        let mut r = [zero; 16];
        for (i, r) in r.iter_mut().enumerate().take(rows) {
            // SAFETY: the caller's; lanes outside the mask are not read.
            *r = unsafe { _mm512_maskz_loadu_ps(mask, from.add(i * stride)) };
            // Rows are often a page apart, too far for the processor to guess what comes after this square.
            _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(i * stride + AHEAD).cast());
        }
        let r = transposed(r);
        for (i, &r) in r.iter().enumerate().take(columns) {
            // SAFETY: the caller's.
            unsafe { _mm512_storeu_ps(into.add(i * width), r) };
        }
    }

    /// 16 by 16 numbers, in squares of 8 by 8.
    ///
    /// # Safety
    /// So many may be read and written.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn four_squares(from: *const f32, stride: usize, into: *mut f32, width: usize) {
        for (row, column) in [(0, 0), (0, 8), (8, 0), (8, 8)] {
            let mut r = [_mm256_setzero_ps(); 8];
            for (i, r) in r.iter_mut().enumerate() {
                // SAFETY: the caller's.
                *r = unsafe { _mm256_loadu_ps(from.add((row + i) * stride + column)) };
                _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add((row + i) * stride + column + AHEAD).cast());
            }
            for (i, r) in transposed_eight(r).into_iter().enumerate() {
                // SAFETY: the caller's.
                unsafe { _mm256_storeu_ps(into.add((column + i) * width + row), r) };
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn transposed_eight(r: [__m256; 8]) -> [__m256; 8] {
        let zero = _mm256_setzero_ps();
        let (mut pairs, mut fours, mut all) = ([zero; 8], [zero; 8], [zero; 8]);
        for i in 0..4 {
            pairs[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
            pairs[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
        }
        for half in [0, 4] {
            for i in 0..2 {
                let (a, b) = (pairs[half + i], pairs[half + 2 + i]);
                fours[half + 2 * i] = _mm256_shuffle_ps::<0x44>(a, b);
                fours[half + 2 * i + 1] = _mm256_shuffle_ps::<0xee>(a, b);
            }
        }
        for i in 0..4 {
            all[i] = _mm256_permute2f128_ps::<0x20>(fours[i], fours[4 + i]);
            all[4 + i] = _mm256_permute2f128_ps::<0x31>(fours[i], fours[4 + i]);
        }
        all
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn transposed(mut r: [__m512; 16]) -> [__m512; 16] {
        let mut t = r;
        for i in 0..8 {
            t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
            t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
        }
        for i in 0..4 {
            let [a, b, c, d] = [0, 1, 2, 3].map(|j| _mm512_castps_pd(t[4 * i + j]));
            r[4 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
            r[4 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
            r[4 * i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
            r[4 * i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
        }
        for i in 0..4 {
            t[i] = _mm512_shuffle_f32x4::<0x88>(r[i], r[4 + i]);
            t[4 + i] = _mm512_shuffle_f32x4::<0xdd>(r[i], r[4 + i]);
            t[8 + i] = _mm512_shuffle_f32x4::<0x88>(r[8 + i], r[12 + i]);
            t[12 + i] = _mm512_shuffle_f32x4::<0xdd>(r[8 + i], r[12 + i]);
        }
        for i in 0..4 {
            r[i] = _mm512_shuffle_f32x4::<0x88>(t[i], t[8 + i]);
            r[8 + i] = _mm512_shuffle_f32x4::<0xdd>(t[i], t[8 + i]);
            r[4 + i] = _mm512_shuffle_f32x4::<0x88>(t[4 + i], t[12 + i]);
            r[12 + i] = _mm512_shuffle_f32x4::<0xdd>(t[4 + i], t[12 + i]);
        }
        r
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_become_columns(rows in 1usize..40, columns in 1usize..40, extra in 0usize..3) {
            let stride = columns + extra;
            let from: Vec<f32> = (0..(rows - 1) * stride + columns).map(|i| i as f32 + 1.0).collect();
            let width = rows.next_multiple_of(UNIT) + extra;
            for isa in isa::available() {
                let mut into = vec![-1.0; columns * width];
                transpose(isa, &from, stride, [rows, columns], &mut into, width);
                for (i, &v) in into.iter().enumerate() {
                    let (column, row) = (i / width, i % width);
                    let padding = if row < rows.next_multiple_of(UNIT) { 0.0 } else { -1.0 };
                    prop_assert_eq!(v, if row < rows { from[row * stride + column] } else { padding });
                }
            }
        }
    }
}
