//! Winograd's minimal filtering F(2x2, 3x3), 16 products where the definition has 36, F(2x4, 3x3), 24 where it has 72,
//! F(4x4, 3x3), 36 where it has 144, and at stride 2 tiles of 2x2, 25 where it has 36. Tiles are the lanes, so the sum over
//! channels is a matrix product, once for each position in a transformed tile. Where tiles are few, output channels are.
#![allow(unsafe_code)]

mod ahead;
mod few;
mod filter;
mod grid;
mod input;
mod plan;
mod tile;
mod transform;
mod weights;

pub(super) use plan::{Lanes, WinogradPlan, can, pays, pays_for_few};
pub(super) use tile::Tile;
pub(super) use weights::{Gathered, Tiles};

use super::Accumulate;
use super::batch::{self, Addend, Cut, Output, Split};
use super::microkernel::{MOST_UNITS, OutputTile, UNIT, kernel};
use crate::leaky::Step;
use crate::{parallel, scratch};
use ahead::Ahead;
use input::Input;
use std::ops::Range;
use std::ptr;
use transform::{Made, Transformed, spaced};

/// Numbers of products that are kept before they are transformed.
const PRODUCTS: usize = 1 << 16;

/// Channels whose input is transformed in one task, where a block of tiles is shared by several.
const CHANNELS: usize = 32;

/// Runs `plan` on all images of `x`: writes `y`, or adds to what `onto` says, and then takes a step with it, if there is one.
pub(super) fn run(
    plan: &WinogradPlan,
    x: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
    onto: Accumulate<'_, f32>,
    then: Option<Step<'_, f32>>,
) {
    let (takes, gives) = (plan.ins * plan.plain, plan.outs * plan.places);
    let images = y.len() / gives;
    assert!(y.len() == images * gives && x.len() == images * takes, "convolution: lengths");
    let output = Output { at: y.as_mut_ptr(), image: gives, channel: plan.places };
    let onto = output.onto(onto, y.len());
    let bias = bias.unwrap_or(&plan.zeros);
    batch::split_images(
        images,
        plan.places,
        plan.ins * plan.outs * plan.places * plan.positions / 4,
        |range, tasks| {
            let x = &x[range.start * takes..range.end * takes];
            let call = |x: &[f32]| {
                // SAFETY: `range` is in the images of `y`.
                let part = unsafe { output.at(range.start, 0) };
                // SAFETY: and so it is in those of what `y` is added to, which is as long.
                let onto = onto.map(|onto| unsafe { onto.at(range.start, 0) });
                Call { plan, x, images: range.len(), bias, output: part, onto }.run(tasks);
                if let Some(step) = then {
                    // SAFETY: the images are those of `range`, which were just written, and which nobody else reads or writes.
                    unsafe { output.step(step, range.clone(), tasks) };
                }
            };
            let Some(mirror) = plan.mirror else { return call(x) };
            scratch::with(range.len() * plan.ins * plan.plane, |mirrored: &mut [f32]| {
                parallel::parts(mirrored, plan.plane, tasks > 1, |channel, mirrored| {
                    mirror.write(&x[channel * plan.plain..][..plan.plain], mirrored);
                });
                call(mirrored);
            });
        },
    );
}

/// The convolution of some images.
struct Call<'a> {
    plan: &'a WinogradPlan,
    x: &'a [f32],
    images: usize,
    bias: &'a [f32],
    output: Output,
    /// What is added to the output.
    onto: Option<Addend>,
}

