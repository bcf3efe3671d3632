//! Max pooling in `f32` with vectors: rows and columns are split by the stride, so that the values under one tap of
//! neighbouring windows are neighbours.
#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop, reason = "indices are those of registers")]

use super::Tap;
use crate::conv::Source;
use crate::geometry::Window;
use crate::isa::{Isa, Vector, dispatch};
use crate::{parallel, scratch};

/// Numbers behind a plane that a vector may touch.
const SLACK: usize = 16;

/// The maximum of every window, and the tap that was chosen.
pub(super) fn max_forward(
    isa: Isa,
    window: Window,
    x: &[f32],
    xd: [usize; 4],
    y: &mut [f32],
    yd: [usize; 4],
    chosen: &mut [u8],
) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    if y.is_empty() {
        return;
    }
    let taps = Taps::new(window, [h, w], [oh, ow]);
    let places = oh * ow;
    let run = parallel::run_of_planes(places) * places;
    let planes = |(i, (y, chosen)): (usize, (&mut [f32], &mut [u8]))| {
        scratch::with(taps.source.channel + SLACK, |plane: &mut [f32]| {
            plane.fill(f32::NEG_INFINITY);
            for (i, y) in y.chunks_exact_mut(places).enumerate().map(|(j, y)| (i * run / places + j, y)) {
                let channel = taps.source.channel;
                taps.source.write_over(isa, &x[i * h * w..][..h * w], &mut plane[..channel]);
                let at = i * places % run;
                let chosen = chosen[at..][..places].as_mut_ptr();
                // SAFETY: `Taps` holds only taps whose values are in the plane, which has SLACK numbers behind; `y` and
                // `chosen` have a number for every place.
                unsafe { max(isa, &taps, plane.as_ptr(), y.as_mut_ptr(), chosen) };
            }
        });
    };
    parallel::each(y.chunks_mut(run).zip(chosen.chunks_mut(run)).enumerate(), true, planes);
}

/// Adds every `gy` to the place in `gx` that was chosen.
pub(super) fn max_backward(
    isa: Isa,
    window: Window,
    gy: &[f32],
    yd: [usize; 4],
    chosen: &[u8],
    gx: &mut [f32],
    xd: [usize; 4],
) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    if gy.is_empty() {
        return;
    }
    let taps = Taps::new(window, [h, w], [oh, ow]);
    // Rows of whole vectors of gradients are read where they stand.
    let (isa, direct) = match isa {
        Isa::Avx512 if !ow.is_multiple_of(16) && ow.is_multiple_of(8) => (Isa::Avx2, true),
        _ => (isa, ow.is_multiple_of(SLACK)),
    };
    let pitch = if direct { ow } else { ow.next_multiple_of(SLACK) };
    let spread_out = oh * pitch;
    parallel::planes(gx, h * w, |first, planes| {
        scratch::with(taps.source.channel + SLACK + 2 * spread_out, |buffer: &mut [f32]| {
            let (plane, spare) = buffer.split_at_mut(taps.source.channel + SLACK);
            let (gradients, tags) = spare.split_at_mut(spread_out);
            for (i, gx) in planes.chunks_exact_mut(h * w).enumerate() {
                let at = (first + i) * oh * ow;
                let (gy, chosen) = (&gy[at..][..oh * ow], &chosen[at..][..oh * ow]);
                let mut given = gy.as_ptr();
                if !direct {
                    spread(gy, ow, gradients, pitch, |&g| g, 0.0);
                    given = gradients.as_ptr();
                }
                spread(chosen, ow, tags, pitch, |&tag| tag_of(tag), tag_of(u8::NONE));
                plane.fill(0.0);
                // SAFETY: `Taps` holds only taps whose values are in the plane, which has SLACK numbers behind; there
                // are rows of `pitch` gradients and tags, whole vectors of them.
                unsafe { scatter(isa, &taps, given, tags.as_ptr(), pitch, plane.as_mut_ptr()) };
                taps.source.fold(isa, &plane[..taps.source.channel], gx);
            }
        });
    });
}

/// The number of a tap as it stands beside a value in a register.
fn tag_of(tap: u8) -> f32 {
    f32::from_bits(u32::from(tap))
}

