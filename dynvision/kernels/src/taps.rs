//! Which values of a map the taps of a window read.

use crate::geometry::Window;
use std::ops::Range;

/// The places (along one dimension) at which tap `tap` falls into the map of `dim` values, and where the first falls.
fn reach(window: Window, tap: usize, dim: usize, places: usize) -> (Range<usize>, usize) {
    let offset = tap * window.dilation;
    let first = window.padding.saturating_sub(offset).div_ceil(window.stride);
    let last = (dim + window.padding).saturating_sub(offset).div_ceil(window.stride).min(places);
    let first = first.min(last);
    (first..last, (first * window.stride + offset).saturating_sub(window.padding))
}

/// Calls `each(tap, x, y, len)` for every tap and every row of places: `len` values of the map from index `x` on, a
/// stride apart, belong to `len` places from index `y` on. Taps come in order for every place.
#[inline(always)]
pub(crate) fn each_tap_row(
    window: Window,
    [h, w]: [usize; 2],
    [oh, ow]: [usize; 2],
    mut each: impl FnMut(usize, usize, usize, usize),
) {
    for ky in 0..window.kernel {
        let (rows, mut iy) = reach(window, ky, h, oh);
        for oy in rows {
            for kx in 0..window.kernel {
                let (columns, ix) = reach(window, kx, w, ow);
                if !columns.is_empty() {
                    each(ky * window.kernel + kx, iy * w + ix, oy * ow + columns.start, columns.len());
                }
            }
            iy += window.stride;
        }
    }
}

/// Where each place reads, along one dimension of `dim` values: a range, of which it reads the first in every dilation.
pub(crate) fn read_along(window: Window, dim: usize, places: usize) -> Vec<Range<usize>> {
    // taps are to a place what places are to a tap
    let turned = Window { stride: window.dilation, dilation: window.stride, ..window };
    let range = |place: usize| {
        let (taps, first) = reach(turned, place, dim, window.kernel);
        first..first + taps.len() * window.dilation
    };
    (0..places).map(range).collect()
}
