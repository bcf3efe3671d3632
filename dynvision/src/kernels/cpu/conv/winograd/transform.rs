//! The transforms of F(2x2, 3x3): `Y = Aᵀ [(G g Gᵀ) ∘ (Bᵀ d B)] A`, where `d` is 4x4 values of the input, `g` the 3x3
//! weights and `Y` 2x2 values of the output (Lavin and Gray, 2016). Lanes are tiles.
#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop, reason = "indices are those of registers")]

use super::super::microkernel::UNIT;
use crate::kernels::cpu::isa::{Vector, dispatch};

/// Values of a tile of the input, and products for each pair of channels.
pub(super) const POSITIONS: usize = 16;

/// Values of the output that a unit of tiles makes: two rows of twice as many.
pub(super) const MADE: usize = 4 * UNIT;

/// `G g Gᵀ`.
#[inline]
pub(super) fn weight(g: &[f32; 9]) -> [f32; POSITIONS] {
    let [a, b, c] = [g_of([g[0], g[3], g[6]]), g_of([g[1], g[4], g[7]]), g_of([g[2], g[5], g[8]])];
    let mut u = [0.0; POSITIONS];
    for (row, u) in u.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *u = g_of([a[row], b[row], c[row]]);
    }
    u
}

/// `G` of one row or column.
#[inline]
fn g_of([a, b, c]: [f32; 3]) -> [f32; 4] {
    [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c]
}

/// `Gᵀ u G` for 16 pairs of channels at once: what of the gradient `u` of [`weight`]'s output passes back.
#[inline(always)]
pub(super) fn weight_adjoint(u: &[[f32; UNIT]; POSITIONS]) -> [[f32; UNIT]; 9] {
    let mut rows = [[[0.0; UNIT]; 4]; 3];
    for column in 0..4 {
        let made = g_adjoint([&u[column], &u[4 + column], &u[8 + column], &u[12 + column]]);
        for (row, made) in rows.iter_mut().zip(made) {
            row[column] = made;
        }
    }
    let mut taps = [[0.0; UNIT]; 9];
    for (taps, [a, b, c, d]) in taps.as_chunks_mut::<3>().0.iter_mut().zip(&rows) {
        *taps = g_adjoint([a, b, c, d]);
    }
    taps
}

/// `Gᵀ` of one row or column.
#[inline(always)]
fn g_adjoint(u: [&[f32; UNIT]; 4]) -> [[f32; UNIT]; 3] {
    let mut taps = [[0.0; UNIT]; 3];
    for lane in 0..UNIT {
        let (sum, difference) = (0.5 * (u[1][lane] + u[2][lane]), 0.5 * (u[1][lane] - u[2][lane]));
        taps[0][lane] = u[0][lane] + sum;
        taps[1][lane] = difference;
        taps[2][lane] = sum + u[3][lane];
    }
    taps
}

/// Where the values of a unit of tiles stand: value `i` of the first tile of a channel at `offsets[i]`, those of the
/// other tiles behind it, and those of the next channel `channel` numbers further.
pub(super) struct Values<'a> {
    pub first: *const f32,
    pub offsets: &'a [u32],
    pub channel: usize,
    pub channels: usize,
}

/// Where transformed values go: those of position `p` `p * position` numbers further, of the next channel `channel`.
#[derive(Clone, Copy)]
pub(super) struct Transformed {
    pub first: *mut f32,
    pub position: usize,
    pub channel: usize,
}

/// Numbers from one position to the next, where each has `len` of them: a line more than multiples of a page, at which
/// all positions would compete for the same few places in the cache.
pub(super) fn spaced(len: usize) -> usize {
    len.next_multiple_of(UNIT) + if len.next_multiple_of(UNIT).is_multiple_of(1024 / 4) { UNIT } else { 0 }
}

