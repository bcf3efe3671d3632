//! The gradient of the weight in transformed tiles: `Gᵀ [Σ (Bᵀ d B') ∘ (A e A'ᵀ)] G'`, summed over tiles, where `d` is the values
//! of the input and `e` 2x2 or 2x4 gradients of the output. Lanes are output channels.
#![allow(unsafe_code)]

use super::super::microkernel::UNIT;
use super::super::shape::ConvShape;
use super::super::weights_kernel::{MOST_ROWS, WeightTile, kernel, tile_rows};
use super::grid::{Corners, Grid, MOST_MADE};
use super::input::Input;
use super::tile::Tile;
use super::transform::{MOST_GATHERED, Transforms, gradient, spaced, weight_adjoint};
use crate::geometry::Border;
use crate::isa::{Isa, compiled_for};
use crate::{parallel, scratch};
use std::ops::Range;

/// Units of tiles that are worked on together: a chunk.
const UNITS: usize = 8;

/// Channels whose values at one position of a chunk stand together: they fit the first cache beside the gradients of a block,
/// and all tiles of registers but the last are full.
const CHANNELS: usize = 36;

/// Transformed numbers that tasks share at a time, unless those of one group of images are more.
const SHARED: usize = 1 << 21;

/// How tiles stand in the maps of a shape.
#[derive(Debug)]
pub(in super::super) struct Tiles {
    pub(in super::super) tile: Tile,
    grid: Grid,
    transforms: Transforms,
    channels: usize,
    /// Values of one channel of the input, and of the output.
    plane: usize,
    places: usize,
}

/// Where sums go: `[position][channel][lane]`, of `lanes` numbers to a channel, in blocks of `width`.
pub(in super::super) struct Gathered<'a> {
    pub sums: &'a mut [f32],
    pub lanes: usize,
    pub width: usize,
    /// Whether to add to what stands there.
    pub accumulate: bool,
}

