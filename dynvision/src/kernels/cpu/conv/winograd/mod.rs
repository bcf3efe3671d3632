//! Winograd's minimal filtering F(2x2, 3x3): 16 products where the definition has 36. Tiles are the lanes, so the sum
//! over channels is the implicit matrix product's, once for each of the 16 positions in a transformed tile.
#![allow(unsafe_code)]

mod plan;
mod tiles;
mod transform;
mod weights;

pub(super) use plan::{WinogradPlan, can, pays};
pub(super) use weights::backward as backward_weights;

use super::batch::{self, Channels, Output};
use super::microkernel::{MOST_UNITS, Tile, UNIT, kernel};
use super::packed::{Piece, Pieces};
use crate::kernels::cpu::isa::compiled_for;
use crate::kernels::cpu::{rows, scratch};
use std::ops::Range;
use tiles::Tiles;
use transform::{MADE, POSITIONS, Transformed, input, output, spaced};

/// Numbers of products that are kept before they are transformed.
const PRODUCTS: usize = 1 << 16;

/// Channels that are transformed together on the way out.
const ROWS: usize = 8;

/// Runs `plan` on all images of `x`: writes `y`, or adds to it if `accumulate`.
pub(super) fn run(plan: &WinogradPlan, x: &[f32], bias: Option<&[f32]>, y: &mut [f32], accumulate: bool) {
    let (takes, gives) = (plan.ins * plan.source.plain(), plan.outs * plan.places());
    let images = y.len() / gives;
    assert!(y.len() == images * gives && x.len() == images * takes, "convolution: lengths");
    let output = Output { at: y.as_mut_ptr(), image: gives, channel: plan.places() };
    let products = plan.tiles[0] * plan.tiles[1] * POSITIONS * plan.ins * plan.outs;
    batch::split_images(images, plan.places(), products, |range, tasks| {
        let channels = Channels { of: plan.ins, first: 0, count: plan.ins };
        let x = &x[range.start * takes..range.end * takes];
        batch::with_source(&plan.source, plan.isa, x, range.len(), channels, tasks > 1, |source| {
            // SAFETY: `range` is in the images of `y`.
            let output = unsafe { output.at(range.start, 0) };
            let bias = bias.unwrap_or(&plan.zeros);
            let tiles =
                Tiles { source, layout: &plan.source, channels: plan.ins, images: range.len(), grid: plan.tiles };
            Call { plan, tiles, bias, output, accumulate }.run(tasks);
        });
    });
}

/// The convolution of some images.
struct Call<'a> {
    plan: &'a WinogradPlan,
    tiles: Tiles<'a>,
    bias: &'a [f32],
    output: Output,
    accumulate: bool,
}

