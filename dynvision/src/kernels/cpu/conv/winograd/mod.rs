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
use transform::{MADE, POSITIONS, Transformed, output, spaced};

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
                    self.tiles.transform(isa, &self.plan.offsets, units.clone(), values, position);
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
        for (i, unit) in units.enumerate() {
            let products = Transformed { first: products[i * UNIT..].as_mut_ptr(), position: to, channel: width };
            self.outputs(&self.tiles.pieces(unit), products, channels.clone());
        }
    }

    /// Transforms the products of one unit of tiles, and puts what comes out to its places.
    fn outputs(&self, pieces: &Pieces, products: Transformed, channels: Range<usize>) {
        let isa = self.plan.isa;
        let mut made = [0.0; ROWS * MADE];
        for first in channels.clone().step_by(ROWS) {
            let rows = ROWS.min(channels.end - first);
            let bias = &self.bias[first..first + rows];
            let row = (first - channels.start) * products.channel;
            // SAFETY: the products of these channels were written by `panels`; `made` and `bias` are as long.
            unsafe {
                let products = Transformed { first: products.first.add(row), ..products };
                output(isa, products, rows, bias.as_ptr(), made.as_mut_ptr());
            }
            compiled_for(
                isa,
                #[inline(always)]
                || self.place(pieces, &made[..rows * MADE], first),
            );
        }
    }

    /// Moves what a unit of tiles makes to its places in the output, for channels from `first` on.
    #[inline(always)]
    fn place(&self, pieces: &Pieces, made: &[f32], first: usize) {
        let WinogradPlan { output: [h, w], tiles: [height, columns], .. } = *self.plan;
        for (channel, made) in made.chunks_exact(MADE).enumerate() {
            let mut lane = 0;
            for &Piece { place, len, .. } in pieces.as_slice() {
                let (row, column) = (place / columns, place % columns * 2);
                let count = (2 * len).min(w - column);
                for (half, made) in made.chunks_exact(2 * UNIT).enumerate() {
                    let y = row % height * 2 + half;
                    if y < h {
                        // SAFETY: the image, channel, row and columns are in the output; no other task writes this panel
                        // of this block.
                        let into = unsafe {
                            let plane = self.output.at(row / height, first + channel).at;
                            std::slice::from_raw_parts_mut(plane.add(y * w + column), count)
                        };
                        rows::put(self.plan.isa, &made[2 * lane..][..count], into, self.accumulate);
                    }
                }
                lane += len;
            }
        }
    }
}
