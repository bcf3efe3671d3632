//! The gradient of the weight: for every (channel, tap) of the input, the sum over places of its value times the
//! gradients of all output channels there. Lanes are output channels, so those gradients are transposed first, and the
//! sums have to be transposed back: once for all steps of an unroll, whose [`Sums`] are gathered.
#![allow(unsafe_code)]

use super::microkernel::UNIT;
use super::plan::taps_of_input;
use super::problem::Problem;
use super::source::{SLACK, Source};
use super::transpose::transpose;
use super::weights_kernel::{MOST_ROWS, Tile, kernel, tile_rows, tile_units};
use crate::kernels::cpu::isa::Isa;
use crate::kernels::cpu::{Recycled, parallel, scratch};
use std::ops::Range;

/// Transposed gradients that stay in the first cache while all rows pass over them.
const GRADIENTS: usize = 1 << 13;

/// Tasks that the work is split into.
const TASKS: usize = 8;

/// Numbers that the sums of all tasks may take together, unless one sum alone takes more.
const SUMS: usize = 1 << 19;

/// Products below which a second thread costs more than it brings.
const SERIAL: usize = 1 << 20;

/// The gradient of a weight before it is transposed, over one call or many of one problem.
#[derive(Debug)]
pub(super) struct Sums {
    work: Work,
    /// `[part of the images][group][channel, tap][output channel]`.
    values: Recycled<f32>,
    split: usize,
    is_empty: bool,
}

impl Sums {
    pub(super) fn new(problem: &Problem, isa: Isa) -> Self {
        let problem = problem.flattened();
        let source = Source::of_input(&problem);
        let taps = taps_of_input(&problem, &source);
        let width = UNIT * tile_units(isa, problem.group_out());
        let lanes = problem.group_out().next_multiple_of(width);
        let len = problem.groups * problem.depth() * lanes;
        let share = (GRADIENTS / width / problem.places()).max(1);
        let split = [TASKS, problem.images.div_ceil(share), SUMS.div_ceil(len)].into_iter().min().unwrap_or(1);
        // The largest power of two in it, so that it divides the tasks.
        let split = 1 << split.ilog2();
        let work = Work { problem, isa, source, taps, width, lanes, share };
        Sums { work, values: Recycled::new(split * len), split, is_empty: true }
    }

    /// Whether these are sums for `problem`.
    pub(super) fn is_of(&self, problem: &Problem) -> bool {
        self.work.problem == problem.flattened()
    }

    /// Adds the gradient that `gy` passes back.
    pub(super) fn add(&mut self, x: &[f32], gy: &[f32]) {
        self.work.all_sums(x, gy, &mut self.values, self.split, !self.is_empty);
        self.is_empty = false;
    }

    /// Adds all that was added here to `gw`.
    pub(super) fn collect(self, gw: &mut [f32]) {
        if !self.is_empty {
            self.work.collect(&self.values, gw);
        }
    }
}

/// Some places of some images.
#[derive(Clone, Copy)]
struct Part {
    images: usize,
    /// Numbers from one image of the source to the next.
    image: usize,
    /// Rows of places.
    first: usize,
    height: usize,
}

#[derive(Debug)]
struct Work {
    problem: Problem,
    isa: Isa,
    source: Source,
    /// Where the taps of the first place stand in a channel of the source.
    taps: Vec<usize>,
    /// Lanes of a tile.
    width: usize,
    /// Numbers in a row of the sums: output channels, filled up to whole tiles.
    lanes: usize,
    /// Images that are worked on together.
    share: usize,
}

impl Work {
    /// Whether a second thread brings more than it costs.
    fn threads(&self) -> bool {
        let Problem { images, out_channels, .. } = self.problem;
        images * self.problem.places() * out_channels * self.problem.depth() > SERIAL
    }

    /// Writes the sums, or adds to them.
    fn all_sums(&self, x: &[f32], gy: &[f32], sums: &mut [f32], split: usize, accumulate: bool) {
        let (images, channels) = (self.problem.images, self.problem.group_in());
        let channel = self.problem.taps() * self.lanes;
        let down = (TASKS / split).min(channels);
        // One task for every part of the images, group, and range of channels.
        let mut tasks = Vec::new();
        for (part, sums) in sums.chunks_exact_mut(self.problem.groups * channels * channel).enumerate() {
            let images = images * part / split..images * (part + 1) / split;
            for (group, mut sums) in sums.chunks_exact_mut(channels * channel).enumerate() {
                for d in 0..down {
                    let channels = channels * d / down..channels * (d + 1) / down;
                    let (mine, rest) = sums.split_at_mut(channels.len() * channel);
                    tasks.push((images.clone(), group, channels, mine));
                    sums = rest;
                }
            }
        }
        let run = |(images, group, channels, sums): (Range<usize>, usize, Range<usize>, &mut [f32])| {
            for first in images.clone().step_by(self.share) {
                let some = first..images.end.min(first + self.share);
                self.some_images(x, gy, group, channels.clone(), some, sums, accumulate || first > images.start);
            }
        };
        parallel::each(tasks.into_iter(), self.threads(), run);
    }

