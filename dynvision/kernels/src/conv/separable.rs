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
    let near = depthwise.window;
    // a window that stands at one place only has stride 1 here, and may be off its centre
    let centred = 2 * near.padding + 1 == near.extent();
    let keeps_size = near.stride == 1 && centred && depthwise.input == depthwise.output;
    let of_zeros = depthwise.border == Border::Zero || near.padding == 0;
    let apart = depthwise.group_in() == 1 && depthwise.group_out() == 1 && near.kernel <= KERNEL;
    keeps_size && of_zeros && apart && pointwise.groups == 1 && pointwise.is_pointwise()
}

/// Which places of a map the taps of a kernel meet.
#[derive(Debug)]
pub(super) struct Reach {
    kernel: usize,
    /// Places of a map.
    pub places: usize,
    /// Units of a row, where rows are whole units and the taps are those of the nearest neighbours.
    units: Option<usize>,
    /// How far behind each place stands what each tap reads there.
    pub offsets: Vec<isize>,
    /// For every row of taps, then for every column of them, a bit for each place where it is inside the map; `UNIT` zeros stand
    /// before the first.
    inside: Vec<Vec<u8>>,
    /// For every unit of a map, a mask for each tap of the places where it is inside, then that of the unit's own places.
    pub masks: Vec<u16>,
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
        let nearest = kernel == 3 && window.dilation == 1 && columns.is_multiple_of(UNIT);
        let units = nearest.then_some(columns / UNIT);
        let mut reach = Reach { kernel, places, units, offsets, inside, masks: Vec::new() };
        reach.masks = (0..places).step_by(UNIT).flat_map(|first| reach.masks_of_unit(first)).collect();
        reach
    }

    fn masks_of_unit(&self, first: usize) -> Vec<u16> {
        let [rows, columns] = [true, false].map(|rows| self.masks(rows, first as isize));
        let own = u16::MAX >> UNIT.saturating_sub(self.places - first);
        let taps = (0..self.offsets.len()).map(|tap| rows[tap / self.kernel] & columns[tap % self.kernel]);
        taps.chain([own]).collect()
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
    /// Whether it is inside in all lanes of all units that there are.
    whole: bool,
}

/// Some channels of a convolution.
struct Part {
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
}

/// Rows of a map, or a part of one.
struct Rows {
    /// The first place in the first channel.
    from: *const f32,
    /// The first one in the map.
    first: usize,
    /// Those of the map.
    height: usize,
    /// Numbers from one to the next.
    pitch: usize,
    count: usize,
    /// Units of each.
    units: usize,
    /// Whether the first unit is the first of its row, and the last one the last.
    is_first: bool,
    is_last: bool,
}

/// The terms that one image adds to the values of some units.
struct Pass<'a> {
    terms: &'a [Term],
    /// Where the first channel of each unit would stand if all of the unit were in this image.
    from: [*const f32; MOST_UNITS],
    units: usize,
    /// Whether earlier passes have written what this one adds to.
    adds: bool,
}

