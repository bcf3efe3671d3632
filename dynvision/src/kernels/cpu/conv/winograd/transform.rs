//! The transforms of tiles and weights. Lanes are tiles.
#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop, reason = "indices are those of registers")]

use super::super::microkernel::UNIT;
use super::filter::{Four, Minimal, Two};
use super::grid::Spots;
use crate::kernels::cpu::isa::{Isa, Parts, dispatch};

/// Most values of a tile of the input, and products for each pair of channels.
const POSITIONS: usize = 36;

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
}

impl std::fmt::Debug for Transforms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transforms").finish_non_exhaustive()
    }
}

/// Transforms of tiles that make `$m` by `$m` values, in pieces of `$w` columns.
macro_rules! transforms {
    ($($name:ident: $filter:ident, $m:literal, $s:literal, $w:literal;)*) => {
        $(mod $name {
            use super::*;

            #[inline(always)]
            unsafe fn input_lanes<V: Parts>(values: &Values<'_>, into: Transformed) {
                // SAFETY: the caller's.
                unsafe { input::<V, $filter, $m, $s, $w>(values, into) }
            }

            #[inline(always)]
            unsafe fn output_lanes<V: Parts>(products: Transformed, into: &Made<'_>) {
                // SAFETY: the caller's.
                unsafe { output::<V, $filter, $m, $s, $w>(products, into) }
            }

            dispatch! { by_input, input_lanes, (values: &Values<'_>, into: Transformed) }
            dispatch! { by_output, output_lanes, (products: Transformed, into: &Made<'_>) }

            pub(super) const ALL: Transforms = Transforms { input: by_input, output: by_output };
        })*

        impl Transforms {
            pub(super) fn of(made: usize, width: usize) -> Self {
                match (made, width) {
                    $(($m, $w) => $name::ALL,)*
                    _ => unreachable!("no tiles that make {made}, in pieces of {width}"),
                }
            }
        }
    };
}

transforms! {
    two_by_four: Two, 2, 4, 4;
    two_by_eight: Two, 2, 4, 8;
    two_by_sixteen: Two, 2, 4, 16;
    four_by_four: Four, 4, 6, 4;
    four_by_eight: Four, 4, 6, 8;
    four_by_sixteen: Four, 4, 6, 16;
}

/// `G g Gᵀ`, of which the positions of a tile that makes `made` by `made` count.
pub(super) fn weight(made: usize, g: &[f32; 9]) -> [f32; POSITIONS] {
    match made {
        2 => weight_of::<Two, 2, 4>(g),
        _ => weight_of::<Four, 4, 6>(g),
    }
}

fn weight_of<F: Minimal<M, S>, const M: usize, const S: usize>(g: &[f32; 9]) -> [f32; POSITIONS] {
    let [a, b, c] = [0, 1, 2].map(|column| F::taps([g[column], g[3 + column], g[6 + column]]));
    let mut u = [0.0; POSITIONS];
    for (row, u) in u.chunks_exact_mut(S).take(S).enumerate() {
        u.copy_from_slice(&F::taps([a[row], b[row], c[row]]));
    }
    u
}

/// Numbers from one position to the next, where each has `len` of them: a line more than multiples of a page, at which
/// all positions would compete for the same few places in the cache.
pub(super) fn spaced(len: usize) -> usize {
    len.next_multiple_of(UNIT) + if len.next_multiple_of(UNIT).is_multiple_of(1024 / 4) { UNIT } else { 0 }
}

// No closures from here on: the compiler would build them without the instruction set of the function around them.

#[inline(always)]
unsafe fn input<V: Parts, F: Minimal<M, S>, const M: usize, const S: usize, const W: usize>(
    values: &Values<'_>,
    into: Transformed,
) {
    // SAFETY (of the whole body): the caller's.
    unsafe {
        for channel in 0..values.channels {
            let from = values.first.wrapping_add(channel * values.channel);
            for lane in (0..UNIT).step_by(V::LANES) {
                let mut rows = [[V::splat(0.0); S]; S];
                for line in 0..S {
                    let (mut near, mut far) = ([V::splat(0.0); M], [V::splat(0.0); M]);
                    for r in 0..M {
                        let register = lane * M / V::LANES + r;
                        near[r] = load::<V, W>(from, values.spots, 0, line, register);
                        far[r] = load::<V, W>(from.wrapping_add(M), values.spots, 1, line, register);
                    }
                    (near, far) = (F::deal(near), F::deal(far));
                    rows[line][..M].copy_from_slice(&near);
                    rows[line][M..].copy_from_slice(&far[..2]);
                    rows[line] = F::input(rows[line]);
                }
                let to = into.first.add(channel * into.channel + lane);
                for column in 0..S {
                    let mut values = [V::splat(0.0); S];
                    for line in 0..S {
                        values[line] = rows[line][column];
                    }
                    let done = F::input(values);
                    for line in 0..S {
                        done[line].store(to.add((line * S + column) * into.position));
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn output<V: Parts, F: Minimal<M, S>, const M: usize, const S: usize, const W: usize>(
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
                let mut columns = [[bias; M]; S];
                for column in 0..S {
                    let mut values = [bias; S];
                    for line in 0..S {
                        values[line] = V::load(from.add((line * S + column) * products.position));
                    }
                    columns[column] = F::output(values);
                }
                for line in 0..M {
                    let mut values = [bias; S];
                    for column in 0..S {
                        values[column] = columns[column][line];
                    }
                    let made = F::interleave(F::output(values));
                    for r in 0..M {
                        let register = lane * M / V::LANES + r;
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