    /// Writes the sums over some images, or adds to them.
    #[allow(clippy::too_many_arguments)]
    fn some_images(
        &self,
        x: &[f32],
        gy: &[f32],
        group: usize,
        channels: Range<usize>,
        images: Range<usize>,
        sums: &mut [f32],
        accumulate: bool,
    ) {
        let Problem { in_channels, out_channels, .. } = self.problem;
        let (ins, outs, places) = (self.problem.group_in(), self.problem.group_out(), self.problem.places());
        let image = channels.len() * self.source.channel;
        scratch::with(images.len() * image + SLACK, |source: &mut [f32]| {
            scratch::with(images.len() * places * self.lanes, |gradients: &mut [f32]| {
                for (i, n) in images.clone().enumerate() {
                    let from = (n * in_channels + group * ins + channels.start) * self.source.plain();
                    let x = &x[from..][..channels.len() * self.source.plain()];
                    self.source.write(self.isa, x, &mut source[i * image..][..image]);
                    let gy = &gy[(n * out_channels + group * outs) * places..][..outs * places];
                    self.transpose_gradients(gy, i, images.len(), gradients);
                }
                self.tiles(source, image, gradients, images.len(), sums, accumulate);
            });
        });
    }

    /// Writes the gradients of image `i` as `[block of lanes][image, place][lane]`.
    fn transpose_gradients(&self, gy: &[f32], i: usize, images: usize, gradients: &mut [f32]) {
        let (outs, places) = (self.problem.group_out(), self.problem.places());
        let width = self.width;
        for (block, into) in gradients.chunks_exact_mut(images * places * width).enumerate() {
            let first = block * width;
            let rows = outs.saturating_sub(first).min(width);
            let into = &mut into[i * places * width..][..places * width];
            if rows.next_multiple_of(UNIT) < width {
                into.fill(0.0);
            }
            transpose(self.isa, &gy[first.min(outs) * places..], places, [rows, places], into, width);
        }
    }

    /// All tiles of the sums over images in `source`, which are `image` numbers apart.
    fn tiles(
        &self,
        source: &[f32],
        image: usize,
        gradients: &[f32],
        images: usize,
        sums: &mut [f32],
        accumulate: bool,
    ) {
        let width = self.width;
        let [height, columns] = self.problem.output;
        // Several images, or some rows of one.
        let some = if images > 1 { height } else { (GRADIENTS / width / columns).clamp(1, height) };
        for (block, gradients) in gradients.chunks_exact(images * height * columns * width).enumerate() {
            for first in (0..height).step_by(some) {
                let part = Part { images, image, first, height: some.min(height - first) };
                let gradients = &gradients[first * columns * width..];
                self.rows(source, gradients, part, &mut sums[block * width..], accumulate || first > 0);
            }
        }
    }

    /// The tiles of all rows of the sums over some places, for one block of lanes: `sums` begin at its first.
    fn rows(&self, source: &[f32], gradients: &[f32], part: Part, sums: &mut [f32], accumulate: bool) {
        let (taps, pitch, units) = (self.taps.len(), self.source.plane[1], self.width / UNIT);
        let (most, rows) = (tile_rows(self.isa, units), sums.len().div_ceil(self.lanes));
        for first in (0..rows).step_by(most) {
            let count = most.min(rows - first);
            let mut values = [source.as_ptr(); MOST_ROWS];
            for (row, value) in (first..first + count).zip(&mut values) {
                let at = row / taps * self.source.channel + self.taps[row % taps] + part.first * pitch;
                *value = source[at..].as_ptr();
            }
            let tile = Tile {
                images: part.images,
                image: part.image,
                output: [part.height, self.problem.output[1]],
                pitch,
                values,
                gradients: gradients.as_ptr(),
                sums: sums[first * self.lanes..].as_mut_ptr(),
                row: self.lanes,
                accumulate,
            };
            // SAFETY: the instruction set was detected; the planes of the source hold every place of every tap of its
            // channels by construction; `gradients` has `width` numbers for every place from `part.first` on; the rows
            // of the sums are borrowed mutably, and the block and `first` are inside them.
            unsafe { kernel(self.isa, count, units)(&tile) };
        }
    }

    /// Adds all parts of the sums, transposed, to `gw`.
    fn collect(&self, sums: &[f32], gw: &mut [f32]) {
        let (outs, depth) = (self.problem.group_out(), self.problem.depth());
        let part = self.problem.groups * depth * self.lanes;
        let gw_len = gw.len();
        // Sixteen output channels of one group at a time, so that tasks write neighbouring rows.
        let rows: Vec<_> = gw.chunks_exact_mut(outs * depth).flat_map(|gw| gw.chunks_mut(UNIT * depth)).collect();
        let blocks = outs.div_ceil(UNIT);
        let run = |(at, gw): (usize, &mut [f32])| {
            let (group, first) = (at / blocks, at % blocks * UNIT);
            for sums in sums.chunks_exact(part) {
                let sums = &sums[group * depth * self.lanes + first..];
                self.collect_rows(sums, gw);
            }
        };
        parallel::each(rows.into_iter().enumerate(), gw_len > SERIAL / 16, run);
    }

    fn collect_rows(&self, sums: &[f32], gw: &mut [f32]) {
        let depth = self.problem.depth();
        let outs = gw.len() / depth;
        let mut square = [0.0; UNIT * UNIT];
        for first in (0..depth).step_by(UNIT) {
            let terms = UNIT.min(depth - first);
            transpose(self.isa, &sums[first * self.lanes..], self.lanes, [terms, outs], &mut square, UNIT);
            for (gw, square) in gw.chunks_exact_mut(depth).zip(square.chunks_exact(UNIT)) {
                gw[first..first + terms].iter_mut().zip(square).for_each(|(gw, &sum)| *gw += sum);
            }
        }
    }
}
