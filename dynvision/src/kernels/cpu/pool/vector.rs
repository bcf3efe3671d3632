//! Max pooling in `f32` with vectors: rows and columns are split by the stride, so that the values under one tap of
//! neighbouring windows are neighbours.
#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop, reason = "indices are those of registers")]

use crate::geometry::Window;
use crate::kernels::cpu::conv::Source;
use crate::kernels::cpu::isa::{Isa, Vector, dispatch};
use crate::kernels::cpu::{parallel, scratch};

/// Numbers behind a plane that a vector may touch.
const SLACK: usize = 16;

/// The maximum of every window, and the tap that was chosen, unless `chosen` is empty.
pub(super) fn max_forward(
    isa: Isa,
    window: Window,
    x: &[f32],
    xd: [usize; 4],
    y: &mut [f32],
    yd: [usize; 4],
    chosen: &mut [u32],
) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    if y.is_empty() {
        return;
    }
    let taps = Taps::new(window, [h, w], [oh, ow]);
    let places = oh * ow;
    let run = parallel::run_of_planes(places) * places;
    let planes = |(i, (y, chosen)): (usize, (&mut [f32], &mut [u32]))| {
        scratch::with(taps.source.channel + SLACK, |plane: &mut [f32]| {
            plane.fill(f32::NEG_INFINITY);
            for (i, y) in y.chunks_exact_mut(places).enumerate().map(|(j, y)| (i * run / places + j, y)) {
                let channel = taps.source.channel;
                taps.source.write_over(isa, &x[i * h * w..][..h * w], &mut plane[..channel]);
                let at = i * places % run;
                let chosen = chosen.get_mut(at..at + places).map_or(std::ptr::null_mut(), |c| c.as_mut_ptr());
                // SAFETY: `Taps` holds only taps whose values are in the plane, which has SLACK numbers behind; `y` and
                // `chosen`, if it is not null, have a number for every place.
                unsafe { max(isa, &taps, plane.as_ptr(), y.as_mut_ptr(), chosen) };
            }
        });
    };
    if chosen.is_empty() {
        parallel::parts(y, run, true, |i, y| planes((i, (y, &mut []))));
    } else {
        parallel::each(y.chunks_mut(run).zip(chosen.chunks_mut(run)).enumerate(), true, planes);
    }
}

/// Adds every `gy` to the place in `gx` that was chosen.
pub(super) fn max_backward(
    isa: Isa,
    window: Window,
    gy: &[f32],
    yd: [usize; 4],
    chosen: &[u32],
    gx: &mut [f32],
    xd: [usize; 4],
) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    if gy.is_empty() {
        return;
    }
    let taps = Taps::new(window, [h, w], [oh, ow]);
    parallel::planes(gx, h * w, |first, planes| {
        scratch::with(taps.source.channel + SLACK, |plane: &mut [f32]| {
            for (i, gx) in planes.chunks_exact_mut(h * w).enumerate() {
                let at = (first + i) * oh * ow;
                let (gy, chosen) = (&gy[at..][..oh * ow], &chosen[at..][..oh * ow]);
                plane.fill(0.0);
                // SAFETY: as in `max_forward`.
                unsafe { scatter(isa, &taps, gy.as_ptr(), chosen.as_ptr(), plane.as_mut_ptr()) };
                taps.source.fold(isa, &plane[..taps.source.channel], gx);
            }
        });
    });
}

/// Where the taps of every row of windows stand in a plane.
struct Taps {
    source: Source,
    window: Window,
    /// Rows and columns of windows.
    output: [usize; 2],
}

impl Taps {
    fn new(window: Window, input: [usize; 2], output: [usize; 2]) -> Self {
        let needed = output.map(|places| (places - 1) * window.stride + window.extent());
        Taps { source: Source::new(input, window.padding, window.stride, needed), window, output }
    }

    /// Calls `each(tap, at)` for the taps of a row of windows, in order: the value of the first window stands at `at`.
    #[inline(always)]
    fn each(&self, row: usize, mut each: impl FnMut(usize, usize)) {
        let Window { kernel, stride, dilation, .. } = self.window;
        for ky in 0..kernel {
            for kx in 0..kernel {
                each(ky * kernel + kx, self.source.index(row * stride + ky * dilation, kx * dilation));
            }
        }
    }
}

dispatch! {
    /// # Safety
    /// The plane is laid out as the taps say, with `SLACK` numbers behind it; as many numbers as there are places may be
    /// written to `y`, and to `chosen` unless it is null.
    max, max_by, (taps: &Taps, plane: *const f32, y: *mut f32, chosen: *mut u32)
}

dispatch! {
    /// # Safety
    /// The plane is laid out as the taps say, with `SLACK` numbers behind it; there are as many gradients and choices as
    /// places.
    scatter, scatter_by, (taps: &Taps, gy: *const f32, chosen: *const u32, plane: *mut f32)
}

#[inline(always)]
unsafe fn max_by<V: Vector>(taps: &Taps, plane: *const f32, y: *mut f32, chosen: *mut u32) {
    let [rows, columns] = taps.output;
    // SAFETY (of the whole body): the caller's; what lies behind the last column of a row goes to `rest` first.
    unsafe {
        for row in 0..rows {
            for column in (0..columns).step_by(V::LANES) {
                let mut best = V::splat(f32::NEG_INFINITY);
                let mut tags = V::splat(f32::from_bits(super::NONE));
                taps.each(
                    row,
                    #[inline(always)]
                    |tap, at| {
                        let value = V::load(plane.add(at + column));
                        [best, tags] = value.larger(best, V::splat(f32::from_bits(tap as u32)), tags);
                    },
                );
                let at = row * columns + column;
                if column + V::LANES <= columns {
                    best.store(y.add(at));
                    if !chosen.is_null() {
                        tags.store(chosen.add(at).cast());
                    }
                    continue;
                }
                let mut rest = [[0.0f32; SLACK]; 2];
                best.store(rest[0].as_mut_ptr());
                tags.store(rest[1].as_mut_ptr());
                for i in 0..columns - column {
                    *y.add(at + i) = rest[0][i];
                    if !chosen.is_null() {
                        *chosen.add(at + i) = rest[1][i].to_bits();
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn scatter_by<V: Vector>(taps: &Taps, gy: *const f32, chosen: *const u32, plane: *mut f32) {
    let [rows, columns] = taps.output;
    // SAFETY (of the whole body): the caller's; what lies behind the last column of a row comes from `rest`, where it has
    // chosen no tap.
    unsafe {
        for row in 0..rows {
            for column in (0..columns).step_by(V::LANES) {
                let at = row * columns + column;
                let (mut gradient, mut tags) = (gy.add(at), chosen.add(at).cast::<f32>());
                let mut rest = [[0.0f32; SLACK], [f32::from_bits(super::NONE); SLACK]];
                if column + V::LANES > columns {
                    for i in 0..columns - column {
                        rest[0][i] = *gradient.add(i);
                        rest[1][i] = *tags.add(i);
                    }
                    (gradient, tags) = (rest[0].as_ptr(), rest[1].as_ptr());
                }
                let (gradient, tags) = (V::load(gradient), V::load(tags));
                taps.each(
                    row,
                    #[inline(always)]
                    |tap, at| {
                        let to = plane.add(at + column);
                        let passed = gradient.where_same(tags, V::splat(f32::from_bits(tap as u32)));
                        V::load(to).add(passed).store(to);
                    },
                );
            }
        }
    }
}