impl Depthwise<'_> {
    /// Units of which [`fill`](Depthwise::fill) can write the values at once.
    pub(super) fn most_units(isa: Isa) -> usize {
        match isa {
            Isa::Neon => MOST_UNITS / 4,
            Isa::Avx2 => MOST_UNITS / 2,
            Isa::Avx512 | Isa::Plain => MOST_UNITS,
        }
    }

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
        let part = Part {
            plane: *places,
            channels: all,
            w: self.w[channels.start * taps..].as_ptr(),
            taps,
            bias: self.bias.map(|bias| bias[channels.start..].as_ptr()),
            to: panel.as_mut_ptr(),
        };
        if let Some(rows) = self.rows(x, images, &units, channels.start) {
            // SAFETY: the channels are among those of the weight, the bias and each image, and their values fit into the panel, as
            // asserted; the rows are some of one image of `x`.
            return unsafe { sum_rows(isa, &part, &rows) };
        }
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
                    let whole = terms[tap].masks[..units.len()].iter().all(|&mask| mask == u16::MAX);
                    terms[count] = Term { tap, offset: offsets[tap], whole, ..terms[tap] };
                    count += 1;
                }
            }
            let pass = Pass { terms: &terms[..count], from, units: units.len(), adds: n > 0 };
            // SAFETY: the channels and the panel as above. A mask has a bit only for a place of this image, which is one of
            // `x`, where the tap is inside its map.
            unsafe { add_terms(isa, &part, &pass) };
        }
    }

    /// The units as rows of a map or as a part of one, if that is what they are.
    fn rows(&self, x: &[f32], images: usize, units: &Range<usize>, channel: usize) -> Option<Rows> {
        let (row, places, ins) = (self.reach.units?, self.reach.places, self.w.len() / self.reach.offsets.len());
        let of_image = places / UNIT;
        let (image, first) = (units.start / of_image, units.start % of_image);
        let (column, len) = (first % row, units.len());
        let whole = column == 0 && len.is_multiple_of(row) && first + len <= of_image;
        let across = if whole { row } else { len };
        (image < images && (whole || column + len <= row)).then(|| Rows {
            from: x.as_ptr().wrapping_add((image * ins + channel) * places + first * UNIT),
            first: first / row,
            height: of_image / row,
            pitch: row * UNIT,
            count: len / across,
            units: across,
            is_first: column == 0,
            is_last: column + across == row,
        })
    }
}

