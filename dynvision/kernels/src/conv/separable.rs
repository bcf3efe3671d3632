//! A convolution of each channel before one of single places: what it makes of a block of places goes straight into the
//! packed panel that the second one reads, so that the maps between the two are never written.
#![allow(unsafe_code)]

use super::microkernel::{MOST_UNITS, UNIT};
use super::shape::ConvShape;
use crate::geometry::Border;
use crate::isa::{Isa, Parts, dispatch};
use std::ops::Range;

/// Taps along each side of the largest kernel.
const KERNEL: usize = 7;

/// Whether the second convolution takes single places of maps of the size that the first one reads, with its own kernel for each
/// channel and zeros beyond the border.
pub(super) fn can(depthwise: &ConvShape, pointwise: &ConvShape) -> bool {
    let (near, point) = (depthwise.window, pointwise.window);
    let keeps_size = near.stride == 1 && depthwise.input == depthwise.output;
    let of_zeros = depthwise.border == Border::Zero || near.padding == 0;
    let apart = depthwise.group_in() == 1 && depthwise.group_out() == 1 && near.kernel <= KERNEL;
    keeps_size && of_zeros && apart && pointwise.groups == 1 && (point.kernel, point.stride, point.padding) == (1, 1, 0)
}

/// Which places of a map the taps of a kernel meet.
#[derive(Debug)]
pub(super) struct Reach {
    kernel: usize,
    /// Places of a map.
    places: usize,
    /// How far behind each place stands what each tap reads there.
    offsets: Vec<isize>,
    /// For every row of taps, then for every column of them, a bit for each place where it is inside the map; `UNIT` zeros stand
    /// before the first.
    inside: Vec<Vec<u8>>,
}

impl Reach {
    pub(super) fn new(shape: &ConvShape) -> Self {
        let ([rows, columns], window) = (shape.output, shape.window);
        let shift = |tap: usize| (tap * window.dilation) as isize - window.padding as isize;
        let (kernel, places) = (window.kernel, rows * columns);
        let offset = |tap: usize| shift(tap / kernel) * columns as isize + shift(tap % kernel);
        let inside = |tap: usize| {
            // a mask is taken out of the four bytes that its first bit is in
            let mut bits = vec![0; (UNIT + places) / 8 + 4];
            for place in 0..places {
                let (at, len) = if tap < kernel { (place / columns, rows) } else { (place % columns, columns) };
                if at.checked_add_signed(shift(tap % kernel)).is_some_and(|at| at < len) {
                    bits[(UNIT + place) / 8] |= 1 << ((UNIT + place) % 8);
                }
            }
            bits
        };
        let (offsets, inside) = ((0..kernel * kernel).map(offset).collect(), (0..2 * kernel).map(inside).collect());
        Reach { kernel, places, offsets, inside }
    }

    /// For every row or column of taps, the places from `first` on where it is inside the map. The first of them are before
    /// the map where `first` is negative.
    fn masks(&self, rows: bool, first: isize) -> [u16; KERNEL] {
        let mut masks = [0; KERNEL];
        let bit = (first + UNIT as isize) as usize;
        for (mask, inside) in masks.iter_mut().zip(self.inside.iter().skip(if rows { 0 } else { self.kernel })) {
            let bytes = inside[bit / 8..].first_chunk().map_or(0, |&bytes| u32::from_le_bytes(bytes));
            *mask = (bytes >> (bit % 8)) as u16;
        }
        masks
    }
}

/// A convolution of each channel with its weights.
#[derive(Clone, Copy)]
pub(super) struct Depthwise<'a> {
    pub reach: &'a Reach,
    pub w: &'a [f32],
    pub bias: Option<&'a [f32]>,
}

/// A tap, and in which lanes of each unit it is inside the map.
#[derive(Clone, Copy, Default)]
struct Term {
    tap: usize,
    offset: isize,
    masks: [u16; MOST_UNITS],
}

/// The terms that one image adds to the values of some units.
struct Pass<'a> {
    terms: &'a [Term],
    /// Where the first channel of each unit would stand if all of the unit were in this image.
    from: [*const f32; MOST_UNITS],
    units: usize,
    /// Numbers from one channel to the next.
    plane: usize,
    channels: usize,
    /// The weights of the first channel.
    w: *const f32,
    /// Weights of a channel.
    taps: usize,
    /// The biases of all channels, where there are any.
    bias: Option<*const f32>,
    to: *mut f32,
    /// Whether earlier passes have written what this one adds to.
    adds: bool,
}