impl Call<'_> {
    fn run(&self, tasks: usize) {
        let WinogradPlan { ins, outs, positions, lanes, tile: (rows, units), .. } = *self.plan;
        if lanes == Lanes::Channels {
            return self.run_few(tasks);
        }
        let (blocks, panels) = (self.units().div_ceil(units), outs.div_ceil(rows));
        let block = positions * spaced(ins * units * UNIT);
        if tasks == 1 {
            return scratch::with(block, |values: &mut [f32]| {
                let values = Output { at: values.as_mut_ptr(), image: block, channel: 0 };
                for block in 0..blocks {
                    // SAFETY: `values` has room for a block.
                    unsafe { self.transform(block, 0..ins, values.at) };
                    // SAFETY: its values were just written.
                    unsafe { self.products(block, 0..panels, values.at, self.input_of(block + 1)) };
                }
            });
        }
        // The input is transformed only once, for tasks that share it.
        scratch::with(blocks * block, |values: &mut [f32]| {
            let values = Output { at: values.as_mut_ptr(), image: block, channel: 0 };
            let parts = ins.div_ceil(CHANNELS);
            parallel::tasks(blocks * parts, true, |task| {
                let (block, part) = (task / parts, task % parts);
                let channels = part * CHANNELS..ins.min((part + 1) * CHANNELS);
                // SAFETY: `values` has room for all blocks, and no two tasks have block and channels in common.
                unsafe { self.transform(block, channels, values.at(block, 0).at) };
            });
            Split::new(tasks, blocks, panels, Cut::Places).each(|blocks, panels| {
                for block in blocks {
                    // SAFETY: all values were written above; no two tasks have block and panels in common.
                    unsafe { self.products(block, panels.clone(), values.at(block, 0).at, Ahead::default()) };
                }
            });
        });
    }

    fn units(&self) -> usize {
        self.plan.grid.units(self.images)
    }

    /// The units of tiles of a block: of equal numbers, so that none is too small for its latencies.
    fn block(&self, block: usize) -> Range<usize> {
        let (units, all) = (self.units(), self.units().div_ceil(self.plan.tile.1));
        units * block / all..units * (block + 1) / all
    }

    /// The input of a block; beyond the images of this call that of the next, which is likely to follow.
    fn input_of(&self, block: usize) -> Ahead {
        let WinogradPlan { ins, plane, ref grid, .. } = *self.plan;
        let mut ahead = Ahead::default();
        for (image, range) in grid.rows_read(self.block(block)) {
            ahead.push(self.x.as_ptr().wrapping_add(image * ins * plane), plane, ins, range);
        }
        ahead
    }

    /// Adds the output of some units in some channels, and what it is added to.
    fn output_of(&self, units: Range<usize>, channels: Range<usize>, ahead: &mut Ahead) {
        let places = self.plan.places;
        let onto = self.onto.map(|onto| onto.at).filter(|&onto| onto != self.output.at.cast_const());
        for (image, range) in self.plan.grid.rows_written(units) {
            let first = image * self.output.image + channels.start * places;
            for at in onto.into_iter().chain([self.output.at.cast_const()]) {
                ahead.push(at.wrapping_add(first), places, channels.len(), range.clone());
            }
        }
    }

    /// Transforms the input of a block for some channels: `[position][channel][tile]`.
    ///
    /// # Safety
    /// `into` has room for a block, and nobody else uses what belongs to these channels.
    unsafe fn transform(&self, block: usize, channels: Range<usize>, into: *mut f32) {
        let WinogradPlan { isa, ins, plane, ref grid, transforms, .. } = *self.plan;
        let units = self.block(block);
        let width = units.len() * UNIT;
        let input = Input { isa, grid, transforms, x: self.x, images: self.images, channels: ins, plane };
        // SAFETY: the plan was made for an instruction set that was detected; positions are `ins * width` numbers and more
        // apart, and the caller vouches for the room.
        unsafe { input.transform(units, channels.clone(), into.add(channels.start * width), spaced(ins * width)) };
    }

    /// Computes a block of tiles for some panels of channels from its transformed input.
    ///
    /// # Safety
    /// `values` were written by [`Call::transform`]; no two tasks have block and panels in common.
    unsafe fn products(&self, block: usize, panels: Range<usize>, values: *const f32, mut ahead: Ahead) {
        let WinogradPlan { positions, tile: (rows, most), .. } = *self.plan;
        // As many panels as keep their products in the second cache.
        let some = (PRODUCTS / (positions * rows * most * UNIT)).clamp(1, panels.len());
        scratch::with(positions * spaced(some * rows * most * UNIT), |products: &mut [f32]| {
            for first in panels.clone().step_by(some) {
                let panels = first..panels.end.min(first + some);
                // SAFETY: the caller's.
                unsafe { self.panels(self.block(block), panels, values, products, &mut ahead) };
            }
        });
    }

    /// # Safety
    /// As for [`Call::products`], whose products go to the beginning of `products`.
    unsafe fn panels(
        &self,
        units: Range<usize>,
        panels: Range<usize>,
        values: *const f32,
        products: &mut [f32],
        ahead: &mut Ahead,
    ) {
        let WinogradPlan { isa, ins, outs, positions, tile: (most, _), .. } = *self.plan;
        let width = units.len() * UNIT;
        let channels = panels.start * most..outs.min(panels.end * most);
        let (from, to) = (spaced(ins * width), spaced(channels.len() * width));
        let mut tile = OutputTile {
            depth: ins,
            weights: ptr::null(),
            values: [values; MOST_UNITS],
            offsets: ptr::null(),
            outputs: [products.as_mut_ptr(); MOST_UNITS],
            row: width,
            onto: None,
            bias: self.plan.zeros.as_ptr(),
        };
        self.output_of(units.clone(), channels.clone(), ahead);
        let lines = ahead.share(positions * panels.len());
        for position in 0..positions {
            let weights = &self.plan.weights[(position * outs + channels.start) * ins..][..channels.len() * ins];
            let products = &mut products[position * to..][..channels.len() * width];
            for (weights, products) in weights.chunks(most * ins).zip(products.chunks_mut(most * width)) {
                tile.weights = weights.as_ptr();
                for (i, output) in tile.outputs.iter_mut().enumerate().take(units.len()) {
                    *output = products[i * UNIT..].as_mut_ptr();
                }
                // SAFETY: the plan was made for an instruction set that was detected; weights and products are slices of
                // just the size that the tile reads and writes, the caller vouches for the values; packed values need no
                // offsets.
                unsafe {
                    tile.values[0] = values.add(position * from);
                    kernel(isa, weights.len() / ins, units.len(), false)(&tile);
                    ahead.ask(lines);
                }
            }
        }
        for (i, unit) in units.enumerate() {
            let products = Transformed { first: products[i * UNIT..].as_mut_ptr(), position: to, channel: width };
            // SAFETY: the products of these channels and units were just written, and no other task writes these channels of
            // this unit.
            unsafe { self.write(unit, channels.clone(), products) };
        }
    }

    /// Writes what some channels of a unit make of their products.
    ///
    /// # Safety
    /// `products` are those of these channels, and nobody else reads or writes their output meanwhile.
    unsafe fn write(&self, unit: usize, channels: Range<usize>, products: Transformed) {
        let WinogradPlan { isa, outs, places, .. } = *self.plan;
        let spots = &self.plan.grid.written(unit, self.images, outs * places);
        let bias = self.bias[channels.clone()].as_ptr();
        // SAFETY: the plan was made for an instruction set that was detected; `bias` has a number for each channel, and the grid's
        // masks have bits where the output has values; the rest is the caller's.
        unsafe {
            let made = Made {
                first: self.output.at(0, channels.start).at,
                onto: self.onto.map_or(ptr::null(), |onto| onto.at(0, channels.start).at),
                channel: places,
                channels: channels.len(),
                bias,
                spots,
            };
            (self.plan.transforms.output)(isa, products, &made);
        }
    }
}
