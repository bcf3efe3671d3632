//! The gradient of the weight: for every (channel, tap) of the input, the sum over places of its value times the
//! gradients of all output channels there. Lanes are output channels, so those gradients are transposed first, and the
//! sums have to be transposed back: once for all steps of an unroll, whose [`Sums`] are gathered.
#![allow(unsafe_code)]

use super::Algorithm;
use super::microkernel::UNIT;
use super::plan::taps_of_input;
use super::shape::ConvShape;
use super::source::{SLACK, Source};
use super::transpose::transpose;
use super::weights_kernel::{MOST_ROWS, WeightTile, kernel, tile_rows, tile_units};
use super::winograd::{Gathered, Tiles};
use crate::isa::Isa;
use crate::{Recycled, parallel, scratch};
use std::ops::Range;

/// Transposed gradients that stay in the first cache while all rows pass over them.
const GRADIENTS: usize = 1 << 13;

/// Tasks that the work is split into.
const TASKS: usize = 8;

/// Numbers that the sums of all tasks may take together, unless one sum alone takes more.
const SUMS: usize = 1 << 19;

/// Products below which a second thread costs more than it brings.
const SERIAL: usize = 1 << 20;

/// The gradient of a weight before it is transposed, over one call or many of one shape.
#[derive(Debug)]
pub(super) struct Sums {
    work: Work,
    /// `[part of the images][group][channel, tap][output channel]`, or `[part][position][channel][output channel]` of tiles.
    values: Recycled,
    /// Parts of the images.
    pub split: usize,
    is_empty: bool,
}

impl Sums {
    /// By the implicit product or Winograd's algorithm.
    pub(super) fn new(algorithm: Algorithm, shape: &ConvShape, isa: Isa) -> Self {
        let shape = shape.flattened();
        let width = UNIT * tile_units(isa, shape.group_out());
        let lanes = shape.group_out().next_multiple_of(width);
        let (terms, fewest) = if let Some(tile) = algorithm.tile(&shape, false) {
            let tiles = Tiles::new(tile, &shape);
            let fewest = tiles.images();
            (Terms::Tiles(tiles), fewest)
        } else {
            let source = Source::of_input(&shape);
            let taps = taps_of_input(&shape, &source);
            let share = (GRADIENTS / width / shape.places()).max(1);
            // tasks that make what they read have more to do for each image
            let fewest = if shape.is_pointwise() { share.div_ceil(2) } else { share };
            (Terms::Taps { source, taps, share }, fewest)
        };
        let len = shape.in_channels * terms.count() * lanes;
        let split = [TASKS, shape.images.div_ceil(fewest), SUMS.div_ceil(len)].into_iter().min().unwrap_or(1);
        let split = match terms {
            // Images of its own for each task, or tiles that all tasks share.
            Terms::Tiles(_) if split < TASKS => 1,
            Terms::Tiles(_) => split,
            // The largest power of two in it, so that it divides the tasks.
            Terms::Taps { .. } => 1 << split.ilog2(),
        };
        let work = Work { shape, isa, terms, width, lanes };
        Sums { work, values: Recycled::new(split * len), split, is_empty: true }
    }

    /// Whether these are sums for `shape` by `algorithm`.
    pub(super) fn is_of(&self, algorithm: Algorithm, shape: &ConvShape) -> bool {
        let tile = match &self.work.terms {
            Terms::Tiles(tiles) => Some(tiles.tile),
            Terms::Taps { .. } => None,
        };
        self.work.shape == shape.flattened() && tile == algorithm.tile(shape, false)
    }

    /// Elements of the weight.
    pub(super) fn weight_len(&self) -> usize {
        self.work.shape.out_channels * self.work.shape.depth()
    }

    /// Adds the gradient that `gy` passes back.
    pub(super) fn add(&mut self, x: &[f32], gy: &[f32]) {
        self.work.all_sums(x, gy, &mut self.values, self.split, !self.is_empty);
        self.is_empty = false;
    }

    /// The sums over every part of the images, where the window is a single point.
    pub(super) fn parts(&mut self) -> Vec<Part<'_>> {
        let Sums { ref work, ref mut values, split, is_empty } = *self;
        self.is_empty = false;
        let (images, len) = (work.shape.images, values.len() / split);
        let part = |(at, sums)| {
            let images = images * at / split..images * (at + 1) / split;
            Part { work, images, sums, accumulate: !is_empty }
        };
        values.chunks_exact_mut(len).enumerate().map(part).collect()
    }

    /// Adds all that was added here to `gw`.
    pub(super) fn collect(self, gw: &mut [f32]) {
        let Sums { work, values, split, .. } = self;
        match work.terms {
            _ if self.is_empty => (),
            Terms::Taps { .. } => work.collect(&values, gw),
            Terms::Tiles(ref tiles) => scratch::with(work.shape.in_channels * 9 * work.lanes, |taps: &mut [f32]| {
                tiles.collect(work.isa, &values, split, work.lanes, taps);
                work.collect(taps, gw);
            }),
        }
    }
}

