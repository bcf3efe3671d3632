//! Where tiles stand in the input and in the output.
//!
//! A unit of tiles fills a vector. Rows of tiles are cut into pieces of at most sixteen columns of the output, a row that is
//! shorter is filled up to four or eight, and units take pieces one after the other, through rows and images. What a piece
//! has beyond the map, or before it, is masked.

use super::super::microkernel::UNIT;
use super::tile::Tile;
use std::ops::Range;

/// Most pieces in a unit.
const PIECES: usize = 16;

/// Most lines of a tile.
const LINES: usize = 6;

/// Most values that a tile makes whose gradients are read: two rows of four.
pub(super) const MOST_MADE: usize = 8;

/// The places that a tile makes, row by row, where they are in the map.
pub(super) type Corners = [Option<usize>; MOST_MADE];

/// The tiles of one image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// Rows and columns.
    input: [usize; 2],
    output: [usize; 2],
    /// Zeros before the first row and column of the input.
    lead: usize,
    tile: Tile,
    /// Columns of the output in a piece: 4, 8 or 16.
    pub width: usize,
    /// Pieces in a row of tiles.
    across: usize,
    /// Rows of tiles.
    down: usize,
}

/// Where the pieces of a unit stand in an image's first channel, line by line of their tiles.
pub(super) struct Spots {
    /// Of the first column; it may lie outside.
    pub at: [[isize; PIECES]; LINES],
    /// The columns that lie inside: those of the piece, and those a step from tile to tile further.
    pub masks: [[[u16; PIECES]; LINES]; 2],
}

impl Grid {
    pub(super) fn new(tile: Tile, input: [usize; 2], output: [usize; 2], lead: usize) -> Self {
        let ([rows, columns], [least, most]) = (tile.made(), tile.widths());
        let width = output[1].next_multiple_of(columns).next_power_of_two().clamp(least, most);
        Grid { input, output, lead, tile, width, across: output[1].div_ceil(width), down: output[0].div_ceil(rows) }
    }

    /// Places that are computed, inside the map or not.
    pub(super) fn computed(&self) -> usize {
        self.down * self.tile.made()[0] * self.across * self.width
    }

    /// Columns of the input in a piece.
    fn width_read(&self) -> usize {
        self.width / self.tile.made()[1] * self.tile.step()[1]
    }

    fn pieces_of_unit(&self) -> usize {
        UNIT * self.tile.made()[1] / self.width
    }

    /// Units that some images need.
    pub(super) fn units(&self, images: usize) -> usize {
        (images * self.down * self.across).div_ceil(self.pieces_of_unit())
    }

    /// The input of a unit, in images `image` numbers apart.
    pub(super) fn read(&self, unit: usize, images: usize, image: usize) -> Spots {
        self.spots(unit, images, image, &self.side_read())
    }

    /// The output of a unit, in images `image` numbers apart.
    pub(super) fn written(&self, unit: usize, images: usize, image: usize) -> Spots {
        self.spots(unit, images, image, &self.side_written())
    }

    /// The numbers of a channel that some units read, image by image.
    pub(super) fn rows_read(&self, units: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.rows(units, self.side_read())
    }

    /// The numbers of a channel that some units write, image by image.
    pub(super) fn rows_written(&self, units: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.rows(units, self.side_written())
    }

    fn side_read(&self) -> Side {
        let (lines, width) = (self.tile.lines(), self.width_read());
        Side { map: self.input, lead: self.lead, step: self.tile.step(), lines, width }
    }

    fn side_written(&self) -> Side {
        let made = self.tile.made();
        Side { map: self.output, lead: 0, step: made, lines: made[0], width: self.width }
    }

    fn rows(&self, units: Range<usize>, side: Side) -> impl Iterator<Item = (usize, Range<usize>)> {
        let Side { map: [height, columns], lead, step: [step, _], lines, .. } = side;
        let down = self.down;
        let [first, end] = [units.start, units.end].map(|unit| unit * self.pieces_of_unit());
        let (first, last) = (first / self.across, (end.max(1) - 1) / self.across);
        (first / down..=last / down).map(move |image| {
            let top = if image == first / down { first % down * step } else { 0 };
            let bottom = if image == last / down { last % down * step + lines } else { height + lead };
            (image, top.saturating_sub(lead) * columns..bottom.saturating_sub(lead).min(height) * columns)
        })
    }

    /// The places that the tile in each lane of a unit makes, counted through the places of all images, where they are in the
    /// map. `order` says which tile that is.
    pub(super) fn corners(&self, unit: usize, images: usize, order: &[usize; UNIT], into: &mut [Corners]) {
        let ([rows, columns], made) = (self.output, self.tile.made());
        for (places, tile) in into.iter_mut().zip(order) {
            let column = tile * made[1];
            let piece = unit * self.pieces_of_unit() + column / self.width;
            let (row, column) = (piece / self.across, piece % self.across * self.width + column % self.width);
            let (n, row) = (row / self.down, row % self.down * made[0]);
            let place = |line: usize, at: usize| {
                let inside = n < images && row + line < rows && column + at < columns;
                inside.then_some((n * rows + row + line) * columns + column + at)
            };
            let all = (0..made[0]).flat_map(|line| (0..made[1]).map(move |at| (line, at)));
            *places = [None; MOST_MADE];
            places.iter_mut().zip(all).for_each(|(into, (line, at))| *into = place(line, at));
        }
    }

