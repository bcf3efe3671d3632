//! The transforms of tiles and weights. Lanes are tiles.
#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop, reason = "indices are those of registers")]

use super::super::microkernel::UNIT;
use super::filter::{Adjoint, Doubling, Four, Halving, Minimal, Two};
use super::grid::{Corners, MOST_MADE, Spots};
use super::tile::Tile;
use crate::isa::{Isa, Parts, compiled_for, dispatch};

/// Most values of a tile of the input, and products for each pair of channels.
pub(super) const POSITIONS: usize = 36;

/// Where the values of a unit of tiles stand: in `channels` channels, `channel` numbers apart.
pub(super) struct Values<'a> {
    pub first: *const f32,
    pub channel: usize,
    pub channels: usize,
    pub spots: &'a Spots,
}

/// Where transformed values stand: those of position `p` `p * position` numbers further, of the next channel `channel`.
#[derive(Clone, Copy)]
pub(super) struct Transformed {
    pub first: *mut f32,
    pub position: usize,
    pub channel: usize,
}

/// Where the values of the output go: in `channels` channels, `channel` numbers apart.
pub(super) struct Made<'a> {
    pub first: *mut f32,
    /// What they are added to, if that is not null.
    pub onto: *const f32,
    pub channel: usize,
    pub channels: usize,
    /// One number for each channel.
    pub bias: *const f32,
    pub spots: &'a Spots,
}

/// The transforms of one filter and one width of pieces.
#[derive(Clone, Copy)]
pub(super) struct Transforms {
    /// `Bᵀ d B` of a unit of tiles, for all channels.
    ///
    /// # Safety
    /// The processor has the instruction set; all that the arguments describe, where the masks have bits, may be read and
    /// written.
    pub input: unsafe fn(Isa, &Values<'_>, Transformed),
    /// `Aᵀ m A + bias` of a unit of tiles, for all channels.
    ///
    /// # Safety
    /// As for `input`.
    pub output: unsafe fn(Isa, Transformed, &Made<'_>),
    /// Writes which tile of a unit stands in each lane.
    ///
    /// # Safety
    /// The processor has the instruction set.
    pub order: unsafe fn(Isa, &mut [usize; UNIT]),
}

impl std::fmt::Debug for Transforms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transforms").finish_non_exhaustive()
    }
}

