//! The gradient of the weight in transformed tiles: `Gᵀ [Σ (Bᵀ d B) ∘ (A e Aᵀ)] G`, summed over tiles, where `d` is 4x4
//! values of the input and `e` 2x2 gradients of the output. Lanes are output channels.
#![allow(unsafe_code)]

use super::super::microkernel::UNIT;
use super::super::shape::ConvShape;
use super::super::weights_kernel::{MOST_ROWS, WeightTile, kernel, tile_rows};
use super::grid::Grid;
use super::input::Input;
use super::transform::{Transforms, gradient, spaced, weight_adjoint};
use crate::geometry::Border;
use crate::isa::{Isa, compiled_for};
use crate::scratch;
use std::ops::Range;

/// Rows and columns of the output that a tile makes.
const MADE: [usize; 2] = [2, 2];

/// Values of a transformed tile.
const POSITIONS: usize = 16;

/// Units of tiles that are worked on together.
const UNITS: usize = 8;

/// How tiles stand in the maps of a shape.
#[derive(Debug)]
pub(in super::super) struct Tiles {
    grid: Grid,
    transforms: Transforms,
    channels: usize,
    /// Values of one channel of the input, and of the output.
    plane: usize,
    places: usize,
}

/// What one task gathers: `[channel][position][lane]`, of `lanes` numbers to a position.
pub(in super::super) struct Gathered<'a> {
    pub sums: &'a mut [f32],
    pub lanes: usize,
    /// Whether to add to what stands there.
    pub accumulate: bool,
}

impl Tiles {
    /// Numbers to a pair of channels.
    pub(in super::super) const TERMS: usize = POSITIONS;

    /// Whether they can be used.
    pub(in super::super) fn can(shape: &ConvShape) -> bool {
        super::can(shape) && (shape.border == Border::Zero || shape.window.padding == 0)
    }

    pub(in super::super) fn new(shape: &ConvShape) -> Self {
        let grid = Grid::new(shape.input, shape.output, shape.window.padding, MADE);
        let plane = shape.input[0] * shape.input[1];
        let transforms = Transforms::of(MADE, grid.width);
        Tiles { grid, transforms, channels: shape.in_channels, plane, places: shape.places() }
    }

    /// Images that are worth working on together.
    pub(in super::super) fn images(&self) -> usize {
        (UNITS * UNIT * MADE[0] * MADE[1] / self.grid.computed()).max(1)
    }

    /// Sums over `images` of `x`, whose gradients stand transposed in blocks of `width` lanes: `[block][image, place][lane]`.
    #[allow(clippy::too_many_arguments)]
    pub(in super::super) fn sums(
        &self,
        isa: Isa,
        x: &[f32],
        images: usize,
        channels: Range<usize>,
        gradients: &[f32],
        width: usize,
        mut into: Gathered<'_>,
    ) {
        let units = self.grid.units(images);
        for first in (0..units).step_by(UNITS) {
            let units = first..units.min(first + UNITS);
            let tiles = units.len() * UNIT;
            let position = spaced(channels.len() * tiles);
            scratch::with(POSITIONS * position, |values: &mut [f32]| {
                let Tiles { ref grid, transforms, channels: of, plane, .. } = *self;
                let input = Input { isa, grid, transforms, x, images, channels: of, plane };
                // SAFETY: the instruction set was detected; `values` has room for these channels at all positions.
                unsafe { input.transform(units.clone(), channels.clone(), values.as_mut_ptr(), position) };
                let mut order = [0; UNIT];
                // SAFETY: the instruction set was detected.
                unsafe { (transforms.order)(isa, &mut order) };
                let mut corners = [[None; MADE[0] * MADE[1]]; UNITS * UNIT];
                for (unit, corners) in units.clone().zip(corners.chunks_exact_mut(UNIT)) {
                    self.grid.corners(unit, images, &order, corners);
                }
                let corners = &corners[..tiles];
                scratch::with(POSITIONS * spaced(tiles * width), |transformed: &mut [f32]| {
                    for (block, gradients) in gradients.chunks_exact(images * self.places * width).enumerate() {
                        gradient(isa, gradients, width, corners, transformed, spaced(tiles * width));
                        self.products(isa, values, transformed, channels.len(), [tiles, width], block, &mut into);
                    }
                });
            });
            into.accumulate = true;
        }
    }

    /// Adds the products of a block of lanes over so many tiles.
    #[allow(clippy::too_many_arguments)]
    fn products(
        &self,
        isa: Isa,
        values: &[f32],
        gradients: &[f32],
        channels: usize,
        [tiles, width]: [usize; 2],
        block: usize,
        into: &mut Gathered<'_>,
    ) {
        let (from, of) = (spaced(channels * tiles), spaced(tiles * width));
        let most = tile_rows(isa, width / UNIT);
        let row = POSITIONS * into.lanes;
        assert!(into.sums.len() == channels * row && (block + 1) * width <= into.lanes, "tiles: sums");
        for position in 0..POSITIONS {
            let gradients = &gradients[position * of..][..tiles * width];
            for first in (0..channels).step_by(most) {
                let rows = most.min(channels - first);
                let mut of_rows = [values.as_ptr(); MOST_ROWS];
                for (i, of_row) in of_rows.iter_mut().enumerate().take(rows) {
                    *of_row = values[position * from + (first + i) * tiles..][..tiles].as_ptr();
                }
                let tile = WeightTile {
                    images: 1,
                    image: 0,
                    output: [1, tiles],
                    pitch: 0,
                    values: of_rows,
                    gradients: gradients.as_ptr(),
                    sums: into.sums[first * row + position * into.lanes + block * width..].as_mut_ptr(),
                    row,
                    accumulate: into.accumulate,
                };
                // SAFETY: the instruction set was detected; values and gradients are slices of just the size that the tile
                // reads; the rows of the sums are borrowed mutably, and by the assertion this block is inside each.
                unsafe { kernel(isa, rows, width / UNIT)(&tile) };
            }
        }
    }

    /// The gradient of the weight, `[channel, tap][lane]`, from sums that several tasks made.
    pub(in super::super) fn collect(isa: Isa, sums: &[f32], parts: usize, lanes: usize, into: &mut [f32]) {
        let part = sums.len() / parts;
        compiled_for(
            isa,
            #[inline(always)]
            || {
                for (channel, into) in into.chunks_exact_mut(9 * lanes).enumerate() {
                    for lane in (0..lanes).step_by(UNIT) {
                        let mut u = [[0.0; UNIT]; POSITIONS];
                        for part in sums.chunks_exact(part) {
                            for (position, u) in u.iter_mut().enumerate() {
                                let from = &part[(channel * POSITIONS + position) * lanes + lane..][..UNIT];
                                u.iter_mut().zip(from).for_each(|(u, from)| *u += from);
                            }
                        }
                        for (tap, values) in weight_adjoint(&u).iter().enumerate() {
                            into[tap * lanes + lane..][..UNIT].copy_from_slice(values);
                        }
                    }
                }
            },
        );
    }
}
