//! The gradient of the weight: `Gᵀ [Σ (A e Aᵀ) ∘ (Bᵀ d B)] G` over all tiles `d` of the input and `e` of the gradient of
//! the output. For each of the 16 positions the sum over tiles is a product as in the direct algorithm, with tiles in
//! the place of the places.
#![allow(unsafe_code)]

use super::super::microkernel::UNIT;
use super::super::problem::Problem;
use super::super::source::{SLACK, Source};
use super::super::transpose::transpose;
use super::super::weights_kernel::{MOST_ROWS, Tile, kernel, tile_rows, tile_units};
use super::plan::source_of_input;
use super::tiles::Tiles;
use super::transform::{self, POSITIONS, spaced, weight_adjoint};
use crate::kernels::cpu::isa::{Isa, compiled_for};
use crate::kernels::cpu::{parallel, scratch};
use std::ops::Range;

/// Tiles that are transformed and worked on together.
const TILES: usize = 64;

/// Tasks that the work is split into.
const TASKS: usize = 8;

/// Numbers that the sums of all tasks may take together, unless one sum alone takes more.
const SUMS: usize = 1 << 20;

/// Products below which a second thread costs more than it brings.
const SERIAL: usize = 1 << 20;

/// Adds the gradient of the weight to `gw`.
pub(in super::super) fn backward(problem: &Problem, isa: Isa, x: &[f32], gy: &[f32], gw: &mut [f32]) {
    let units = tile_units(isa, problem.out_channels);
    let lanes = problem.out_channels.next_multiple_of(UNIT * units);
    let input = source_of_input(problem);
    // Tiles of 2x2 gradients, split into even and odd rows and columns.
    let grid = problem.output.map(|dim| dim.div_ceil(2));
    let output = Source::new(problem.output, 0, 2, grid.map(|dim| 2 * dim));
    let share = TILES.div_ceil(grid[0] * grid[1]);
    let len = POSITIONS * problem.in_channels * lanes;
    let split = [TASKS, problem.images.div_ceil(share), SUMS.div_ceil(len)].into_iter().min().unwrap_or(1);
    // The largest power of two in it, so that it divides the tasks.
    let split = 1 << split.ilog2();
    let threads = problem.images * problem.places() * gw.len() > SERIAL;
    let work = Work { problem, isa, input, output, grid, units, lanes, share };
    scratch::with(split * len, |sums: &mut [f32]| {
        work.all_sums(x, gy, sums, split, threads);
        work.collect(sums, gw, threads);
    });
}

struct Work<'a> {
    problem: &'a Problem,
    isa: Isa,
    input: Source,
    output: Source,
    /// Rows and columns of tiles of one image.
    grid: [usize; 2],
    /// Units of lanes in a register tile.
    units: usize,
    /// Numbers in a row of the sums: output channels, filled up to whole register tiles.
    lanes: usize,
    /// Images that are worked on together.
    share: usize,
}