impl Depthwise<'_> {
    /// Products that one image costs.
    pub(super) fn products(&self) -> usize {
        self.w.len() * self.reach.places
    }

    /// Writes the values of some `channels` at the places of `units` into `panel`, `UNIT` numbers for each unit of a channel.
    /// What stands for places behind the last image is arbitrary.
    pub(super) fn fill(
        &self,
        isa: Isa,
        x: &[f32],
        images: usize,
        units: Range<usize>,
        channels: Range<usize>,
        panel: &mut [f32],
    ) {
        let Reach { kernel, places, offsets, .. } = self.reach;
        let (taps, width) = (offsets.len(), units.len() * UNIT);
        let (ins, all) = (self.w.len() / taps, channels.len());
        let fits = x.len() == images * ins * places && channels.end <= ins && all * width <= panel.len();
        let biased = self.bias.is_none_or(|bias| bias.len() == ins);
        assert!(fits && biased && units.len() <= MOST_UNITS && *kernel <= KERNEL, "separable convolution: sizes");
        // the n-th image that a unit has places in
        for n in 0.. {
            let mut terms = [Term::default(); KERNEL * KERNEL];
            let mut from = [x.as_ptr(); MOST_UNITS];
            let mut meets = false;
            for (i, unit) in units.clone().enumerate() {
                let image = unit * UNIT / places + n;
                let first = (unit * UNIT) as isize - (image * places) as isize;
                if image >= images || first <= -(UNIT as isize) {
                    continue;
                }
                meets = true;
                let at = (image * ins + channels.start) * places;
                from[i] = x.as_ptr().wrapping_add(at).wrapping_offset(first);
                let (rows, columns) = (self.reach.masks(true, first), self.reach.masks(false, first));
                for (tap, term) in terms[..taps].iter_mut().enumerate() {
                    term.masks[i] = rows[tap / kernel] & columns[tap % kernel];
                }
            }
            if n > 0 && !meets {
                return;
            }
            let mut count = 0;
            for tap in 0..taps {
                if terms[tap].masks != [0; MOST_UNITS] {
                    terms[count] = Term { tap, offset: offsets[tap], ..terms[tap] };
                    count += 1;
                }
            }
            let pass = Pass {
                terms: &terms[..count],
                from,
                units: units.len(),
                plane: *places,
                channels: all,
                w: self.w[channels.start * taps..].as_ptr(),
                taps,
                bias: self.bias.map(|bias| bias[channels.start..].as_ptr()),
                to: panel.as_mut_ptr(),
                adds: n > 0,
            };
            // SAFETY: the channels are among those of the weight, the bias and each image, and their values fit into the panel, as
            // asserted. A mask has a bit only for a place of this image, which is one of `x`, where the tap is inside its map.
            unsafe { add_terms(isa, &pass) };
        }
    }
}

dispatch! {
    /// Sums up the terms.
    ///
    /// # Safety
    /// For each channel may be read: as many weights as `taps`, of which the terms name some; a bias, where there are any; and
    /// from each unit's place on, at the offset of each term, those numbers whose bit is set in its mask. For each channel
    /// `UNIT` numbers may be written for each unit.
    add_terms, add_terms_by, (pass: &Pass<'_>)
}

#[inline(always)]
unsafe fn add_terms_by<V: Parts>(pass: &Pass<'_>) {
    // SAFETY: the caller's.
    unsafe {
        match pass.units * UNIT / V::LANES {
            1 => by_registers::<V, 1, 4>(pass),
            2 => by_registers::<V, 2, 4>(pass),
            3 => by_registers::<V, 3, 2>(pass),
            4 => by_registers::<V, 4, 2>(pass),
            registers => unreachable!("separable convolution: {registers} registers"),
        }
    }
}

/// With so many registers for each of `COUNT` channels that are summed up at a time, by the same masks.
#[inline(always)]
unsafe fn by_registers<V: Parts, const REGISTERS: usize, const COUNT: usize>(pass: &Pass<'_>) {
    let together = pass.channels / COUNT * COUNT;
    // SAFETY: the caller's: these are the channels of the pass.
    unsafe {
        for channel in (0..together).step_by(COUNT) {
            some_channels::<V, REGISTERS, COUNT>(pass, channel);
        }
        for channel in together..pass.channels {
            some_channels::<V, REGISTERS, 1>(pass, channel);
        }
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "indices are those of registers")]
unsafe fn some_channels<V: Parts, const REGISTERS: usize, const COUNT: usize>(pass: &Pass<'_>, channel: usize) {
    let per_unit = UNIT / V::LANES;
    // SAFETY (of the whole body): the caller's; register `r` is part `r % per_unit` of unit `r / per_unit`.
    unsafe {
        let to = pass.to.add(channel * REGISTERS * V::LANES);
        let mut sums = [[V::splat(0.0); REGISTERS]; COUNT];
        for (c, sums) in sums.iter_mut().enumerate() {
            let bias = V::splat(pass.bias.map_or(0.0, |bias| *bias.add(channel + c)));
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = if pass.adds { V::load(to.add((c * REGISTERS + r) * V::LANES)) } else { bias };
            }
        }
        let mut from = [pass.from[0]; REGISTERS];
        for (r, from) in from.iter_mut().enumerate() {
            *from = pass.from[r / per_unit].wrapping_add(channel * pass.plane + r % per_unit * V::LANES);
        }
        let w = pass.w.add(channel * pass.taps);
        for term in pass.terms {
            for c in 0..COUNT {
                let w = V::splat(*w.add(c * pass.taps + term.tap));
                for r in 0..REGISTERS {
                    let mask = term.masks[r / per_unit] >> (r % per_unit * V::LANES);
                    let from = from[r].wrapping_offset(term.offset).wrapping_add(c * pass.plane);
                    sums[c][r] = sums[c][r].add_product(w, V::load_parts([from], [mask]));
                }
            }
        }
        for (c, sums) in sums.into_iter().enumerate() {
            for (r, sum) in sums.into_iter().enumerate() {
                sum.store(to.add((c * REGISTERS + r) * V::LANES));
            }
        }
    }
}
