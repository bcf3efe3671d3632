//! Few tiles, less than fill a vector: the output channels are its lanes, and the tiles the rows of a register tile. What takes
//! the time is to read the weights, each of them once, one after the other.
#![allow(unsafe_code)]

use super::super::batch::Output;
use super::super::microkernel::{MOST_UNITS, OutputTile, UNIT, kernel};
use super::transform::{Transformed, spaced};
use super::{CHANNELS, Call};
use crate::{parallel, scratch};
use std::ops::Range;
use std::ptr;

impl Call<'_> {
    /// Runs a plan whose lanes are output channels.
    pub(super) fn run_few(&self, tasks: usize) {
        let plan = self.plan;
        let (ins, threads) = (plan.ins, tasks > 1);
        let tiles = &self.tiles();
        scratch::with(plan.positions * spaced(ins * UNIT), |values: &mut [f32]| {
            scratch::with(plan.positions * ins * tiles.len(), |rows: &mut [f32]| {
                let [values, rows] = [values, rows].map(|at| Output { at: at.as_mut_ptr(), image: 0, channel: 0 });
                parallel::tasks(ins.div_ceil(CHANNELS), threads, |part| {
                    let channels = part * CHANNELS..ins.min((part + 1) * CHANNELS);
                    // SAFETY: there is room for the only unit, and no two tasks have channels in common.
                    unsafe {
                        self.transform(0, channels.clone(), values.at(0, 0).at);
                        self.deal(tiles, channels, values.at(0, 0).at, rows.at(0, 0).at);
                    }
                });
                let width = plan.tile.1 * UNIT;
                parallel::tasks(plan.outs.div_ceil(width), threads, |panel| {
                    // SAFETY: all rows were written above, and no two tasks have a panel in common.
                    unsafe { self.panel(tiles, panel, rows.at(0, 0).at) };
                });
            });
        });
    }

    /// The lanes of the transformed input that are tiles of the map.
    fn tiles(&self) -> Vec<usize> {
        let plan = self.plan;
        let (mut order, mut corners) = ([0; UNIT], [Default::default(); UNIT]);
        // SAFETY: the plan was made for an instruction set that was detected.
        unsafe { (plan.transforms.order)(plan.isa, &mut order) };
        plan.grid.corners(0, self.images, &order, &mut corners);
        (0..UNIT).filter(|&lane| corners[lane][0].is_some()).collect()
    }

    /// So many tiles as rows of register tiles, about equal numbers of them.
    fn blocks(&self, tiles: usize) -> impl Iterator<Item = Range<usize>> {
        let blocks = tiles.div_ceil(self.plan.tile.0);
        (0..blocks).map(move |block| tiles * block / blocks..tiles * (block + 1) / blocks)
    }

    /// Writes the tiles of some channels as rows of register tiles: `[position][block][channel][row]`.
    ///
    /// # Safety
    /// `values` of these channels were transformed; `into` has room for all, and nobody else uses what belongs to these channels.
    unsafe fn deal(&self, tiles: &[usize], channels: Range<usize>, values: *const f32, into: *mut f32) {
        let ins = self.plan.ins;
        for position in 0..self.plan.positions {
            for block in self.blocks(tiles.len()) {
                let first = (position * tiles.len() + block.start) * ins;
                for channel in channels.clone() {
                    for (row, lane) in tiles[block.clone()].iter().enumerate() {
                        // SAFETY: a lane is one of a unit; the rest is the caller's.
                        unsafe {
                            let value = *values.add(position * spaced(ins * UNIT) + channel * UNIT + lane);
                            *into.add(first + channel * block.len() + row) = value;
                        }
                    }
                }
            }
        }
    }

    /// Computes a panel of output channels.
    ///
    /// # Safety
    /// `rows` were written by [`Call::deal`] for all channels; nobody else reads or writes the output of the panel.
    unsafe fn panel(&self, tiles: &[usize], panel: usize, rows: *const f32) {
        let plan = self.plan;
        let (ins, most) = (plan.ins, plan.tile.1 * UNIT);
        let channels = panel * most..plan.outs.min((panel + 1) * most);
        let width = channels.len().next_multiple_of(UNIT);
        let weights = &plan.weights[panel * plan.positions * ins * most..][..plan.positions * ins * width];
        let spread = spaced(channels.len() * UNIT);
        scratch::with(tiles.len() * width, |products: &mut [f32]| {
            scratch::with(plan.positions * spread, |by_tile: &mut [f32]| {
                for (position, weights) in weights.chunks_exact(ins * width).enumerate() {
                    for block in self.blocks(tiles.len()) {
                        let first = products[block.start * width..block.end * width].as_mut_ptr();
                        let tile = OutputTile {
                            depth: ins,
                            weights: rows.wrapping_add((position * tiles.len() + block.start) * ins),
                            values: [weights.as_ptr(); MOST_UNITS],
                            offsets: ptr::null(),
                            outputs: std::array::from_fn(|unit| first.wrapping_add(unit * UNIT)),
                            row: width,
                            onto: None,
                            bias: plan.zeros.as_ptr(),
                        };
                        // SAFETY: the plan was made for an instruction set that was detected; weights and products are slices of
                        // just the sizes that the tile reads and writes, there are as many zeros as rows, the caller vouches for
                        // the rows; packed values need no offsets.
                        unsafe { kernel(plan.isa, block.len(), width / UNIT, false)(&tile) };
                    }
                    let by_tile = &mut by_tile[position * spread..];
                    for (products, lane) in products.chunks_exact(width).zip(tiles) {
                        for (channel, product) in products[..channels.len()].iter().enumerate() {
                            by_tile[channel * UNIT + lane] = *product;
                        }
                    }
                }
                let products = Transformed { first: by_tile.as_mut_ptr(), position: spread, channel: UNIT };
                // SAFETY: the products of all tiles of the map in these channels were just written, and lanes beside them go
                // nowhere; the rest is the caller's.
                unsafe { self.write(0, channels, products) };
            });
        });
    }
}