impl Work<'_> {
    /// Writes the sums `[part of the images][input channel][position][output channel]`.
    fn all_sums(&self, x: &[f32], gy: &[f32], sums: &mut [f32], split: usize, threads: bool) {
        let (images, channels) = (self.problem.images, self.problem.in_channels);
        let channel = POSITIONS * self.lanes;
        let down = (TASKS / split).min(channels);
        // One task for every part of the images and range of channels.
        let mut tasks = Vec::new();
        for (part, mut sums) in sums.chunks_exact_mut(channels * channel).enumerate() {
            let images = images * part / split..images * (part + 1) / split;
            for d in 0..down {
                let channels = channels * d / down..channels * (d + 1) / down;
                let (mine, rest) = sums.split_at_mut(channels.len() * channel);
                tasks.push((images.clone(), channels, mine));
                sums = rest;
            }
        }
        let run = |(images, channels, sums): (Range<usize>, Range<usize>, &mut [f32])| {
            for first in images.clone().step_by(self.share) {
                let some = first..images.end.min(first + self.share);
                self.some_images(x, gy, channels.clone(), some, sums, first > images.start);
            }
        };
        parallel::each(tasks.into_iter(), threads, run);
    }

    /// Writes the sums over some images, or adds to them.
    fn some_images(
        &self,
        x: &[f32],
        gy: &[f32],
        channels: Range<usize>,
        images: Range<usize>,
        sums: &mut [f32],
        accumulate: bool,
    ) {
        let Problem { in_channels, out_channels, .. } = *self.problem;
        let (ins, outs) = (channels.len() * self.input.channel, out_channels * self.output.channel);
        scratch::with(images.len() * ins + SLACK, |input: &mut [f32]| {
            scratch::with(images.len() * outs + SLACK, |output: &mut [f32]| {
                for (i, image) in images.clone().enumerate() {
                    let plain = self.input.plain();
                    let x = &x[(image * in_channels + channels.start) * plain..][..channels.len() * plain];
                    self.input.write(self.isa, x, &mut input[i * ins..][..ins]);
                    let gy = &gy[image * out_channels * self.output.plain()..][..out_channels * self.output.plain()];
                    self.output.write(self.isa, gy, &mut output[i * outs..][..outs]);
                }
                let (images, grid) = (images.len(), self.grid);
                let input = Tiles { source: input, layout: &self.input, channels: channels.len(), images, grid };
                let output = Tiles { source: output, layout: &self.output, channels: out_channels, images, grid };
                self.blocks(&input, &output, sums, accumulate);
            });
        });
    }

    fn blocks(&self, input: &Tiles<'_>, output: &Tiles<'_>, sums: &mut [f32], accumulate: bool) {
        let most = TILES.min(input.units() * UNIT);
        let input_offsets = Tiles::offsets(&self.input, input.channels, 4);
        let output_offsets = Tiles::offsets(&self.output, output.channels, 2);
        scratch::with(POSITIONS * spaced(input.channels * most), |values: &mut [f32]| {
            scratch::with(POSITIONS * spaced(output.channels * most), |gradients: &mut [f32]| {
                scratch::with(most * self.lanes, |lanes: &mut [f32]| {
                    for first in (0..input.units()).step_by(TILES / UNIT) {
                        let units = first..input.units().min(first + TILES / UNIT);
                        let count = input.count().min(units.end * UNIT) - units.start * UNIT;
                        let width = units.len() * UNIT;
                        let (from, to) = (spaced(input.channels * width), spaced(output.channels * width));
                        // SAFETY: `input` reads 4x4 values of a tile, `gradient` 2x2.
                        unsafe {
                            input.transform(transform::input, self.isa, &input_offsets, units.clone(), values, from);
                            output.transform(transform::gradient, self.isa, &output_offsets, units, gradients, to);
                        }
                        for position in 0..POSITIONS {
                            let gradients = &gradients[position * to..];
                            self.transpose_gradients(gradients, [output.channels, count], width, lanes);
                            let values = &values[position * from..][..input.channels * width];
                            self.products(values, width, lanes, count, position, sums, accumulate || first > 0);
                        }
                    }
                });
            });
        });
    }

    /// Writes gradients `[channel][tile]` as `[block of lanes][tile][lane]`.
    fn transpose_gradients(&self, gradients: &[f32], [channels, count]: [usize; 2], stride: usize, into: &mut [f32]) {
        let width = self.units * UNIT;
        for (block, into) in into[..count * self.lanes].chunks_exact_mut(count * width).enumerate() {
            let first = block * width;
            let rows = channels.saturating_sub(first).min(width);
            if rows.next_multiple_of(UNIT) < width {
                into.fill(0.0);
            }
            transpose(self.isa, &gradients[first.min(channels) * stride..], stride, [rows, count], into, width);
        }
    }

    /// Adds the products of `count` tiles at one position to the sums.
    #[allow(clippy::too_many_arguments)]
    fn products(
        &self,
        values: &[f32],
        stride: usize,
        lanes: &[f32],
        count: usize,
        position: usize,
        sums: &mut [f32],
        accumulate: bool,
    ) {
        let (most, width) = (tile_rows(self.isa, self.units), self.units * UNIT);
        let channels = values.len() / stride;
        for (block, lanes) in lanes[..count * self.lanes].chunks_exact(count * width).enumerate() {
            for first in (0..channels).step_by(most) {
                let rows = most.min(channels - first);
                let mut starts = [values.as_ptr(); MOST_ROWS];
                for (start, values) in starts.iter_mut().zip(values[first * stride..].chunks_exact(stride)).take(rows) {
                    *start = values.as_ptr();
                }
                let tile = Tile {
                    images: 1,
                    image: 0,
                    output: [1, count],
                    pitch: 0,
                    values: starts,
                    gradients: lanes.as_ptr(),
                    sums: sums[(first * POSITIONS + position) * self.lanes + block * width..].as_mut_ptr(),
                    row: POSITIONS * self.lanes,
                    accumulate,
                };
                // SAFETY: the instruction set was detected; each row has `stride >= count` values, each tile `width`
                // lanes; the sums of these channels at this position are borrowed mutably.
                unsafe { kernel(self.isa, rows, self.units)(&tile) };
            }
        }
    }

    /// Transforms all parts of the sums and adds them to `gw`.
    fn collect(&self, sums: &[f32], gw: &mut [f32], threads: bool) {
        let ins = self.problem.in_channels;
        // Sixteen output channels at a time, whose sums stand side by side.
        let run = |(block, gw): (usize, &mut [f32])| {
            scratch::with(ins * 9 * UNIT, |taps: &mut [f32]| {
                compiled_for(
                    self.isa,
                    #[inline(always)]
                    || self.collect_taps(sums, block * UNIT, taps),
                );
                self.add_transposed(taps, gw);
            });
        };
        parallel::each(gw.chunks_mut(UNIT * ins * 9).enumerate(), threads, run);
    }

    /// Writes the gradients of 16 output channels from `first` on: `[input channel][tap][output channel]`.
    #[inline(always)]
    fn collect_taps(&self, sums: &[f32], first: usize, taps: &mut [f32]) {
        let channel = POSITIONS * self.lanes;
        for (c, taps) in taps.as_chunks_mut::<UNIT>().0.as_chunks_mut::<9>().0.iter_mut().enumerate() {
            let mut total = [[0.0; UNIT]; POSITIONS];
            for sums in sums.chunks_exact(self.problem.in_channels * channel) {
                let sums = sums[c * channel..][..channel].chunks_exact(self.lanes);
                for (total, sums) in total.iter_mut().zip(sums) {
                    total.iter_mut().zip(&sums[first..][..UNIT]).for_each(|(total, sum)| *total += sum);
                }
            }
            *taps = weight_adjoint(&total);
        }
    }

    fn add_transposed(&self, taps: &[f32], gw: &mut [f32]) {
        let depth = taps.len() / UNIT;
        let outs = gw.len() / depth;
        let mut square = [0.0; UNIT * UNIT];
        for first in (0..depth).step_by(UNIT) {
            let count = UNIT.min(depth - first);
            transpose(self.isa, &taps[first * UNIT..], UNIT, [count, outs], &mut square, UNIT);
            for (gw, square) in gw.chunks_exact_mut(depth).zip(square.chunks_exact(UNIT)) {
                gw[first..first + count].iter_mut().zip(square).for_each(|(gw, &g)| *gw += g);
            }
        }
    }
}
