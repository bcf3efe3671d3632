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

/// Indices of the values of a map that the window at a place reads, in the order of its taps.
pub(crate) fn read_at(window: Window, [h, w]: [usize; 2], [oy, ox]: [usize; 2]) -> impl Iterator<Item = usize> {
    let Window { kernel, stride, dilation, .. } = window;
    // taps are to a place what places are to a tap
    let turned = Window { stride: dilation, dilation: stride, ..window };
    let [(rows, iy), (columns, ix)] = [(oy, h), (ox, w)].map(|(place, dim)| reach(turned, place, dim, kernel));
    (0..rows.len()).flat_map(move |ky| (0..columns.len()).map(move |kx| (iy + ky * dilation) * w + ix + kx * dilation))
}