/// What is transformed in one task, and where it goes.
enum Task<'a> {
    /// The input of one chunk of a group of images, in `CHANNELS` from the first on: `[position][channel][tile]`.
    Values { group: usize, chunk: usize, first: usize, into: &'a mut [f32] },
    /// The gradients of all chunks of a group in one block of lanes: `[chunk][position][tile][lane]`.
    Gradients { group: usize, block: usize, into: &'a mut [f32] },
}

impl Tiles {
    /// Numbers to a pair of channels.
    pub(in super::super) fn terms(&self) -> usize {
        self.tile.positions()
    }

    /// Whether they can be used.
    pub(in super::super) fn can(shape: &ConvShape) -> bool {
        super::can(shape) && (shape.border == Border::Zero || shape.window.padding == 0)
    }

    /// Tiles that make two rows.
    pub(in super::super) fn new(tile: Tile, shape: &ConvShape) -> Self {
        let grid = Grid::new(tile, shape.input, shape.output, shape.window.padding);
        let plane = shape.input[0] * shape.input[1];
        let transforms = Transforms::of(tile, grid.width);
        Tiles { tile, grid, transforms, channels: shape.in_channels, plane, places: shape.places() }
    }

    /// Images that make a group: their tiles are a chunk or more.
    pub(in super::super) fn images(&self) -> usize {
        (UNITS * UNIT * self.tile.made().iter().product::<usize>() / self.grid.computed()).max(1)
    }

    /// Sums over the images of `x`. `transpose(image, block, into)` writes the gradients of an image in a block of lanes,
    /// `[place][lane]`.
    ///
    /// With `threads` tasks share what is transformed, and each sums up at positions of its own.
    pub(in super::super) fn sums(
        &self,
        isa: Isa,
        x: &[f32],
        transpose: impl Fn(usize, usize, &mut [f32]) + Sync,
        threads: bool,
        into: Gathered<'_>,
    ) {
        let Gathered { sums, lanes, width, mut accumulate } = into;
        let input = self.channels * self.plane;
        let (images, parts, blocks) = (x.len() / input, self.channels.div_ceil(CHANNELS), lanes / width);
        let group = self.images().min(images);
        let (chunks, tiles) = (self.grid.units(group).div_ceil(UNITS), self.grid.units(group).min(UNITS) * UNIT);
        let part = self.terms() * spaced(CHANNELS.min(self.channels) * tiles);
        let block = self.terms() * spaced(tiles * width);
        let corners = [group, images - (images - 1) / group * group].map(|images| self.corners(isa, images));
        let groups = if threads { (SHARED / (chunks * (parts * part + blocks * block))).max(1) } else { 1 };
        for first in (0..images).step_by(groups * group) {
            let some = images.min(first + groups * group) - first;
            let groups = some.div_ceil(group);
            let images_of = |at: usize| first + at * group..first + some.min((at + 1) * group);
            let units_of = |at: usize, chunk: usize| {
                let all = self.grid.units(images_of(at).len());
                all.min(chunk * UNITS)..all.min((chunk + 1) * UNITS)
            };
            let transform = |task: Task<'_>| match task {
                Task::Values { group: at, chunk, first, into } => {
                    let images = images_of(at);
                    let x = &x[images.start * input..images.end * input];
                    let channels = first..self.channels.min(first + CHANNELS);
                    self.transform_values(isa, x, units_of(at, chunk), channels, into);
                }
                Task::Gradients { group: at, block: of_lanes, into } => {
                    let images = images_of(at);
                    let (len, corners) = (self.places * width, &corners[usize::from(images.len() < group)]);
                    scratch::with(images.len() * len, |gradients: &mut [f32]| {
                        for (image, into) in images.zip(gradients.chunks_exact_mut(len)) {
                            transpose(image, of_lanes, into);
                        }
                        for (corners, into) in corners.chunks(UNITS * UNIT).zip(into.chunks_exact_mut(block)) {
                            gradient(isa, self.tile, gradients, width, corners, into, spaced(corners.len() * width));
                        }
                    });
                }
            };
            scratch::with(groups * chunks * parts * part, |values: &mut [f32]| {
                scratch::with(groups * blocks * chunks * block, |gradients: &mut [f32]| {
                    let of_values = values.chunks_exact_mut(part).enumerate().map(|(at, into)| {
                        let (chunk, first) = (at / parts, at % parts * CHANNELS);
                        Task::Values { group: chunk / chunks, chunk: chunk % chunks, first, into }
                    });
                    let of_gradients = gradients.chunks_exact_mut(chunks * block).enumerate();
                    let of_gradients =
                        of_gradients.map(|(at, into)| Task::Gradients { group: at / blocks, block: at % blocks, into });
                    let tasks: Vec<Task<'_>> = of_values.chain(of_gradients).collect();
                    parallel::each(tasks.into_iter(), threads, transform);
                    // Position by position, whose sums stand together: each is a matrix product of its own.
                    let positions = sums.chunks_exact_mut(self.channels * lanes).enumerate();
                    parallel::each(positions, threads, |(position, sums)| {
                        let mut accumulate = accumulate;
                        for (at, values) in values.chunks_exact(chunks * parts * part).enumerate() {
                            let gradients = &gradients[at * blocks * chunks * block..];
                            for chunk in 0..chunks {
                                let tiles = units_of(at, chunk).len() * UNIT;
                                if tiles == 0 {
                                    continue;
                                }
                                for (channels, sums) in sums.chunks_mut(CHANNELS * lanes).enumerate() {
                                    let len = sums.len() / lanes * tiles;
                                    let first = (chunk * parts + channels) * part + position * spaced(len);
                                    let values = &values[first..][..len];
                                    for of_lanes in 0..blocks {
                                        let first = (of_lanes * chunks + chunk) * block;
                                        let gradients = &gradients[first + position * spaced(tiles * width)..];
                                        let gradients = &gradients[..tiles * width];
                                        let into = &mut sums[of_lanes * width..];
                                        self.products(isa, values, gradients, tiles, [width, lanes], accumulate, into);
                                    }
                                }
                                accumulate = true;
                            }
                        }
                    });
                });
            });
            accumulate = true;
        }
    }

    /// Transforms the input of some units in some channels: `[position][channel][tile]`.
    fn transform_values(&self, isa: Isa, x: &[f32], units: Range<usize>, channels: Range<usize>, into: &mut [f32]) {
        let Tiles { ref grid, transforms, channels: of, plane, .. } = *self;
        let position = spaced(channels.len() * units.len() * UNIT);
        assert!(into.len() >= self.terms() * position, "tiles: values");
        let input = Input { isa, grid, transforms, x, images: x.len() / (of * plane), channels: of, plane };
        // SAFETY: the instruction set was detected; by the assertion there is room for these channels at all positions.
        unsafe { input.transform(units, channels, into.as_mut_ptr(), position) };
    }

    /// The places of the tiles of so many images.
    fn corners(&self, isa: Isa, images: usize) -> Vec<Corners> {
        let mut order = [0; UNIT];
        // SAFETY: the instruction set was detected.
        unsafe { (self.transforms.order)(isa, &mut order) };
        let mut corners = vec![[None; MOST_MADE]; self.grid.units(images) * UNIT];
        for (unit, corners) in corners.chunks_exact_mut(UNIT).enumerate() {
            self.grid.corners(unit, images, &order, corners);
        }
        corners
    }

    /// Adds the products at one position, of some channels and a block of lanes, over so many tiles.
    #[allow(clippy::too_many_arguments)]
    fn products(
        &self,
        isa: Isa,
        values: &[f32],
        gradients: &[f32],
        tiles: usize,
        [width, lanes]: [usize; 2],
        accumulate: bool,
        sums: &mut [f32],
    ) {
        let (channels, most) = (values.len() / tiles, tile_rows(isa, width / UNIT));
        assert!(values.len() == channels * tiles && gradients.len() == tiles * width, "tiles: values and gradients");
        assert!(sums.len() + lanes >= channels * lanes + width, "tiles: sums");
        for (values, sums) in values.chunks(most * tiles).zip(sums.chunks_mut(most * lanes)) {
            let rows = values.len() / tiles;
            let mut from = [values.as_ptr(); MOST_ROWS];
            from.iter_mut().zip(values.chunks_exact(tiles)).for_each(|(from, values)| *from = values.as_ptr());
            let tile = WeightTile {
                images: 1,
                image: 0,
                output: [1, tiles],
                pitch: 0,
                values: from,
                gradients: gradients.as_ptr(),
                sums: sums.as_mut_ptr(),
                row: lanes,
                accumulate,
            };
            // SAFETY: the instruction set was detected; values and gradients are slices of just the size that the tile
            // reads; by the assertion `sums` have `width` numbers from the beginning of each row on.
            unsafe { kernel(isa, rows, width / UNIT)(&tile) };
        }
    }

    /// The gradient of the weight, `[channel, tap][lane]`, from sums that several tasks made.
    pub(in super::super) fn collect(&self, isa: Isa, sums: &[f32], parts: usize, lanes: usize, into: &mut [f32]) {
        let (part, kind, terms) = (sums.len() / parts, self.tile, self.terms());
        compiled_for(
            isa,
            #[inline(always)]
            || {
                let channels = into.len() / (9 * lanes);
                for (channel, into) in into.chunks_exact_mut(9 * lanes).enumerate() {
                    for lane in (0..lanes).step_by(UNIT) {
                        let mut u = [[0.0; UNIT]; MOST_GATHERED];
                        for part in sums.chunks_exact(part) {
                            for (position, u) in u.iter_mut().enumerate().take(terms) {
                                let from = &part[(position * channels + channel) * lanes + lane..][..UNIT];
                                u.iter_mut().zip(from).for_each(|(u, from)| *u += from);
                            }
                        }
                        for (tap, values) in weight_adjoint(kind, &u).iter().enumerate() {
                            into[tap * lanes + lane..][..UNIT].copy_from_slice(values);
                        }
                    }
                }
            },
        );
    }
}