    fn spots(&self, unit: usize, images: usize, image: usize, side: &Side) -> Spots {
        let mut spots = Spots { at: [[0; PIECES]; LINES], masks: [[[0; PIECES]; LINES]; 2] };
        let some = self.pieces_of_unit();
        let all = images * self.down * self.across;
        for (i, piece) in (unit * some..all.min((unit + 1) * some)).enumerate() {
            let (row, column) = (piece / self.across, piece % self.across * side.width);
            let (n, row) = (row / self.down, row % self.down * side.step[0]);
            let [row, column] = [row, column].map(|at| at as isize - side.lead as isize);
            let (near, far) = (side.inside(column), side.inside(column + side.step[1] as isize));
            for (line, row) in (0..side.lines).zip(row..) {
                spots.at[line][i] = (n * image) as isize + row * side.map[1] as isize + column;
                if (0..side.map[0] as isize).contains(&row) {
                    (spots.masks[0][line][i], spots.masks[1][line][i]) = (near, far);
                }
            }
        }
        spots
    }
}

/// How tiles stand in the input, or in the output.
struct Side {
    /// Rows and columns.
    map: [usize; 2],
    /// Zeros before the first row and column.
    lead: usize,
    /// Rows and columns from one tile to the next.
    step: [usize; 2],
    /// Rows of a tile.
    lines: usize,
    /// Columns of a piece.
    width: usize,
}

impl Side {
    /// Which columns of a piece that begins at `start` are columns of the map.
    fn inside(&self, start: isize) -> u16 {
        let below = |end: isize| (1u32 << end.clamp(0, self.width as isize)) - 1;
        (below(self.map[1] as isize - start) & !below(-start)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the last tap of a value of the output stands in the input, from the place of the first one.
    fn taps(tile: Tile, at: usize) -> [usize; 2] {
        match tile {
            Tile::Halving => [2 * at, 2 * at + 2],
            Tile::Doubling => [at / 2, at.div_ceil(2)],
            _ => [at, at + 2],
        }
    }

    #[test]
    fn every_place_is_written_once_and_reads_its_window() {
        use Tile::*;
        for (tile, h, w, lead) in [
            (Two, 5, 7, 1),
            (Two, 8, 32, 0),
            (Four, 9, 3, 2),
            (TwoByFour, 4, 50, 1),
            (Two, 1, 1, 1),
            (TwoByFour, 5, 6, 1),
            (Halving, 4, 4, 1),
            (Halving, 5, 21, 1),
            (Halving, 1, 9, 1),
            (Doubling, 8, 8, 0),
            (Doubling, 7, 35, 0),
        ] {
            let images = 3;
            let input = [h, w].map(|len| taps(tile, len - 1)[1] + 1 - lead);
            let (grid, plane) = (Grid::new(tile, input, [h, w], lead), input[0] * input[1]);
            let (made, step) = (tile.made(), tile.step());
            let mut written = vec![0; images * h * w];
            for unit in 0..grid.units(images) {
                let (read, write) = (grid.read(unit, images, plane), grid.written(unit, images, h * w));
                let ahead: Vec<_> = grid.rows_read(unit..unit + 1).collect();
                for (piece, line) in (0..PIECES).flat_map(|piece| (0..made[0]).map(move |line| (piece, line))) {
                    for i in (0..16).filter(|i| write.masks[0][line][piece] >> i & 1 == 1) {
                        let place = (write.at[line][piece] + i as isize) as usize;
                        written[place] += 1;
                        let (n, row, column) = (place / (h * w), place / w % h, place % w);
                        // the last tap: in the part of the piece that its tile begins in, or beyond it
                        let of_tile = taps(tile, i % made[1])[1];
                        let (far, bit) = (of_tile / step[1], i / made[1] * step[1] + of_tile % step[1]);
                        let of_line = taps(tile, line)[1];
                        let at = [taps(tile, row)[1], taps(tile, column)[1]].map(|at| at as isize - lead as isize);
                        let inside = (0..2).all(|axis| (0..input[axis] as isize).contains(&at[axis]));
                        assert_eq!(read.masks[far][of_line][piece] >> bit & 1 == 1, inside);
                        let number = at[0] * input[1] as isize + at[1];
                        let found = read.at[of_line][piece] + (bit + far * step[1]) as isize;
                        assert_eq!(found, (n * plane) as isize + number);
                        let known =
                            |(image, rows): &(usize, Range<usize>)| *image == n && rows.contains(&(number as usize));
                        assert!(!inside || ahead.iter().any(known), "asked for ahead");
                    }
                }
            }
            assert!(written.iter().all(|&times| times == 1), "{tile:?} {h}x{w}");
        }
    }
}
