//! Max pooling in `f32`: the maximum of every column of a window, then of the columns that it has. Each value
//! is compared as often as a window is high and not as often as it has taps, and only the maxima are split by the stride.
#![allow(unsafe_code)]

use super::inside;
use crate::geometry::Window;
use crate::isa::{Isa, Parts, compiled_for, dispatch};
use crate::rows::deal;
use crate::{parallel, scratch};

/// Numbers behind the maxima of columns that a vector may touch.
const SLACK: usize = 16;

/// The maximum of every window; padding counts as minus infinity, NaN is larger than everything.
pub(super) fn max(isa: Isa, window: Window, x: &[f32], xd: [usize; 4], y: &mut [f32], yd: [usize; 4]) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    if y.is_empty() {
        return;
    }
    let stride = window.stride;
    let pitch = (window.padding + w).max((ow - 1) * stride + window.extent()).next_multiple_of(stride);
    let len = oh * pitch;
    // Where the maxima of the columns of the first window stand: among all, or split by the stride behind them.
    let place = |at: usize| if stride == 1 { at } else { len + at % stride * (len / stride) + at / stride };
    let taps: Vec<usize> = (0..window.kernel).map(|tap| place(tap * window.dilation)).collect();
    parallel::planes(y, oh * ow, |first, planes| {
        scratch::with(2 * len + SLACK, |buffer: &mut [f32]| {
            buffer.fill(f32::NEG_INFINITY);
            for (i, y) in planes.chunks_exact_mut(oh * ow).enumerate() {
                let x = &x[(first + i) * h * w..][..h * w];
                let (columns, dealt) = buffer.split_at_mut(len);
                // SAFETY: the instruction set was detected; `x` has `h` rows of `w`, and `columns` room for as many behind
                // the padding in each row.
                unsafe { of_columns(isa, window, x, [h, w], columns, pitch) };
                match stride {
                    1 => {}
                    2 => {
                        let (even, odd) = dealt.split_at_mut(len / 2);
                        compiled_for(
                            isa,
                            #[inline(always)]
                            || deal(isa, columns, even, odd),
                        );
                    }
                    _ => {
                        for (phase, into) in dealt.chunks_exact_mut(len / stride).take(stride).enumerate() {
                            let columns = columns.iter().skip(phase).step_by(stride);
                            into.iter_mut().zip(columns).for_each(|(into, &value)| *into = value);
                        }
                    }
                }
                // SAFETY: the last window of a row ends within the pitch, so that each tap of it is in the buffer, which has
                // SLACK numbers behind.
                unsafe { of_rows(isa, buffer, &taps, pitch / stride, y, ow) };
            }
        });
    });
}

dispatch! {
    /// Writes the maxima of columns, a row of `pitch` numbers for each row of windows, at the places of the padded input.
    ///
    /// # Safety
    /// `x` has so many rows and columns, and each row of `into` room for them behind the padding.
    of_columns, of_columns_by, (window: Window, x: &[f32], dims: [usize; 2], into: &mut [f32], pitch: usize)
}

dispatch! {
    /// Writes the maxima over `taps`, each `step` numbers further in the next row of windows.
    ///
    /// # Safety
    /// They are in `columns` for all rows of `width` numbers of `y`, with `SLACK` numbers behind.
    of_rows, of_rows_by, (columns: &[f32], taps: &[usize], step: usize, y: &mut [f32], width: usize)
}

#[inline(always)]
unsafe fn of_columns_by<V: Parts>(window: Window, x: &[f32], [h, w]: [usize; 2], into: &mut [f32], pitch: usize) {
    let Window { kernel, stride, padding, dilation } = window;
    for (row, into) in into.chunks_exact_mut(pitch).enumerate() {
        for column in (0..w).step_by(V::LANES) {
            let mask = inside(w - column);
            // SAFETY: the caller's; a row that is read is one of `x`, and lanes behind its end are masked.
            unsafe {
                let mut best = V::splat(f32::NEG_INFINITY);
                for tap in 0..kernel {
                    let at = row * stride + tap * dilation;
                    if at >= padding && at < padding + h {
                        let value = V::load_parts([x.as_ptr().add((at - padding) * w + column)], [mask]);
                        [best, _] = value.larger(best, best, best);
                    }
                }
                best.store_parts([into.as_mut_ptr().add(padding + column)], [mask]);
            }
        }
    }
}

#[inline(always)]
unsafe fn of_rows_by<V: Parts>(columns: &[f32], taps: &[usize], step: usize, y: &mut [f32], width: usize) {
    for (row, y) in y.chunks_exact_mut(width).enumerate() {
        for column in (0..width).step_by(V::LANES) {
            // SAFETY: the caller's; lanes behind the end of the row are masked where they are written.
            unsafe {
                let mut best = V::splat(f32::NEG_INFINITY);
                for &tap in taps {
                    let value = V::load(columns.as_ptr().add(tap + row * step + column));
                    [best, _] = value.larger(best, best, best);
                }
                best.store_parts([y.as_mut_ptr().add(column)], [inside(width - column)]);
            }
        }
    }
}