impl Call<'_> {
    fn run(&self, tasks: usize) {
        let blocks = self.tiles.units().div_ceil(self.plan.tile.1);
        let panels = self.plan.outs.div_ceil(self.plan.tile.0);
        batch::split_tiles(tasks, blocks, panels, |blocks, panels| self.blocks(blocks, panels));
    }

    /// Computes some blocks of tiles for some panels of channels. No two tasks may have both in common.
    fn blocks(&self, blocks: Range<usize>, panels: Range<usize>) {
        let WinogradPlan { isa, ins, tile: (rows, most), .. } = *self.plan;
        let all = self.tiles.units().div_ceil(most);
        let (width, some) = (most * UNIT, self.panels_at_once().min(panels.len()));
        scratch::with(POSITIONS * spaced(ins * width), |values: &mut [f32]| {
            scratch::with(POSITIONS * spaced(some * rows * width), |products: &mut [f32]| {
                for block in blocks {
                    let units = self.tiles.units() * block / all..self.tiles.units() * (block + 1) / all;
                    let position = spaced(ins * units.len() * UNIT);
                    // SAFETY: `input` reads 16 values, and the plan has as many offsets.
                    unsafe { self.tiles.transform(input, isa, &self.plan.offsets, units.clone(), values, position) };
                    for first in panels.clone().step_by(some) {
                        let panels = first..panels.end.min(first + some);
                        self.panels(units.clone(), panels, values, products);
                    }
                }
            });
        });
    }

    /// Panels whose products stay in the second cache.
    fn panels_at_once(&self) -> usize {
        let (rows, units) = self.plan.tile;
        (PRODUCTS / (POSITIONS * rows * units * UNIT)).max(1)
    }

    fn panels(&self, units: Range<usize>, panels: Range<usize>, values: &[f32], products: &mut [f32]) {
        let WinogradPlan { isa, ins, outs, tile: (most, _), .. } = *self.plan;
        let width = units.len() * UNIT;
        let channels = panels.start * most..outs.min(panels.end * most);
        let (from, to) = (spaced(ins * width), spaced(channels.len() * width));
        let pieces = units.clone().map(|unit| self.tiles.pieces(unit)).collect::<Vec<_>>();
        self.expect(&pieces, channels.clone());
        for position in 0..POSITIONS {
            for panel in panels.clone() {
                let first = panel * most;
                let rows = most.min(outs - first);
                let weights = &self.plan.weights[(position * outs + first) * ins..][..ins * rows];
                let values = &values[position * from..][..ins * width];
                let products = &mut products[position * to + (first - channels.start) * width..][..rows * width];
                let mut outputs = [products.as_mut_ptr(); MOST_UNITS];
                for (i, output) in outputs.iter_mut().enumerate().take(units.len()) {
                    *output = products[i * UNIT..].as_mut_ptr();
                }
                let tile = Tile {
                    depth: ins,
                    weights: weights.as_ptr(),
                    values: [values.as_ptr(); MOST_UNITS],
                    offsets: std::ptr::null(),
                    outputs,
                    row: width,
                    accumulate: false,
                    bias: self.plan.zeros.as_ptr(),
                };
                // SAFETY: the plan was made for an instruction set that was detected; weights, values and products are
                // slices of just the size that the tile reads and writes; packed values need no offsets.
                unsafe { kernel(isa, rows, units.len(), false)(&tile) };
            }
        }
        let products = Transformed { first: products.as_mut_ptr(), position: to, channel: width };
        self.outputs(&pieces[..units.len()], products, channels);
    }

    /// Asks for the rows of the output that some units of tiles will be put to: too far apart for the processor to guess.
    fn expect(&self, units: &[Pieces], channels: Range<usize>) {
        let WinogradPlan { output: [_, w], tiles: [height, columns], .. } = *self.plan;
        for channel in channels {
            for &Piece { place, len, .. } in units.iter().flat_map(Pieces::as_slice) {
                let (row, column) = (place / columns, place % columns * 2);
                let at = (row / height * self.output.image) + channel * self.output.channel;
                let at = self.output.at.wrapping_add(at + row % height * 2 * w + column);
                rows::expect(at, 2 * len);
                rows::expect(at.wrapping_add(w), 2 * len);
            }
        }
    }

    /// Transforms the products of some units of tiles, and puts what comes out to its places.
    fn outputs(&self, units: &[Pieces], products: Transformed, channels: Range<usize>) {
        let isa = self.plan.isa;
        let mut made = [0.0; MOST_UNITS * ROWS * MADE];
        for first in channels.clone().step_by(ROWS) {
            let rows = ROWS.min(channels.end - first);
            let bias = &self.bias[first..first + rows];
            let row = (first - channels.start) * products.channel;
            for (unit, made) in made.chunks_exact_mut(ROWS * MADE).take(units.len()).enumerate() {
                // SAFETY: the products of these channels and units were written by `panels`; `made` and `bias` have as
                // many rows.
                unsafe {
                    let products = Transformed { first: products.first.add(row + unit * UNIT), ..products };
                    output(isa, products, rows, bias.as_ptr(), made.as_mut_ptr());
                }
            }
            compiled_for(
                isa,
                #[inline(always)]
                || {
                    for row in 0..rows {
                        for (pieces, made) in units.iter().zip(made.chunks_exact(ROWS * MADE)) {
                            self.place(pieces, &made[row * MADE..][..MADE], first + row);
                        }
                    }
                },
            );
        }
    }

    /// Moves what a unit of tiles makes in one channel to its places in the output.
    #[inline(always)]
    fn place(&self, pieces: &Pieces, made: &[f32], channel: usize) {
        let WinogradPlan { isa, output: [h, w], tiles: [height, columns], .. } = *self.plan;
        let mut lane = 0;
        for &Piece { place, len, .. } in pieces.as_slice() {
            let (row, column) = (place / columns, place % columns * 2);
            let count = (2 * len).min(w - column);
            for (half, made) in made.chunks_exact(2 * UNIT).enumerate() {
                let y = row % height * 2 + half;
                if y < h {
                    // SAFETY: the image, channel, row and columns are in the output; no other task writes this panel of
                    // this block.
                    let into = unsafe {
                        let plane = self.output.at(row / height, channel).at;
                        std::slice::from_raw_parts_mut(plane.add(y * w + column), count)
                    };
                    rows::put(isa, &made[2 * lane..][..count], into, self.accumulate);
                }
            }
            lane += len;
        }
    }
}
