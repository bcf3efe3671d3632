//! Maximum pooling. Rows of a plane are dealt into one row for each phase of the stride, padded with minus infinity, so
//! that the values of one tap for neighbouring places lie side by side: every pass is a plain loop over places.

use super::check;
use crate::geometry::Window;
use crate::kernels::cpu::isa::{self, compiled_for};
use crate::kernels::cpu::{Scalar, parallel, scratch};
use rayon::prelude::*;

/// No tap: the window covers nothing of the map.
const NONE: u32 = u32::MAX;

/// The maximum of every window; padding counts as minus infinity, NaN is larger than everything. `chosen` gets the tap
/// of the (first) maximum, `row * kernel + column` within its window, for [`max_backward`].
pub fn max_forward<E: Scalar>(
    window: Window,
    x: &[E],
    xd: [usize; 4],
    y: &mut [E],
    yd: [usize; 4],
    chosen: &mut [u32],
) {
    check(window, x.len(), xd, y.len(), yd);
    assert_eq!(chosen.len(), y.len(), "max pool: lengths");
    if y.is_empty() {
        return;
    }
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    let dealt = Dealt::new(window, [h, w], [oh, ow]);
    // values and taps are written by one pass: pair up their planes, in runs of fixed length
    let planes = (parallel::CHUNK / 4 / (oh * ow)).max(1);
    let run = planes * oh * ow;
    y.par_chunks_mut(run).zip(chosen.par_chunks_mut(run)).enumerate().for_each(|(i, (y, chosen))| {
        let x = x[i * planes * h * w..].chunks_exact(h * w);
        for ((y, chosen), x) in y.chunks_exact_mut(oh * ow).zip(chosen.chunks_exact_mut(oh * ow)).zip(x) {
            scratch::with(dealt.len(), |rows| {
                compiled_for(isa::current(), || dealt.maximum::<E, true>(x, rows, y, chosen));
            });
        }
    });
}

/// [`max_forward`] for inference, which does not need to know which value was chosen.
pub fn max_forward_only<E: Scalar>(window: Window, x: &[E], xd: [usize; 4], y: &mut [E], yd: [usize; 4]) {
    check(window, x.len(), xd, y.len(), yd);
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    let dealt = Dealt::new(window, [h, w], [oh, ow]);
    parallel::planes(y, oh * ow, |first, planes| {
        for (y, x) in planes.chunks_exact_mut(oh * ow).zip(x[first * h * w..].chunks_exact(h * w)) {
            scratch::with(dealt.len(), |rows| {
                compiled_for(isa::current(), || dealt.maximum::<E, false>(x, rows, y, &mut []));
            });
        }
    });
}

/// Adds every `gy` to the place in `gx` that [`max_forward`] chose.
pub fn max_backward<E: Scalar>(window: Window, gy: &[E], yd: [usize; 4], chosen: &[u32], gx: &mut [E], xd: [usize; 4]) {
    check(window, gx.len(), xd, gy.len(), yd);
    assert_eq!(chosen.len(), gy.len(), "max pool: lengths");
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    let dealt = Dealt::new(window, [h, w], [oh, ow]);
    parallel::planes(gx, h * w, |first, planes| {
        for (i, gx) in planes.chunks_exact_mut(h * w).enumerate() {
            let at = (first + i) * oh * ow;
            let (gy, chosen) = (&gy[at..][..oh * ow], &chosen[at..][..oh * ow]);
            scratch::with(dealt.len(), |rows| {
                compiled_for(isa::current(), || dealt.scatter(gy, chosen, rows, gx));
            });
        }
    });
}

/// How a plane is dealt: each row into `stride` rows of `width` values, value `j` of phase `p` being column
/// `j stride + p - padding`.
struct Dealt {
    window: Window,
    map: [usize; 2],
    places: [usize; 2],
    width: usize,
    /// For each place of a row, the first tap column that falls into the map.
    first: Vec<u32>,
}

impl Dealt {
    fn new(window: Window, map: [usize; 2], places: [usize; 2]) -> Self {
        let width = places[1] + (window.extent().saturating_sub(1)) / window.stride;
        let first = (0..places[1]).map(|place| first_inside(window, place, map[1])).collect();
        Dealt { window, map, places, width, first }
    }

    /// Elements of a dealt plane, and of one padded row.
    fn len(&self) -> usize {
        let row = self.width * self.window.stride;
        self.map[0] * row + row.max(self.window.padding + self.map[1])
    }

    /// Where the values of tap column `kx` begin in a dealt row.
    #[inline(always)]
    fn column(&self, kx: usize) -> usize {
        let offset = kx * self.window.dilation;
        offset % self.window.stride * self.width + offset / self.window.stride
    }

    /// The row of the map on which tap row `ky` of place row `oy` falls.
    #[inline(always)]
    fn row(&self, oy: usize, ky: usize) -> Option<usize> {
        let row = (oy * self.window.stride + ky * self.window.dilation).checked_sub(self.window.padding)?;
        (row < self.map[0]).then_some(row)
    }

