//! Where tiles stand in the input and in the output.
//!
//! A unit of tiles fills a vector. Rows of tiles are cut into pieces of at most sixteen columns of the output, a row that is
//! shorter is filled up to four or eight, and units take pieces one after the other, through rows and images. What a piece
//! has beyond the map, or before it, is masked.

use super::super::microkernel::UNIT;
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
    /// Rows and columns of the output that a tile makes.
    made: [usize; 2],
    /// Columns of a piece: 4, 8 or 16.
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
    /// The columns that lie inside: those of the piece, and those as many further as a tile makes.
    pub masks: [[[u16; PIECES]; LINES]; 2],
}

impl Grid {
    pub(super) fn new(input: [usize; 2], output: [usize; 2], lead: usize, made: [usize; 2]) -> Self {
        let columns = output[1].next_multiple_of(made[1]);
        let width = columns.next_power_of_two().clamp(4, 16);
        Grid { input, output, lead, made, width, across: columns.div_ceil(width), down: output[0].div_ceil(made[0]) }
    }

    /// Places that are computed, inside the map or not.
    pub(super) fn computed(&self) -> usize {
        self.down * self.made[0] * self.across * self.width
    }

    fn pieces_of_unit(&self) -> usize {
        UNIT * self.made[1] / self.width
    }

    /// Units that some images need.
    pub(super) fn units(&self, images: usize) -> usize {
        (images * self.down * self.across).div_ceil(self.pieces_of_unit())
    }

    /// The input of a unit, in images `image` numbers apart.
    pub(super) fn read(&self, unit: usize, images: usize, image: usize) -> Spots {
        self.spots(unit, images, image, self.input, self.lead, self.made[0] + 2)
    }

    /// The output of a unit, in images `image` numbers apart.
    pub(super) fn written(&self, unit: usize, images: usize, image: usize) -> Spots {
        self.spots(unit, images, image, self.output, 0, self.made[0])
    }

    /// The numbers of a channel that some units read, image by image.
    pub(super) fn rows_read(&self, units: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.rows(units, self.input, self.lead, self.made[0] + 2)
    }

    /// The numbers of a channel that some units write, image by image.
    pub(super) fn rows_written(&self, units: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.rows(units, self.output, 0, self.made[0])
    }

    fn rows(
        &self,
        units: Range<usize>,
        [height, width]: [usize; 2],
        lead: usize,
        lines: usize,
    ) -> impl Iterator<Item = (usize, Range<usize>)> {
        let (down, made) = (self.down, self.made[0]);
        let [first, end] = [units.start, units.end].map(|unit| unit * self.pieces_of_unit());
        let (first, last) = (first / self.across, (end.max(1) - 1) / self.across);
        (first / down..=last / down).map(move |image| {
            let top = if image == first / down { first % down * made } else { 0 };
            let bottom = if image == last / down { last % down * made + lines } else { height + lead };
            (image, top.saturating_sub(lead) * width..bottom.saturating_sub(lead).min(height) * width)
        })
    }

    /// The places that the tile in each lane of a unit makes, counted through the places of all images, where they are in the
    /// map. `order` says which tile that is.
    pub(super) fn corners(&self, unit: usize, images: usize, order: &[usize; UNIT], into: &mut [Corners]) {
        let [rows, columns] = self.output;
        for (places, tile) in into.iter_mut().zip(order) {
            let column = tile * self.made[1];
            let piece = unit * self.pieces_of_unit() + column / self.width;
            let (row, column) = (piece / self.across, piece % self.across * self.width + column % self.width);
            let (n, row) = (row / self.down, row % self.down * self.made[0]);
            let place = |line: usize, at: usize| {
                let inside = n < images && row + line < rows && column + at < columns;
                inside.then_some((n * rows + row + line) * columns + column + at)
            };
            let made = (0..self.made[0]).flat_map(|line| (0..self.made[1]).map(move |at| (line, at)));
            *places = [None; MOST_MADE];
            places.iter_mut().zip(made).for_each(|(into, (line, at))| *into = place(line, at));
        }
    }

    fn spots(&self, unit: usize, images: usize, image: usize, map: [usize; 2], lead: usize, lines: usize) -> Spots {
        let mut spots = Spots { at: [[0; PIECES]; LINES], masks: [[[0; PIECES]; LINES]; 2] };
        let some = self.pieces_of_unit();
        let all = images * self.down * self.across;
        for (i, piece) in (unit * some..all.min((unit + 1) * some)).enumerate() {
            let (row, column) = (piece / self.across, piece % self.across * self.width);
            let (n, row) = (row / self.down, row % self.down * self.made[0]);
            let [row, column] = [row, column].map(|at| at as isize - lead as isize);
            let near = self.inside(column, map[1]);
            let far = self.inside(column + self.made[1] as isize, map[1]);
            for (line, row) in (0..lines).zip(row..) {
                spots.at[line][i] = (n * image) as isize + row * map[1] as isize + column;
                if (0..map[0] as isize).contains(&row) {
                    (spots.masks[0][line][i], spots.masks[1][line][i]) = (near, far);
                }
            }
        }
        spots
    }

    /// Which columns of a piece that begins at `start` are columns of a map.
    fn inside(&self, start: isize, columns: usize) -> u16 {
        let below = |end: isize| (1u32 << end.clamp(0, self.width as isize)) - 1;
        (below(columns as isize - start) & !below(-start)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_written_once_and_reads_its_window() {
        for (down, made, h, w, lead) in
            [(2, 2, 5, 7, 1), (2, 2, 8, 32, 0), (4, 4, 9, 3, 2), (2, 4, 4, 50, 1), (2, 2, 1, 1, 1), (2, 4, 5, 6, 1)]
        {
            let (images, input) = (3, [h + 2 - 2 * lead.min(1), w + 2 - 2 * lead.min(1)]);
            let (grid, plane) = (Grid::new(input, [h, w], lead, [down, made]), input[0] * input[1]);
            let mut written = vec![0; images * h * w];
            for unit in 0..grid.units(images) {
                let (read, write) = (grid.read(unit, images, plane), grid.written(unit, images, h * w));
                for (piece, line) in (0..PIECES).flat_map(|piece| (0..down).map(move |line| (piece, line))) {
                    for i in (0..16).filter(|i| write.masks[0][line][piece] >> i & 1 == 1) {
                        let place = (write.at[line][piece] + i) as usize;
                        written[place] += 1;
                        let (n, row, column) = (place / (h * w), place / w % h, place % w);
                        let top = (row + 2) as isize - lead as isize;
                        let bottom = (0..input[0] as isize).contains(&top);
                        let right = (column + 2) as isize - lead as isize;
                        let inside = bottom && (0..input[1] as isize).contains(&right);
                        // the last tap: in the piece itself or beyond it
                        let (far, bit) =
                            if i + 2 < grid.width as isize { (0, i + 2) } else { (1, i + 2 - made as isize) };
                        assert_eq!(read.masks[far][line + 2][piece] >> bit & 1 == 1, inside);
                        let at = read.at[line + 2][piece] + i + 2;
                        assert_eq!(at, (n * plane) as isize + top * input[1] as isize + right);
                    }
                }
            }
            assert!(written.iter().all(|&times| times == 1), "{down}x{made} {h}x{w}");
        }
    }
}