dispatch! {
    /// `Bᵀ d B` of a unit of tiles, for all channels.
    ///
    /// # Safety
    /// All that the arguments describe may be read and written; there are 16 offsets.
    pub(super) input, input_lanes, (values: &Values<'_>, into: Transformed)
}

dispatch! {
    /// `A e Aᵀ` of a unit of tiles of 2x2 gradients, for all channels.
    ///
    /// # Safety
    /// All that the arguments describe may be read and written; there are 4 offsets.
    pub(super) gradient, gradient_lanes, (values: &Values<'_>, into: Transformed)
}

dispatch! {
    /// `Aᵀ m A + bias` of a unit of tiles, for so many rows: `MADE` numbers for each row, that is, two rows of
    /// neighbouring values of the output.
    ///
    /// # Safety
    /// All that the arguments describe may be read and written.
    pub(super) output, output_lanes, (products: Transformed, rows: usize, bias: *const f32, into: *mut f32)
}

/// `Bᵀ` of one row or column.
#[inline(always)]
unsafe fn b<V: Vector>(d: [V; 4]) -> [V; 4] {
    // SAFETY: the caller's instruction set.
    unsafe { [d[0].sub(d[2]), d[1].add(d[2]), d[2].sub(d[1]), d[1].sub(d[3])] }
}

/// `Aᵀ` of one row or column.
#[inline(always)]
unsafe fn a<V: Vector>(m: [V; 4]) -> [V; 2] {
    // SAFETY: the caller's instruction set.
    unsafe { [m[0].add(m[1]).add(m[2]), m[1].sub(m[2]).sub(m[3])] }
}

/// `A` of one row or column.
#[inline(always)]
unsafe fn a_adjoint<V: Vector>(e: [V; 2]) -> [V; 4] {
    // SAFETY: the caller's instruction set.
    unsafe { [e[0], e[0].add(e[1]), e[0].sub(e[1]), V::splat(0.0).sub(e[1])] }
}

// No closures from here on: the compiler would build them without the instruction set of the function around them.

#[inline(always)]
unsafe fn input_lanes<V: Vector>(values: &Values<'_>, into: Transformed) {
    // SAFETY (of the whole body): the caller's; a unit is `UNIT / LANES` registers.
    unsafe {
        for channel in 0..values.channels {
            for lane in (0..UNIT).step_by(V::LANES) {
                let from = values.first.add(channel * values.channel + lane);
                let mut rows = [[V::splat(0.0); 4]; 4];
                for (row, offsets) in rows.iter_mut().zip(values.offsets.as_chunks::<4>().0) {
                    for (value, &offset) in row.iter_mut().zip(offsets) {
                        *value = V::load(from.add(offset as usize));
                    }
                    *row = b(*row);
                }
                store_columns(rows, into, channel, lane);
            }
        }
    }
}

/// Transforms the columns by `Bᵀ` and stores them.
#[inline(always)]
unsafe fn store_columns<V: Vector>(rows: [[V; 4]; 4], into: Transformed, channel: usize, lane: usize) {
    // SAFETY (of the whole body): the caller's.
    unsafe {
        let to = into.first.add(channel * into.channel + lane);
        for column in 0..4 {
            let done = b([rows[0][column], rows[1][column], rows[2][column], rows[3][column]]);
            for (row, value) in done.into_iter().enumerate() {
                value.store(to.add((row * 4 + column) * into.position));
            }
        }
    }
}

#[inline(always)]
unsafe fn gradient_lanes<V: Vector>(values: &Values<'_>, into: Transformed) {
    // SAFETY (of the whole body): the caller's; a unit is `UNIT / LANES` registers.
    unsafe {
        for channel in 0..values.channels {
            for lane in (0..UNIT).step_by(V::LANES) {
                let from = values.first.add(channel * values.channel + lane);
                let mut rows = [[V::splat(0.0); 4]; 2];
                for (row, offsets) in rows.iter_mut().zip(values.offsets.as_chunks::<2>().0) {
                    *row = a_adjoint([V::load(from.add(offsets[0] as usize)), V::load(from.add(offsets[1] as usize))]);
                }
                let to = into.first.add(channel * into.channel + lane);
                for column in 0..4 {
                    let done = a_adjoint([rows[0][column], rows[1][column]]);
                    for (row, value) in done.into_iter().enumerate() {
                        value.store(to.add((row * 4 + column) * into.position));
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn output_lanes<V: Vector>(products: Transformed, rows: usize, bias: *const f32, into: *mut f32) {
    // SAFETY (of the whole body): the caller's; a unit is `UNIT / LANES` registers.
    unsafe {
        for row in 0..rows {
            let bias = V::splat(*bias.add(row));
            for lane in (0..UNIT).step_by(V::LANES) {
                let from = products.first.add(row * products.channel + lane);
                let mut columns = [[bias; 2]; 4];
                for (column, made) in columns.iter_mut().enumerate() {
                    let mut m = [bias; 4];
                    for (row, m) in m.iter_mut().enumerate() {
                        *m = V::load(from.add((row * 4 + column) * products.position));
                    }
                    *made = a(m);
                }
                for y in 0..2 {
                    let [left, right] = a([columns[0][y], columns[1][y], columns[2][y], columns[3][y]]);
                    let [low, high] = left.add(bias).interleave(right.add(bias));
                    let to = into.add(row * MADE + y * 2 * UNIT + 2 * lane);
                    low.store(to);
                    high.store(to.add(V::LANES));
                }
            }
        }
    }
}