    #[inline(always)]
    fn maximum<E: Scalar, const KEEP: bool>(&self, x: &[E], rows: &mut [E], y: &mut [E], chosen: &mut [u32]) {
        let (stride, row) = (self.window.stride, self.window.stride * self.width);
        let (dealt, padded) = rows.split_at_mut(self.map[0] * row);
        padded.fill(E::neg_infinity());
        for (x, dealt) in x.chunks_exact(self.map[1]).zip(dealt.chunks_exact_mut(row)) {
            padded[self.window.padding..][..self.map[1]].copy_from_slice(x);
            deal(padded, dealt, stride, self.width);
        }
        let (kernel, [oh, ow]) = (self.window.kernel, self.places);
        for oy in 0..oh {
            let y = &mut y[oy * ow..][..ow];
            y.fill(E::neg_infinity());
            let chosen = if KEEP { &mut chosen[oy * ow..][..ow] } else { &mut [] };
            if KEEP {
                let top = first_inside(self.window, oy, self.map[0]);
                for (chosen, &left) in chosen.iter_mut().zip(&self.first) {
                    *chosen = if top == NONE || left == NONE { NONE } else { top * kernel as u32 + left };
                }
            }
            for ky in 0..kernel {
                let Some(iy) = self.row(oy, ky) else { continue };
                for kx in 0..kernel {
                    let x = &dealt[iy * row + self.column(kx)..][..ow];
                    let tap = (ky * kernel + kx) as u32;
                    if KEEP {
                        for ((y, chosen), &x) in y.iter_mut().zip(chosen.iter_mut()).zip(x) {
                            let larger = x > *y || x.is_nan();
                            *y = if larger { x } else { *y };
                            *chosen = if larger { tap } else { *chosen };
                        }
                    } else {
                        y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x > *y || x.is_nan() { x } else { *y });
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn scatter<E: Scalar>(&self, gy: &[E], chosen: &[u32], rows: &mut [E], gx: &mut [E]) {
        let (stride, row) = (self.window.stride, self.window.stride * self.width);
        let (dealt, padded) = rows.split_at_mut(self.map[0] * row);
        dealt.fill(E::zero());
        let (kernel, [oh, ow]) = (self.window.kernel, self.places);
        for oy in 0..oh {
            let (gy, chosen) = (&gy[oy * ow..][..ow], &chosen[oy * ow..][..ow]);
            for ky in 0..kernel {
                let Some(iy) = self.row(oy, ky) else { continue };
                for kx in 0..kernel {
                    let gx = &mut dealt[iy * row + self.column(kx)..][..ow];
                    let tap = (ky * kernel + kx) as u32;
                    for ((gx, &gy), &chosen) in gx.iter_mut().zip(gy).zip(chosen) {
                        *gx += if chosen == tap { gy } else { E::zero() };
                    }
                }
            }
        }
        for (gx, dealt) in gx.chunks_exact_mut(self.map[1]).zip(dealt.chunks_exact(row)) {
            gather(dealt, padded, stride, self.width);
            let inside = padded[self.window.padding..].iter();
            gx.iter_mut().zip(inside).for_each(|(gx, &g)| *gx += g);
        }
    }
}

/// The first tap of a place that falls into a dimension of `dim` values.
fn first_inside(window: Window, place: usize, dim: usize) -> u32 {
    let at = |tap: usize| (place * window.stride + tap * window.dilation).checked_sub(window.padding);
    (0..window.kernel).find(|&tap| at(tap).is_some_and(|i| i < dim)).map_or(NONE, |tap| tap as u32)
}

/// Deals a row to its phases.
#[inline(always)]
fn deal<E: Scalar>(padded: &[E], dealt: &mut [E], stride: usize, width: usize) {
    match stride {
        1 => dealt.copy_from_slice(&padded[..width]),
        2 => {
            let (even, odd) = dealt.split_at_mut(width);
            for ((pair, even), odd) in padded.chunks_exact(2).zip(even).zip(odd) {
                (*even, *odd) = (pair[0], pair[1]);
            }
        }
        _ => {
            for (phase, dealt) in dealt.chunks_exact_mut(width).enumerate() {
                dealt.iter_mut().zip(padded[phase..].iter().step_by(stride)).for_each(|(to, &from)| *to = from);
            }
        }
    }
}

/// Gathers the phases of a row; what lies beyond them is zero.
#[inline(always)]
fn gather<E: Scalar>(dealt: &[E], padded: &mut [E], stride: usize, width: usize) {
    let (inside, beyond) = padded.split_at_mut((width * stride).min(padded.len()));
    beyond.fill(E::zero());
    match stride {
        1 => inside.copy_from_slice(&dealt[..inside.len()]),
        2 => {
            let (even, odd) = dealt.split_at(width);
            for ((pair, &even), &odd) in inside.chunks_exact_mut(2).zip(even).zip(odd) {
                (pair[0], pair[1]) = (even, odd);
            }
        }
        _ => {
            for (phase, dealt) in dealt.chunks_exact(width).enumerate() {
                inside[phase..].iter_mut().step_by(stride).zip(dealt).for_each(|(to, &from)| *to = from);
            }
        }
    }
}