/// Transforms of tiles by the filter of columns and that of rows, which make `$m` values of `$i` by `$s` products (and `$n` of
/// `$j` by `$t`), in pieces of `$v` columns of the input and `$w` of the output.
macro_rules! transforms {
    ($($name:ident: $tile:ident, $down:ident, $m:literal, $s:literal, $i:literal, $across:ident, $n:literal, $t:literal, $j:literal,
        $v:literal, $w:literal;)*) => {
        $(mod $name {
            use super::*;

            #[inline(always)]
            unsafe fn input_lanes<V: Parts>(values: &Values<'_>, into: Transformed) {
                // SAFETY: the caller's.
                unsafe { input::<V, $down, $m, $s, $i, $across, $n, $t, $j, $v>(values, into) }
            }

            #[inline(always)]
            unsafe fn output_lanes<V: Parts>(products: Transformed, into: &Made<'_>) {
                // SAFETY: the caller's.
                unsafe { output::<V, $down, $m, $s, $i, $across, $n, $t, $j, $w>(products, into) }
            }

            #[inline(always)]
            unsafe fn order_lanes<V: Parts>(order: &mut [usize; UNIT]) {
                // SAFETY: the caller's.
                unsafe { lanes::<V, $across, $n, $t, $j>(order) }
            }

            dispatch! { by_input, input_lanes, (values: &Values<'_>, into: Transformed) }
            dispatch! { by_output, output_lanes, (products: Transformed, into: &Made<'_>) }

            dispatch! { by_order, order_lanes, (order: &mut [usize; UNIT]) }

            pub(super) const ALL: Transforms = Transforms { input: by_input, output: by_output, order: by_order };
        })*

        impl Transforms {
            /// Those of tiles in pieces of `width` columns of the output.
            pub(super) fn of(tile: Tile, width: usize) -> Self {
                match (tile, width) {
                    $((Tile::$tile, $w) => $name::ALL,)*
                    _ => unreachable!("no {tile:?} in pieces of {width}"),
                }
            }
        }
    };
}

transforms! {
    two_in_four: Two, Two, 2, 4, 4, Two, 2, 4, 4, 4, 4;
    two_in_eight: Two, Two, 2, 4, 4, Two, 2, 4, 4, 8, 8;
    two_in_sixteen: Two, Two, 2, 4, 4, Two, 2, 4, 4, 16, 16;
    two_by_four_in_four: TwoByFour, Two, 2, 4, 4, Four, 4, 6, 6, 4, 4;
    two_by_four_in_eight: TwoByFour, Two, 2, 4, 4, Four, 4, 6, 6, 8, 8;
    two_by_four_in_sixteen: TwoByFour, Two, 2, 4, 4, Four, 4, 6, 6, 16, 16;
    four_in_four: Four, Four, 4, 6, 6, Four, 4, 6, 6, 4, 4;
    four_in_eight: Four, Four, 4, 6, 6, Four, 4, 6, 6, 8, 8;
    four_in_sixteen: Four, Four, 4, 6, 6, Four, 4, 6, 6, 16, 16;
    halving_to_four: Halving, Halving, 2, 5, 5, Halving, 2, 5, 5, 8, 4;
    halving_to_eight: Halving, Halving, 2, 5, 5, Halving, 2, 5, 5, 16, 8;
    doubling_to_eight: Doubling, Doubling, 4, 5, 3, Doubling, 4, 5, 3, 4, 8;
    doubling_to_sixteen: Doubling, Doubling, 4, 5, 3, Doubling, 4, 5, 3, 8, 16;
}

/// A number for each position of a tile and 16 pairs of channels.
pub(super) type Positions = [[f32; UNIT]; POSITIONS];

/// Writes `G g G'ᵀ` of 16 pairs of channels at once, as much as the tile has positions.
pub(super) fn weights(isa: Isa, tile: Tile, g: &[[f32; UNIT]; 9], into: &mut Positions) {
    compiled_for(
        isa,
        #[inline(always)]
        || match tile {
            Tile::Two => weights_by::<Two, 2, 4, 4, Two, 2, 4, 4>(g, into),
            Tile::TwoByFour => weights_by::<Two, 2, 4, 4, Four, 4, 6, 6>(g, into),
            Tile::Four => weights_by::<Four, 4, 6, 6, Four, 4, 6, 6>(g, into),
            Tile::Halving => weights_by::<Halving, 2, 5, 5, Halving, 2, 5, 5>(g, into),
            Tile::Doubling => weights_by::<Doubling, 4, 5, 3, Doubling, 4, 5, 3>(g, into),
        },
    )
}

#[inline(always)]
#[rustfmt::skip]
fn weights_by<
    R: Minimal<M, S, I>, const M: usize, const S: usize, const I: usize,
    C: Minimal<N, T, J>, const N: usize, const T: usize, const J: usize,
>(
    g: &[[f32; UNIT]; 9],
    into: &mut Positions,
) {
    let mut columns = [[[0.0; UNIT]; S]; 3];
    // Lanes are innermost, so that these loops become vectors.
    for column in 0..3 {
        for lane in 0..UNIT {
            let made = R::taps([0, 1, 2].map(|row| f64::from(g[row * 3 + column][lane])));
            for line in 0..S {
                columns[column][line][lane] = made[line];
            }
        }
    }
    for line in 0..S {
        for lane in 0..UNIT {
            let made = C::taps([0, 1, 2].map(|column| columns[column][line][lane]));
            for column in 0..T {
                into[line * T + column][lane] = made[column] as f32;
            }
        }
    }
}

/// Most positions whose gradients are gathered: those of tiles at stride 2.
pub(super) const MOST_GATHERED: usize = 25;

/// `Gᵀ u G'` for 16 pairs of channels at once: what of the gradient `u` of [`weights`]'s output passes back.
#[inline(always)]
pub(super) fn weight_adjoint(tile: Tile, u: &[[f32; UNIT]; MOST_GATHERED]) -> [[f32; UNIT]; 9] {
    match tile {
        Tile::Two => weight_adjoint_by::<Two, 2, 4, Two, 2, 4>(u),
        Tile::Halving => weight_adjoint_by::<Halving, 2, 5, Halving, 2, 5>(u),
        _ => weight_adjoint_by::<Two, 2, 4, Four, 4, 6>(u),
    }
}

#[inline(always)]
#[rustfmt::skip]
fn weight_adjoint_by<
    R: Adjoint<M, S>, const M: usize, const S: usize, C: Adjoint<N, T>, const N: usize, const T: usize,
>(
    u: &[[f32; UNIT]; MOST_GATHERED],
) -> [[f32; UNIT]; 9] {
    let (mut rows, mut taps) = ([[[0.0; UNIT]; T]; 3], [[0.0; UNIT]; 9]);
    for column in 0..T {
        for lane in 0..UNIT {
            let made = R::taps_adjoint(std::array::from_fn(|line| u[line * T + column][lane]));
            for row in 0..3 {
                rows[row][column][lane] = made[row];
            }
        }
    }
    for row in 0..3 {
        for lane in 0..UNIT {
            let made = C::taps_adjoint(std::array::from_fn(|column| rows[row][column][lane]));
            for column in 0..3 {
                taps[row * 3 + column][lane] = made[column];
            }
        }
    }
    taps
}

/// `A e A'ᵀ` of tiles of gradients in all channels of a block of `width` lanes: `[position][tile][lane]`, positions `position`
/// numbers apart. `from` holds `[place][lane]`, `corners` the places of each tile, which makes two rows.
pub(super) fn gradient(
    isa: Isa,
    tile: Tile,
    from: &[f32],
    width: usize,
    corners: &[Corners],
    into: &mut [f32],
    position: usize,
) {
    assert!(matches!(tile, Tile::Two | Tile::TwoByFour | Tile::Halving), "gradients of tiles: rows and columns");
    assert!(width <= ZEROS.len() && width.is_multiple_of(UNIT), "gradients of tiles: lanes");
    let len = tile.positions() * position;
    assert!(corners.len() * width <= position && into.len() >= len, "gradients of tiles: length");
    for (i, corners) in corners.iter().enumerate() {
        let mut places = [&ZEROS[..width]; MOST_MADE];
        for (place, corner) in places.iter_mut().zip(corners) {
            if let Some(at) = corner {
                *place = &from[at * width..][..width];
            }
        }
        let places = places.map(<[f32]>::as_ptr);
        let into = Transformed { first: into[i * width..].as_mut_ptr(), position, channel: 0 };
        // SAFETY: the instruction set was detected; slices of `width` numbers; the assertions are about the destination.
        unsafe {
            match tile {
                Tile::Two => gradient_by_two(isa, &places, width, into),
                Tile::Halving => gradient_by_halving(isa, &places, width, into),
                _ => gradient_by_four(isa, &places, width, into),
            }
        }
    }
}

/// The gradients at places outside the map.
const ZEROS: [f32; 4 * UNIT] = [0.0; 4 * UNIT];

dispatch! { gradient_by_two, gradient_of_two, (places: &[*const f32; MOST_MADE], width: usize, into: Transformed) }
dispatch! { gradient_by_four, gradient_of_four, (places: &[*const f32; MOST_MADE], width: usize, into: Transformed) }
dispatch! { gradient_by_halving, gradient_of_halving, (places: &[*const f32; MOST_MADE], width: usize, into: Transformed) }

#[inline(always)]
unsafe fn gradient_of_two<V: Parts>(places: &[*const f32; MOST_MADE], width: usize, into: Transformed) {
    // SAFETY: the caller's.
    unsafe { gradient_lanes::<V, Two, 4, Two, 2, 4>(places, width, into) }
}

#[inline(always)]
unsafe fn gradient_of_four<V: Parts>(places: &[*const f32; MOST_MADE], width: usize, into: Transformed) {
    // SAFETY: the caller's.
    unsafe { gradient_lanes::<V, Two, 4, Four, 4, 6>(places, width, into) }
}

#[inline(always)]
unsafe fn gradient_of_halving<V: Parts>(places: &[*const f32; MOST_MADE], width: usize, into: Transformed) {
    // SAFETY: the caller's.
    unsafe { gradient_lanes::<V, Halving, 5, Halving, 2, 5>(places, width, into) }
}

/// Numbers from one position to the next, where each has `len` of them: a line more than multiples of a page, at which
/// all positions would compete for the same few places in the cache.
pub(super) fn spaced(len: usize) -> usize {
    len.next_multiple_of(UNIT) + if len.next_multiple_of(UNIT).is_multiple_of(1024 / 4) { UNIT } else { 0 }
}

// No closures from here on: the compiler would build them without the instruction set of the function around them.

#[inline(always)]
#[rustfmt::skip]
unsafe fn input<
    V: Parts,
    R: Minimal<M, S, I>, const M: usize, const S: usize, const I: usize,
    C: Minimal<N, T, J>, const N: usize, const T: usize, const J: usize,
    const W: usize,
>(
    values: &Values<'_>,
    into: Transformed,
) {
    // SAFETY (of the whole body): the caller's.
    unsafe {
        for channel in 0..values.channels {
            let from = values.first.wrapping_add(channel * values.channel);
            for lane in (0..UNIT).step_by(V::LANES) {
                let mut rows = [[V::splat(0.0); T]; I];
                for line in 0..I {
                    let (mut near, mut far) = ([V::splat(0.0); J], [V::splat(0.0); J]);
                    for r in 0..C::STEP {
                        let register = lane * C::STEP / V::LANES + r;
                        near[r] = load::<V, W>(from, values.spots, 0, line, register);
                        far[r] = load::<V, W>(from.wrapping_add(C::STEP), values.spots, 1, line, register);
                    }
                    (near, far) = (C::split(near), C::split(far));
                    near[C::STEP..].copy_from_slice(&far[C::STEP..]);
                    rows[line] = C::input(near);
                }
                let to = into.first.add(channel * into.channel + lane);
                for column in 0..T {
                    let mut values = [V::splat(0.0); I];
                    for line in 0..I {
                        values[line] = rows[line][column];
                    }
                    let done = R::input(values);
                    for line in 0..S {
                        done[line].store(to.add((line * T + column) * into.position));
                    }
                }
            }
        }
    }
}

#[inline(always)]
#[rustfmt::skip]
unsafe fn output<
    V: Parts,
    R: Minimal<M, S, I>, const M: usize, const S: usize, const I: usize,
    C: Minimal<N, T, J>, const N: usize, const T: usize, const J: usize,
    const W: usize,
>(
    products: Transformed,
    into: &Made<'_>,
) {
    // SAFETY (of the whole body): the caller's.
    unsafe {
        for channel in 0..into.channels {
            let bias = V::splat(*into.bias.add(channel));
            let first = into.first.wrapping_add(channel * into.channel);
            let onto = into.onto.wrapping_add(channel * into.channel);
            for lane in (0..UNIT).step_by(V::LANES) {
                let from = products.first.add(channel * products.channel + lane);
                let mut columns = [[bias; M]; T];
                for column in 0..T {
                    let mut values = [bias; S];
                    for line in 0..S {
                        values[line] = V::load(from.add((line * T + column) * products.position));
                    }
                    columns[column] = R::output(values);
                }
                for line in 0..M {
                    let mut values = [bias; T];
                    for column in 0..T {
                        values[column] = columns[column][line];
                    }
                    let made = C::join(C::output(values));
                    for r in 0..N {
                        let register = lane * N / V::LANES + r;
                        let mut made = made[r].add(bias);
                        if !into.onto.is_null() {
                            made = made.add(load::<V, W>(onto, into.spots, 0, line, register));
                        }
                        store::<V, W>(made, first, into.spots, line, register);
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn lanes<V: Parts, C: Minimal<N, T, J>, const N: usize, const T: usize, const J: usize>(
    order: &mut [usize; UNIT],
) {
    // Numbers that say which tile they belong to go the way of the input.
    let (mut tiles, mut to) = ([0.0; UNIT * 4], [0.0; UNIT]);
    for (i, tile) in tiles.iter_mut().enumerate() {
        *tile = (i / C::STEP) as f32;
    }
    // SAFETY (of the whole body): the caller's instruction set; a step is at most 4, and all registers are in the arrays.
    unsafe {
        for lane in (0..UNIT).step_by(V::LANES) {
            let mut registers = [V::splat(0.0); J];
            for r in 0..C::STEP {
                registers[r] = V::load(tiles.as_ptr().add((lane * C::STEP / V::LANES + r) * V::LANES));
            }
            C::split(registers)[0].store(to.as_mut_ptr().add(lane));
        }
    }
    for (lane, tile) in order.iter_mut().zip(to) {
        *lane = tile as usize;
    }
}

#[inline(always)]
#[rustfmt::skip]
unsafe fn gradient_lanes<
    V: Parts, R: Adjoint<2, S>, const S: usize, C: Adjoint<N, T>, const N: usize, const T: usize,
>(
    places: &[*const f32; MOST_MADE],
    width: usize,
    into: Transformed,
) {
    // SAFETY (of the whole body): the caller's: `width` numbers at each place, and room for as many at every position.
    unsafe {
        for lane in (0..width).step_by(V::LANES) {
            let mut rows = [[V::splat(0.0); T]; 2];
            for line in 0..2 {
                let mut values = [V::splat(0.0); N];
                for column in 0..N {
                    values[column] = V::load(places[line * N + column].add(lane));
                }
                rows[line] = C::output_adjoint(values);
            }
            for column in 0..T {
                let done = R::output_adjoint([rows[0][column], rows[1][column]]);
                for line in 0..S {
                    done[line].store(into.first.add((line * T + column) * into.position + lane));
                }
            }
        }
    }
}

/// Register number `register` of a line, counted through the pieces of a unit; the second masks if `far`.
#[inline(always)]
unsafe fn load<V: Parts, const W: usize>(
    from: *const f32,
    spots: &Spots,
    far: usize,
    line: usize,
    register: usize,
) -> V {
    let (at, masks) = (&spots.at[line], &spots.masks[far][line]);
    let (first, skipped) = (register * V::LANES / W, register * V::LANES % W);
    // SAFETY: the caller's.
    unsafe {
        if V::LANES <= W {
            V::load_parts([from.wrapping_offset(at[first]).wrapping_add(skipped)], [masks[first] >> skipped])
        } else if V::LANES == 2 * W {
            let [a, b] = [first, first + 1];
            V::load_parts([from.wrapping_offset(at[a]), from.wrapping_offset(at[b])], [masks[a], masks[b]])
        } else {
            let [a, b, c, d] = [first, first + 1, first + 2, first + 3];
            V::load_parts(
                [
                    from.wrapping_offset(at[a]),
                    from.wrapping_offset(at[b]),
                    from.wrapping_offset(at[c]),
                    from.wrapping_offset(at[d]),
                ],
                [masks[a], masks[b], masks[c], masks[d]],
            )
        }
    }
}

/// The same for writing.
#[inline(always)]
unsafe fn store<V: Parts, const W: usize>(value: V, to: *mut f32, spots: &Spots, line: usize, register: usize) {
    let (at, masks) = (&spots.at[line], &spots.masks[0][line]);
    let (first, skipped) = (register * V::LANES / W, register * V::LANES % W);
    // SAFETY: the caller's.
    unsafe {
        if V::LANES <= W {
            value.store_parts([to.wrapping_offset(at[first]).wrapping_add(skipped)], [masks[first] >> skipped]);
        } else if V::LANES == 2 * W {
            let [a, b] = [first, first + 1];
            value.store_parts([to.wrapping_offset(at[a]), to.wrapping_offset(at[b])], [masks[a], masks[b]]);
        } else {
            let [a, b, c, d] = [first, first + 1, first + 2, first + 3];
            value.store_parts(
                [
                    to.wrapping_offset(at[a]),
                    to.wrapping_offset(at[b]),
                    to.wrapping_offset(at[c]),
                    to.wrapping_offset(at[d]),
                ],
                [masks[a], masks[b], masks[c], masks[d]],
            );
        }
    }
}
