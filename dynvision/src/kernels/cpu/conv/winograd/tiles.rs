//! Transformed tiles of some images.
#![allow(unsafe_code)]

use super::super::microkernel::UNIT;
use super::super::packed::{Piece, Pieces};
use super::super::source::Source;
use super::transform::{POSITIONS, Transformed, Values};
use crate::kernels::cpu::isa::Isa;
use crate::kernels::cpu::scratch;
use std::ops::Range;

/// Channels whose tiles are copied together where a unit of tiles lies in several rows.
const PACKED: usize = 4;

/// Tiles of some images, row by row, in units of as many as a vector holds.
pub(super) struct Tiles<'a> {
    /// The images as `layout` says, and `SLACK` numbers behind them.
    pub source: &'a [f32],
    pub layout: &'a Source,
    pub channels: usize,
    pub images: usize,
    /// Rows and columns of tiles of one image.
    pub grid: [usize; 2],
}

/// A function that transforms the values of a unit of tiles.
type Transform = unsafe fn(Isa, &Values<'_>, Transformed);

impl Tiles<'_> {
    /// Tiles of all images.
    pub(super) fn count(&self) -> usize {
        self.images * self.grid[0] * self.grid[1]
    }

    /// Units of tiles, of which the last may be incomplete.
    pub(super) fn units(&self) -> usize {
        self.count().div_ceil(UNIT)
    }

    /// The tiles of one unit.
    pub(super) fn pieces(&self, unit: usize) -> Pieces {
        let tiles = unit * UNIT..self.count().min((unit + 1) * UNIT);
        Pieces::of(tiles, self.grid, self.channels * self.layout.channel, self.layout.plane[1])
    }

    /// Where the values of a tile of `side` by `side` stand, for every channel.
    pub(super) fn offsets(layout: &Source, channels: usize, side: usize) -> Vec<u32> {
        let tile = || (0..side * side).map(|i| layout.index(i / side, i % side));
        (0..channels).flat_map(|c| tile().map(move |at| (c * layout.channel + at) as u32)).collect()
    }

    /// Writes what `transform` makes of some units of tiles: `[position][channel][tile]`, positions `position` numbers
    /// apart. `offsets` are those of [`Tiles::offsets`].
    ///
    /// # Safety
    /// `transform` reads as many values of a tile as there are offsets to a channel.
    pub(super) unsafe fn transform(
        &self,
        transform: Transform,
        isa: Isa,
        offsets: &[u32],
        units: Range<usize>,
        into: &mut [f32],
        position: usize,
    ) {
        let (channels, channel, width) = (self.channels, self.layout.channel, units.len() * UNIT);
        let needed = (POSITIONS - 1) * position + channels * width;
        assert!(channels * width <= position && needed <= into.len(), "tiles: destination");
        let count = offsets.len() / channels;
        for (i, unit) in units.enumerate() {
            let mut to = |channel: usize| Transformed {
                first: into[channel * width + i * UNIT..].as_mut_ptr(),
                position,
                channel: width,
            };
            let pieces = self.pieces(unit);
            if let &[Piece { from, len: UNIT, .. }] = pieces.as_slice() {
                let first = self.source[from..].as_ptr();
                let values = Values { first, offsets: &offsets[..count], channel, channels };
                // SAFETY: the unit lies in one row of one image, so the source holds all its values; the assertion above
                // is about the destination.
                unsafe { transform(isa, &values, to(0)) };
                continue;
            }
            self.packed(&pieces, isa, offsets, |first, values| {
                // SAFETY: as above, where the values are those in the panel.
                unsafe { transform(isa, values, to(first)) };
            });
        }
    }

    /// Calls `each(first, values)` for a few channels at a time, whose values stand in a packed panel.
    fn packed(&self, pieces: &Pieces, isa: Isa, offsets: &[u32], mut each: impl FnMut(usize, &Values<'_>)) {
        let count = offsets.len() / self.channels;
        let packed: [u32; POSITIONS] = std::array::from_fn(|i| (i * UNIT) as u32);
        scratch::with(PACKED * count * UNIT + UNIT, |panel: &mut [f32]| {
            for (i, offsets) in offsets.chunks(PACKED * count).enumerate() {
                pieces.pack(isa, self.source, offsets, UNIT, panel);
                let (channel, channels) = (count * UNIT, offsets.len() / count);
                each(i * PACKED, &Values { first: panel.as_ptr(), offsets: &packed[..count], channel, channels });
            }
        });
    }
}