/// The sums over some images, of which each place is read by one tap: added to by a task that makes what is read.
pub(super) struct Part<'a> {
    work: &'a Work,
    pub images: Range<usize>,
    sums: &'a mut [f32],
    accumulate: bool,
}

impl Part<'_> {
    /// Adds what some places bring, counted through the images of `gy`, of which there are `values`, `width` for each channel.
    pub(super) fn add(&mut self, places: Range<usize>, values: &[f32], width: usize, gy: &[f32]) {
        let &mut Part { work, accumulate, .. } = self;
        let (of_image, len) = (work.shape.places(), places.len());
        let read = Read { written: values, image: 0, channel: width, pitch: 0, taps: &[0] };
        let region = Region { images: 1, first: 0, height: 1, columns: len };
        scratch::with(len * work.width, |gradients: &mut [f32]| {
            for block in 0..work.lanes / work.width {
                let mut done = 0;
                while done < len {
                    let (image, first) = ((places.start + done) / of_image, (places.start + done) % of_image);
                    let some = first..of_image.min(first + len - done);
                    let gy = &gy[image * work.shape.output_len()..][..work.shape.output_len()];
                    work.transpose_gradients(gy, some.clone(), block, &mut gradients[done * work.width..]);
                    done += some.len();
                }
                work.rows(&read, gradients, region, &mut self.sums[block * work.width..], accumulate);
            }
        });
        self.accumulate = true;
    }
}

/// Some places of some images.
#[derive(Clone, Copy)]
struct Region {
    images: usize,
    /// Rows of places.
    first: usize,
    height: usize,
    columns: usize,
}

/// What is summed up for each pair of channels.
#[derive(Debug)]
enum Terms {
    /// One number for each tap, read from `source`, where that of the first place stands at `taps`; `share` images are worked on
    /// together.
    Taps { source: Source, taps: Vec<usize>, share: usize },
    /// One number for each position of a transformed tile.
    Tiles(Tiles),
}

impl Terms {
    fn count(&self) -> usize {
        match self {
            Terms::Taps { taps, .. } => taps.len(),
            Terms::Tiles(tiles) => tiles.terms(),
        }
    }
}

/// The values of some channels with their border.
struct Read<'a> {
    written: &'a [f32],
    /// Numbers from one image, channel, and row to the next.
    image: usize,
    channel: usize,
    pitch: usize,
    /// Where the taps of the first place stand in a channel.
    taps: &'a [usize],
}

#[derive(Debug)]
struct Work {
    shape: ConvShape,
    isa: Isa,
    terms: Terms,
    /// Lanes of a tile.
    width: usize,
    /// Numbers in a row of the sums: output channels, filled up to whole tiles.
    lanes: usize,
}

impl Work {
    /// Whether a second thread brings more than it costs.
    fn threads(&self) -> bool {
        let ConvShape { images, out_channels, .. } = self.shape;
        images * self.shape.places() * out_channels * self.shape.depth() > SERIAL
    }

    /// Writes the sums, or adds to them.
    fn all_sums(&self, x: &[f32], gy: &[f32], sums: &mut [f32], split: usize, accumulate: bool) {
        match &self.terms {
            Terms::Tiles(tiles) => self.sums_of_tiles(tiles, x, gy, sums, split, accumulate),
            Terms::Taps { source, taps, share } => {
                self.sums_of_taps((source, taps, *share), x, gy, sums, split, accumulate);
            }
        }
    }

    /// [`all_sums`](Work::all_sums) of tiles: one task for every part of the images, or tasks that share what one part needs.
    fn sums_of_tiles(&self, tiles: &Tiles, x: &[f32], gy: &[f32], sums: &mut [f32], split: usize, accumulate: bool) {
        let (images, input, part) = (self.shape.images, self.shape.input_len(), sums.len() / split);
        let output = self.shape.out_channels * self.shape.places();
        let run = |(at, sums): (usize, &mut [f32])| {
            let images = images * at / split..images * (at + 1) / split;
            let transpose = |image: usize, block: usize, into: &mut [f32]| {
                let gy = &gy[(images.start + image) * output..][..output];
                self.transpose_gradients(gy, 0..self.shape.places(), block, into);
            };
            let into = Gathered { sums, lanes: self.lanes, width: self.width, accumulate };
            let x = &x[images.start * input..images.end * input];
            tiles.sums(self.isa, x, transpose, split == 1 && self.threads(), into);
        };
        parallel::each(sums.chunks_exact_mut(part).enumerate(), self.threads(), run);
    }

