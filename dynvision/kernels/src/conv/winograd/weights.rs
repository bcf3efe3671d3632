//! The gradient of the weight in transformed tiles: `Gᵀ [Σ (Bᵀ d B') ∘ (A e A'ᵀ)] G'`, summed over tiles, where `d` is the values
//! of the input and `e` 2x2 or 2x4 gradients of the output. Lanes are output channels.
#![allow(unsafe_code)]

use super::super::microkernel::UNIT;
use super::super::shape::ConvShape;
use super::super::weights_kernel::{MOST_ROWS, WeightTile, kernel, tile_rows};
use super::grid::{Grid, MOST_MADE};
use super::input::Input;
use super::transform::{MOST_GATHERED, Transforms, gradient, positions, spaced, weight_adjoint};
use crate::geometry::Border;
use crate::isa::{Isa, compiled_for};
use crate::scratch;
use std::ops::Range;

/// Units of tiles that are worked on together.
const UNITS: usize = 8;

/// How tiles stand in the maps of a shape.
#[derive(Debug)]
pub(in super::super) struct Tiles {
    /// Rows and columns of the output that a tile makes.
    pub(in super::super) made: [usize; 2],
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
    pub(in super::super) fn terms(&self) -> usize {
        positions(self.made)
    }

    /// Whether they can be used.
    pub(in super::super) fn can(shape: &ConvShape) -> bool {
        super::can(shape) && (shape.border == Border::Zero || shape.window.padding == 0)
    }

    /// Tiles that make `made` rows and columns: two of two or four.
    pub(in super::super) fn new(made: [usize; 2], shape: &ConvShape) -> Self {
        let grid = Grid::new(shape.input, shape.output, shape.window.padding, made);
        let plane = shape.input[0] * shape.input[1];
        let transforms = Transforms::of(made, grid.width);
        Tiles { made, grid, transforms, channels: shape.in_channels, plane, places: shape.places() }
    }

    /// Images that are worth working on together.
    pub(in super::super) fn images(&self) -> usize {
        (UNITS * UNIT * self.made[0] * self.made[1] / self.grid.computed()).max(1)
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
            scratch::with(self.terms() * position, |values: &mut [f32]| {
                let Tiles { ref grid, transforms, channels: of, plane, .. } = *self;
                let input = Input { isa, grid, transforms, x, images, channels: of, plane };
                // SAFETY: the instruction set was detected; `values` has room for these channels at all positions.
                unsafe { input.transform(units.clone(), channels.clone(), values.as_mut_ptr(), position) };
                let mut order = [0; UNIT];
                // SAFETY: the instruction set was detected.
                unsafe { (transforms.order)(isa, &mut order) };
                let mut corners = [[None; MOST_MADE]; UNITS * UNIT];
                for (unit, corners) in units.clone().zip(corners.chunks_exact_mut(UNIT)) {
                    self.grid.corners(unit, images, &order, corners);
                }
                let corners = &corners[..tiles];
                let places = images * self.places * width;
                let block = self.terms() * spaced(tiles * width);
                scratch::with(gradients.len() / places * block, |transformed: &mut [f32]| {
                    let blocks = || gradients.chunks_exact(places);
                    for (gradients, transformed) in blocks().zip(transformed.chunks_exact_mut(block)) {
                        gradient(isa, self.made, gradients, width, corners, transformed, spaced(tiles * width));
                    }
                    // Position by position, so that all that belongs to one is in the second cache meanwhile.
                    for position in 0..self.terms() {
                        let values = &values[position * spaced(channels.len() * tiles)..][..channels.len() * tiles];
                        for (i, transformed) in transformed.chunks_exact(block).enumerate() {
                            let gradients = &transformed[position * spaced(tiles * width)..][..tiles * width];
                            self.products(isa, values, gradients, [tiles, width], position, i, &mut into);
                        }
                    }
                });
            });
            into.accumulate = true;
        }
    }

    /// Adds the products at one position of a block of lanes over so many tiles.
    #[allow(clippy::too_many_arguments)]
    fn products(
        &self,
        isa: Isa,
        values: &[f32],
        gradients: &[f32],
        [tiles, width]: [usize; 2],
        position: usize,
        block: usize,
        into: &mut Gathered<'_>,
    ) {
        let channels = values.len() / tiles;
        let most = tile_rows(isa, width / UNIT);
        let row = self.terms() * into.lanes;
        assert!(gradients.len() == tiles * width, "tiles: gradients");
        assert!(into.sums.len() == channels * row && (block + 1) * width <= into.lanes, "tiles: sums");
        let mut tile = WeightTile {
            images: 1,
            image: 0,
            output: [1, tiles],
            pitch: 0,
            values: [values.as_ptr(); MOST_ROWS],
            gradients: gradients.as_ptr(),
            sums: into.sums[position * into.lanes + block * width..].as_mut_ptr(),
            row,
            accumulate: into.accumulate,
        };
        for (i, values) in values.chunks(most * tiles).enumerate() {
            let rows = values.len() / tiles;
            for (of_row, values) in tile.values.iter_mut().zip(values.chunks_exact(tiles)) {
                *of_row = values.as_ptr();
            }
            // SAFETY: the instruction set was detected; values and gradients are slices of just the size that the tile
            // reads; the rows of the sums are borrowed mutably, and by the assertion this block is inside each.
            unsafe {
                kernel(isa, rows, width / UNIT)(&tile);
                if (i + 1) * most < channels {
                    tile.sums = tile.sums.add(most * row);
                }
            }
        }
    }

    /// The gradient of the weight, `[channel, tap][lane]`, from sums that several tasks made.
    pub(in super::super) fn collect(&self, isa: Isa, sums: &[f32], parts: usize, lanes: usize, into: &mut [f32]) {
        let (part, made, terms) = (sums.len() / parts, self.made, self.terms());
        compiled_for(
            isa,
            #[inline(always)]
            || {
                for (channel, into) in into.chunks_exact_mut(9 * lanes).enumerate() {
                    for lane in (0..lanes).step_by(UNIT) {
                        let mut u = [[0.0; UNIT]; MOST_GATHERED];
                        for part in sums.chunks_exact(part) {
                            for (position, u) in u.iter_mut().enumerate().take(terms) {
                                let from = &part[(channel * terms + position) * lanes + lane..][..UNIT];
                                u.iter_mut().zip(from).for_each(|(u, from)| *u += from);
                            }
                        }
                        for (tap, values) in weight_adjoint(made, &u).iter().enumerate() {
                            into[tap * lanes + lane..][..UNIT].copy_from_slice(values);
                        }
                    }
                }
            },
        );
    }
}