/// Writes rows of `len` values as rows of `pitch` numbers, with `beyond` behind them.
fn spread<E>(from: &[E], len: usize, into: &mut [f32], pitch: usize, of: impl Fn(&E) -> f32, beyond: f32) {
    for (from, into) in from.chunks_exact(len).zip(into.chunks_exact_mut(pitch)) {
        let (values, rest) = into.split_at_mut(len);
        values.iter_mut().zip(from).for_each(|(into, from)| *into = of(from));
        rest.fill(beyond);
    }
}

/// Where the taps of every row of windows stand in a plane.
struct Taps {
    source: Source,
    /// Where each tap of the first window stands.
    first: Vec<usize>,
    /// Rows and columns of windows.
    output: [usize; 2],
}

impl Taps {
    fn new(window: Window, input: [usize; 2], output: [usize; 2]) -> Self {
        let needed = output.map(|places| (places - 1) * window.stride + window.extent());
        let source = Source::new(input, window.padding, window.stride, needed);
        let Window { kernel, dilation, .. } = window;
        let tap = |i: usize| source.index(i / kernel * dilation, i % kernel * dilation);
        Taps { first: (0..kernel * kernel).map(tap).collect(), source, output }
    }

    /// Calls `each(tap, at)` for the taps of a row of windows, in order: the value of the first window stands at `at`.
    #[inline(always)]
    fn each(&self, row: usize, mut each: impl FnMut(usize, usize)) {
        // a stride further down, a value stands one row further in its plane
        let down = row * self.source.plane[1];
        self.first.iter().enumerate().for_each(|(tap, first)| each(tap, first + down));
    }
}

dispatch! {
    /// # Safety
    /// The plane is laid out as the taps say, with `SLACK` numbers behind it; as many numbers as there are places may be
    /// written to `y` and to `chosen`.
    max, max_by, (taps: &Taps, plane: *const f32, y: *mut f32, chosen: *mut u8)
}

dispatch! {
    /// # Safety
    /// The plane is laid out as the taps say, with `SLACK` numbers behind it; there are as many rows of gradients and
    /// choices as of places, `pitch` numbers each, whole vectors of them, with no tap chosen behind the last column.
    scatter, scatter_by, (taps: &Taps, gy: *const f32, tags: *const f32, pitch: usize, plane: *mut f32)
}

#[inline(always)]
unsafe fn max_by<V: Vector>(taps: &Taps, plane: *const f32, y: *mut f32, chosen: *mut u8) {
    let [rows, columns] = taps.output;
    // SAFETY (of the whole body): the caller's; what lies behind the last place goes to `rest` first.
    unsafe {
        for row in 0..rows {
            for column in (0..columns).step_by(V::LANES) {
                let mut best = V::splat(f32::NEG_INFINITY);
                let mut tags = V::splat(tag_of(u8::NONE));
                taps.each(
                    row,
                    #[inline(always)]
                    |tap, at| {
                        let value = V::load(plane.add(at + column));
                        [best, tags] = value.larger(best, V::splat(tag_of(tap as u8)), tags);
                    },
                );
                let at = row * columns + column;
                // what is too much is overwritten by the next row
                let count = V::LANES.min(rows * columns - at);
                if count == V::LANES {
                    best.store(y.add(at));
                } else {
                    let mut rest = [0.0f32; SLACK];
                    best.store(rest.as_mut_ptr());
                    y.add(at).copy_from_nonoverlapping(rest.as_ptr(), count);
                }
                let mut rest = [0.0f32; SLACK];
                tags.store(rest.as_mut_ptr());
                let taps = rest.map(|tag| tag.to_bits() as u8);
                chosen.add(at).copy_from_nonoverlapping(taps.as_ptr(), count);
            }
        }
    }
}

#[inline(always)]
unsafe fn scatter_by<V: Vector>(taps: &Taps, gy: *const f32, tags: *const f32, pitch: usize, plane: *mut f32) {
    let [rows, columns] = taps.output;
    // Tap by tap, since neighbouring taps of one row write what overlaps, and would wait for each other.
    for (tap, &first) in taps.first.iter().enumerate() {
        for row in 0..rows {
            for column in (0..columns).step_by(V::LANES) {
                // SAFETY: the caller's; a vector begins at a column that there is, and ends within the pitch.
                unsafe {
                    let at = row * pitch + column;
                    let (gradient, tags) = (V::load(gy.add(at)), V::load(tags.add(at)));
                    let to = plane.add(first + row * taps.source.plane[1] + column);
                    let passed = gradient.where_same(tags, V::splat(tag_of(tap as u8)));
                    V::load(to).add(passed).store(to);
                }
            }
        }
    }
}