    /// [`all_sums`](Work::all_sums) of taps: one task for every part of the images, group, and range of channels.
    fn sums_of_taps(
        &self,
        (source, taps, share): (&Source, &[usize], usize),
        x: &[f32],
        gy: &[f32],
        sums: &mut [f32],
        split: usize,
        accumulate: bool,
    ) {
        let (images, channels) = (self.shape.images, self.shape.group_in());
        let channel = taps.len() * self.lanes;
        let down = (TASKS / split).min(channels);
        let mut tasks = Vec::new();
        for (part, sums) in sums.chunks_exact_mut(self.shape.groups * channels * channel).enumerate() {
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
        let ConvShape { in_channels, out_channels, .. } = self.shape;
        let (ins, outs, places) = (self.shape.group_in(), self.shape.group_out(), self.shape.places());
        let run = |(images, group, channels, sums): (Range<usize>, usize, Range<usize>, &mut [f32])| {
            for first in images.clone().step_by(share) {
                let some = first..images.end.min(first + share);
                let (all, image) = (some.len(), channels.len() * source.channel);
                scratch::with(all * places * self.lanes, |gradients: &mut [f32]| {
                    for (block, into) in gradients.chunks_exact_mut(all * places * self.width).enumerate() {
                        for (n, into) in some.clone().zip(into.chunks_exact_mut(places * self.width)) {
                            let gy = &gy[(n * out_channels + group * outs) * places..][..outs * places];
                            self.transpose_gradients(gy, 0..places, block, into);
                        }
                    }
                    scratch::with(all * image + SLACK, |written: &mut [f32]| {
                        for (n, written) in some.clone().zip(written.chunks_exact_mut(image)) {
                            let from = (n * in_channels + group * ins + channels.start) * source.plain();
                            source.write(self.isa, &x[from..][..channels.len() * source.plain()], written);
                        }
                        let read = Read { written, image, pitch: source.plane[1], channel: source.channel, taps };
                        self.tiles(&read, gradients, all, sums, accumulate || first > images.start);
                    });
                });
            }
        };
        parallel::each(tasks.into_iter(), self.threads(), run);
    }

    /// Writes the gradients of some places of an image in a block of lanes as `[place][lane]`.
    fn transpose_gradients(&self, gy: &[f32], some: Range<usize>, block: usize, into: &mut [f32]) {
        let (outs, places) = (self.shape.group_out(), self.shape.places());
        let (first, width) = (block * self.width, self.width);
        let (rows, into) = (outs.saturating_sub(first).min(width), &mut into[..some.len() * width]);
        if rows.next_multiple_of(UNIT) < width {
            into.fill(0.0);
        }
        transpose(self.isa, &gy[first.min(outs) * places + some.start..], places, [rows, some.len()], into, width);
    }

    /// All tiles of the sums over images in `read`.
    fn tiles(&self, read: &Read<'_>, gradients: &[f32], images: usize, sums: &mut [f32], accumulate: bool) {
        let width = self.width;
        let [height, columns] = self.shape.output;
        // Several images, or some rows of one.
        let some = if images > 1 { height } else { (GRADIENTS / width / columns).clamp(1, height) };
        for (block, gradients) in gradients.chunks_exact(images * height * columns * width).enumerate() {
            for first in (0..height).step_by(some) {
                let region = Region { images, first, height: some.min(height - first), columns };
                let gradients = &gradients[first * columns * width..];
                self.rows(read, gradients, region, &mut sums[block * width..], accumulate || first > 0);
            }
        }
    }

    /// The tiles of all rows of the sums over some places, for one block of lanes: `sums` begin at its first.
    fn rows(&self, read: &Read<'_>, gradients: &[f32], region: Region, sums: &mut [f32], accumulate: bool) {
        let (taps, units) = (read.taps.len(), self.width / UNIT);
        let (most, rows) = (tile_rows(self.isa, units), sums.len().div_ceil(self.lanes));
        for first in (0..rows).step_by(most) {
            let count = most.min(rows - first);
            let mut values = [read.written.as_ptr(); MOST_ROWS];
            for (row, value) in (first..first + count).zip(&mut values) {
                let at = row / taps * read.channel + read.taps[row % taps] + region.first * read.pitch;
                *value = read.written[at..].as_ptr();
            }
            let tile = WeightTile {
                images: region.images,
                image: read.image,
                output: [region.height, region.columns],
                pitch: read.pitch,
                values,
                gradients: gradients.as_ptr(),
                sums: sums[first * self.lanes..].as_mut_ptr(),
                row: self.lanes,
                accumulate,
            };
            // SAFETY: the instruction set was detected; the planes of the source hold every place of every tap of its
            // channels by construction; `gradients` has `width` numbers for every place from `region.first` on; the rows
            // of the sums are borrowed mutably, and the block and `first` are inside them.
            unsafe { kernel(self.isa, count, units)(&tile) };
        }
    }

    /// Adds all parts of the sums, transposed, to `gw`.
    fn collect(&self, sums: &[f32], gw: &mut [f32]) {
        let (outs, depth) = (self.shape.group_out(), self.shape.depth());
        let part = self.shape.groups * depth * self.lanes;
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
        let depth = self.shape.depth();
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
