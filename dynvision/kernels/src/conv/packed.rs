//! Packed panels of the input, where rows of the output are no whole number of vectors.
#![allow(unsafe_code)]

use super::microkernel::{MOST_UNITS, UNIT};
use crate::isa::{Isa, compiled_for};
use std::ops::Range;

/// Most pieces that one block of places consists of.
pub(super) const MOST_PIECES: usize = MOST_UNITS * UNIT;

/// A run of places that are neighbours in one row of one image.
#[derive(Clone, Copy, Default)]
pub(super) struct Piece {
    /// The first place, counted through the images.
    pub place: usize,
    /// Where its value stands in the source, for a tap at offset 0.
    pub from: usize,
    /// How many places.
    pub len: usize,
}

/// The pieces of a range of places, in a buffer of fixed size.
pub(super) struct Pieces {
    all: [Piece; MOST_PIECES],
    len: usize,
}

impl Pieces {
    /// Splits `places`, at most `MOST_PIECES` of them, where rows of `output` end. Images of the source are `image`
    /// numbers apart, its rows `pitch`.
    pub(super) fn of(places: Range<usize>, output: [usize; 2], image: usize, pitch: usize) -> Self {
        let mut pieces = Pieces { all: [Piece::default(); MOST_PIECES], len: 0 };
        let [rows, columns] = output;
        let mut place = places.start;
        while place < places.end {
            let (row, column) = (place / columns, place % columns);
            let len = (columns - column).min(places.end - place);
            let from = row / rows * image + row % rows * pitch + column;
            pieces.all[pieces.len] = Piece { place, from, len };
            pieces.len += 1;
            place += len;
        }
        pieces
    }

    pub(super) fn as_slice(&self) -> &[Piece] {
        &self.all[..self.len]
    }

    /// Copies the values of these places for every offset: `width` numbers for each, the rest of them arbitrary.
    ///
    /// A piece is copied in steps of a vector; what is too much is overwritten by the next piece, so pieces that are no whole
    /// vectors have to be followed by `UNIT` numbers in `source`, and `width` numbers per offset by `UNIT` in `panel`.
    pub(super) fn pack(&self, isa: Isa, source: &[f32], offsets: &[u32], width: usize, panel: &mut [f32]) {
        let pieces = self.as_slice();
        let furthest = pieces.iter().map(|piece| piece.from + piece.len).max().unwrap_or(0);
        let offset = offsets.iter().max().map_or(0, |&offset| offset as usize);
        let held: usize = pieces.iter().map(|piece| piece.len).sum();
        let behind = if pieces.iter().all(|piece| piece.len.is_multiple_of(UNIT)) { 0 } else { UNIT };
        assert!(held <= width && furthest + offset + behind <= source.len(), "packing: source");
        assert!(offsets.len() * width + UNIT <= panel.len(), "packing: panel");
        let longest = pieces.iter().map(|piece| piece.len).max().unwrap_or(0);
        // SAFETY: the assertions above are the conditions of `copy`.
        compiled_for(
            isa,
            #[inline(always)]
            || unsafe {
                match longest {
                    0..=4 => copy::<4>(pieces, source.as_ptr(), offsets, width, panel.as_mut_ptr()),
                    5..=8 => copy::<8>(pieces, source.as_ptr(), offsets, width, panel.as_mut_ptr()),
                    _ => copy::<16>(pieces, source.as_ptr(), offsets, width, panel.as_mut_ptr()),
                }
            },
        );
    }
}

/// Copies pieces in steps of `STEP` numbers.
///
/// # Safety
/// Every piece, at every offset, and where its length is no multiple of `STEP`, `STEP` numbers behind it, are in the source; `offsets.len() * width + STEP` numbers
/// are in the panel; the pieces hold no more than `width` numbers.
#[inline(always)]
unsafe fn copy<const STEP: usize>(
    pieces: &[Piece],
    source: *const f32,
    offsets: &[u32],
    width: usize,
    mut panel: *mut f32,
) {
    for &offset in offsets {
        // SAFETY: the caller's conditions: a step starts inside its piece, so it ends at most `STEP` numbers behind it.
        unsafe {
            let mut to = panel;
            for piece in pieces {
                let from = source.add(piece.from + offset as usize);
                let mut done = 0;
                while done < piece.len {
                    to.add(done)
                        .cast::<[f32; STEP]>()
                        .write_unaligned(from.add(done).cast::<[f32; STEP]>().read_unaligned());
                    done += STEP;
                }
                to = to.add(piece.len);
            }
            panel = panel.add(width);
        }
    }
}