dispatch! {
    /// Sums up the terms.
    ///
    /// # Safety
    /// For each channel may be read: as many weights as `taps`, of which the terms name some; a bias, where there are any; and
    /// from each unit's place on, at the offset of each term, those numbers whose bit is set in its mask. For each channel
    /// `UNIT` numbers may be written for each unit.
    add_terms, add_terms_by, (part: &Part, pass: &Pass<'_>)
}

dispatch! {
    /// Sums up the values of some rows.
    ///
    /// # Safety
    /// The rows are some of a map, of which there is one for each channel, nine weights, a bias where there are any, and
    /// `UNIT` numbers to write for each unit.
    sum_rows, sum_rows_by, (part: &Part, rows: &Rows)
}

#[inline(always)]
unsafe fn sum_rows_by<V: Parts>(part: &Part, rows: &Rows) {
    // SAFETY: the caller's.
    unsafe {
        match (rows.count, rows.units * UNIT / V::LANES) {
            (1, 1) => some_rows::<V, 1, 1>(part, rows),
            (1, 2) => some_rows::<V, 1, 2>(part, rows),
            (1, 3) => some_rows::<V, 1, 3>(part, rows),
            (1, 4) => some_rows::<V, 1, 4>(part, rows),
            (2, 1) => some_rows::<V, 2, 1>(part, rows),
            (3, 1) => some_rows::<V, 3, 1>(part, rows),
            (4, 1) => some_rows::<V, 4, 1>(part, rows),
            (2, 2) => some_rows::<V, 2, 2>(part, rows),
            (count, registers) => unreachable!("separable convolution: {count} rows of {registers} registers"),
        }
    }
}

/// Each number is read once for all rows that it is a neighbour of.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "indices are those of registers")]
unsafe fn some_rows<V: Parts, const ROWS: usize, const REGISTERS: usize>(part: &Part, rows: &Rows) {
    // several rows are whole ones
    let (is_first, is_last) = (ROWS > 1 || rows.is_first, ROWS > 1 || rows.is_last);
    let pitch = if ROWS > 1 { REGISTERS * V::LANES } else { rows.pitch };
    for channel in 0..part.channels {
        // SAFETY (of the whole block): the caller's. A row is read if it is one of the map, and neither what is left of its
        // first number nor what is right of its last one.
        unsafe {
            let w = part.w.add(channel * part.taps);
            let mut sums = [[V::splat(part.bias.map_or(0.0, |bias| *bias.add(channel))); REGISTERS]; ROWS];
            // the row above the first is number 0
            for row in 0..ROWS + 2 {
                if !(1..=rows.height).contains(&(rows.first + row)) {
                    continue;
                }
                let from = rows.from.wrapping_add(channel * part.plane + row * pitch).wrapping_sub(pitch);
                for column in 0..3 {
                    for r in 0..REGISTERS {
                        let mask = match column {
                            0 if r == 0 && is_first => u16::MAX << 1,
                            2 if r == REGISTERS - 1 && is_last => u16::MAX >> (UNIT + 1 - V::LANES),
                            _ => u16::MAX,
                        };
                        let value = V::load_parts([from.wrapping_add(r * V::LANES + column).wrapping_sub(1)], [mask]);
                        for tap in 0..3 {
                            if tap <= row && row - tap < ROWS {
                                let w = V::splat(*w.add(tap * 3 + column));
                                sums[row - tap][r] = sums[row - tap][r].add_product(w, value);
                            }
                        }
                    }
                }
            }
            let to = part.to.add(channel * ROWS * REGISTERS * V::LANES);
            for (i, sum) in sums.as_flattened().iter().enumerate() {
                sum.store(to.add(i * V::LANES));
            }
        }
    }
}

#[inline(always)]
unsafe fn add_terms_by<V: Parts>(part: &Part, pass: &Pass<'_>) {
    // SAFETY: the caller's.
    unsafe {
        match pass.units * UNIT / V::LANES {
            1 => by_registers::<V, 1, 4>(part, pass),
            2 => by_registers::<V, 2, 4>(part, pass),
            3 => by_registers::<V, 3, 2>(part, pass),
            4 => by_registers::<V, 4, 2>(part, pass),
            registers => unreachable!("separable convolution: {registers} registers"),
        }
    }
}

/// With so many registers for each of `COUNT` channels that are summed up at a time, by the same masks.
#[inline(always)]
unsafe fn by_registers<V: Parts, const REGISTERS: usize, const COUNT: usize>(part: &Part, pass: &Pass<'_>) {
    let together = part.channels / COUNT * COUNT;
    // SAFETY: the caller's: these are the channels of the pass.
    unsafe {
        for channel in (0..together).step_by(COUNT) {
            some_channels::<V, REGISTERS, COUNT>(part, pass, channel);
        }
        for channel in together..part.channels {
            some_channels::<V, REGISTERS, 1>(part, pass, channel);
        }
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "indices are those of registers")]
unsafe fn some_channels<V: Parts, const REGISTERS: usize, const COUNT: usize>(
    part: &Part,
    pass: &Pass<'_>,
    channel: usize,
) {
    let per_unit = UNIT / V::LANES;
    // SAFETY (of the whole body): the caller's; register `r` is part `r % per_unit` of unit `r / per_unit`.
    unsafe {
        let to = part.to.add(channel * REGISTERS * V::LANES);
        let mut sums = [[V::splat(0.0); REGISTERS]; COUNT];
        for (c, sums) in sums.iter_mut().enumerate() {
            let bias = V::splat(part.bias.map_or(0.0, |bias| *bias.add(channel + c)));
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = if pass.adds { V::load(to.add((c * REGISTERS + r) * V::LANES)) } else { bias };
            }
        }
        let mut from = [pass.from[0]; REGISTERS];
        for (r, from) in from.iter_mut().enumerate() {
            *from = pass.from[r / per_unit].wrapping_add(channel * part.plane + r % per_unit * V::LANES);
        }
        let w = part.w.add(channel * part.taps);
        for term in pass.terms {
            for c in 0..COUNT {
                let w = V::splat(*w.add(c * part.taps + term.tap));
                let from = from.map(|from| from.wrapping_offset(term.offset).wrapping_add(c * part.plane));
                if term.whole {
                    for r in 0..REGISTERS {
                        sums[c][r] = sums[c][r].add_product(w, V::load(from[r]));
                    }
                    continue;
                }
                for r in 0..REGISTERS {
                    let mask = term.masks[r / per_unit] >> (r % per_unit * V::LANES);
                    sums[c][r] = sums[c][r].add_product(w, V::load_parts([from[r]], [mask]));
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
