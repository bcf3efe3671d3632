//! The transformed weight, and where the tiles stand.

use super::super::microkernel::{MOST_ROWS, UNIT, best_tile};
use super::super::padded::Padded;
use super::super::shape::ConvShape;
use super::grid::Grid;
use super::tile::Tile;
use super::transform::{POSITIONS, Positions, Transforms, weights as weights_of};
use crate::geometry::Border;
use crate::isa::Isa;
use crate::{Recycled, parallel};
use std::ops::Range;

/// A 3x3 convolution or its adjoint, ready to run on any number of images.
#[derive(Debug)]
pub(in super::super) struct WinogradPlan {
    pub isa: Isa,
    /// Products for each pair of channels.
    pub positions: usize,
    /// How the input is mirrored before it is read.
    pub mirror: Option<Padded>,
    /// Values of one channel of the input as it comes, and as it is read.
    pub plain: usize,
    pub plane: usize,
    pub(super) grid: Grid,
    pub(super) transforms: Transforms,
    /// Channels read and made.
    pub ins: usize,
    pub outs: usize,
    /// Values of one channel of the output.
    pub places: usize,
    /// What the lanes of a vector of products are.
    pub lanes: Lanes,
    /// Rows and units of a register tile.
    pub tile: (usize, usize),
    /// Transformed weights `[position][panel][input channel][row of the panel]`; where output channels are the lanes
    /// `[panel][position][input channel][lane]`, with zeros up to whole units.
    pub weights: Recycled,
    /// A bias that changes nothing.
    pub zeros: Vec<f32>,
}

/// What the lanes of a vector of products are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Lanes {
    /// Tiles, for which a weight is read once.
    Tiles,
    /// Output channels, where there are fewer tiles than fill a vector, and they are in one.
    Channels,
}

impl Lanes {
    /// Those for so many images of an output.
    pub(in super::super) fn of(tile: Tile, images: usize, output: [usize; 2]) -> Self {
        let [rows, columns] = tile.made();
        let tiles = images * output[0].div_ceil(rows) * output[1].div_ceil(columns);
        let units = Grid::new(tile, output, output, 0).units(images);
        if tiles < UNIT && units == 1 { Lanes::Channels } else { Lanes::Tiles }
    }

    /// Rows and units of a register tile for `outs` channels of output.
    fn tile(self, isa: Isa, outs: usize) -> (usize, usize) {
        match (self, isa) {
            (Lanes::Tiles, _) => best_tile(isa, outs),
            (Lanes::Channels, Isa::Avx512) => (12, 2),
            (Lanes::Channels, Isa::Avx2 | Isa::Neon) => (6, 1),
            (Lanes::Channels, Isa::Plain) => (4, 1),
        }
    }
}

/// Whether this algorithm can compute `shape`, forward and backward.
pub(in super::super) fn can(shape: &ConvShape) -> bool {
    let window = shape.window;
    let fits = match window.stride {
        1 => window.padding <= 2,
        // The adjoint knows one order of rows that have one tap and two.
        2 => window.padding == 1 && shape.border == Border::Zero,
        _ => false,
    };
    (window.kernel, window.dilation) == (3, 1) && fits && shape.groups == 1
}

/// Channels from which on the transforms cost less than they save.
const CHANNELS: usize = 16;

/// Places of a batch from which on the transformed weights, 16/9 of the weights and more, are worth reading.
const PLACES: usize = 64;

/// The tiles that pay, if any do: with fewer [`CHANNELS`] the transforms cost more than they save, where too much of the pieces
/// lies outside the map so do the products, and with few places to each weight reading the weights is all the work.
pub(in super::super) fn pays(shape: &ConvShape, isa: Isa) -> Option<Tile> {
    let channels = shape.in_channels.min(shape.out_channels);
    let places = shape.places();
    let grid = |tile| Grid::new(tile, shape.input, shape.output, shape.window.padding);
    // Register tiles of products, which are filled up where there are few.
    let products = |tile: Tile| grid(tile).units(shape.images) * tile.positions();
    let best = match shape.window.stride {
        2 => Tile::Halving,
        _ if products(Tile::TwoByFour) < products(Tile::Two) => Tile::TwoByFour,
        _ => Tile::Two,
    };
    let fills = 2 * grid(if best == Tile::Halving { best } else { Tile::Two }).computed() <= 3 * places;
    (isa != Isa::Plain && channels >= CHANNELS && fills && shape.images * places >= PLACES).then_some(best)
}

/// Transformed weights that are worth reading for few tiles: those that stay in a large cache from step to step.
const WEIGHTS: usize = 1 << 21;

/// The tiles that pay where they are so few that output channels are the lanes. An implicit product has vectors of places, which
/// do not get shorter with them, and as many products as there are taps. At stride 2 it is no slower, and needs no transformed
/// weights.
pub(in super::super) fn pays_for_few(shape: &ConvShape, isa: Isa) -> Option<Tile> {
    let (tile, ins, outs) = (Tile::Two, shape.in_channels, shape.out_channels);
    let few = Lanes::of(tile, shape.images, shape.output) == Lanes::Channels;
    let cached = tile.positions().saturating_mul(ins).saturating_mul(outs) <= WEIGHTS;
    let pays = shape.window.stride == 1 && ins.min(outs) >= CHANNELS && few && cached;
    (isa != Isa::Plain && pays).then_some(tile)
}

impl WinogradPlan {
    pub(in super::super) fn forward(tile: Tile, lanes: Lanes, shape: &ConvShape, w: &[f32], isa: Isa) -> Self {
        let (ins, outs, padding) = (shape.in_channels, shape.out_channels, shape.window.padding);
        let mirror = (shape.border == Border::Reflect && padding > 0).then(|| Padded::new(shape));
        let (input, lead) = mirror.map_or((shape.input, padding), |mirror| (mirror.dims, 0));
        let grid = Grid::new(tile, input, shape.output, lead);
        let plan = Self::new(isa, tile, lanes, grid, [ins, outs], |out, of| {
            std::array::from_fn(|tap| w[(out * ins + of) * 9 + tap])
        });
        let plain = shape.input[0] * shape.input[1];
        WinogradPlan { mirror, plain, plane: input[0] * input[1], places: shape.places(), ..plan }
    }

    /// From the gradient of the output to that of the input. The border has to be of zeros.
    pub(in super::super) fn backward_data(tile: Tile, lanes: Lanes, shape: &ConvShape, w: &[f32], isa: Isa) -> Self {
        debug_assert!(shape.border == Border::Zero || shape.window.padding == 0);
        let (ins, outs) = (shape.out_channels, shape.in_channels);
        let lead = if tile == Tile::Doubling { 0 } else { 2 - shape.window.padding };
        let grid = Grid::new(tile, shape.output, shape.input, lead);
        let plan = Self::new(isa, tile, lanes, grid, [ins, outs], |out, of| {
            std::array::from_fn(|tap| w[(of * outs + out) * 9 + 8 - tap])
        });
        let plain = shape.places();
        WinogradPlan { plain, plane: plain, places: shape.input[0] * shape.input[1], ..plan }
    }

    fn new(
        isa: Isa,
        kind: Tile,
        lanes: Lanes,
        grid: Grid,
        [ins, outs]: [usize; 2],
        taps: impl Fn(usize, usize) -> [f32; 9] + Sync,
    ) -> Self {
        let (tile, positions) = (lanes.tile(isa, outs), kind.positions());
        // The taps from one input channel to some of the output, transformed.
        let transform = |channels: Range<usize>, of: usize, into: &mut Positions| {
            let mut panel = [[0.0; UNIT]; 9];
            for (row, out) in channels.enumerate() {
                for (tap, value) in panel.iter_mut().zip(taps(out, of)) {
                    tap[row] = value;
                }
            }
            weights_of(isa, kind, &panel, into);
        };
        let width = match lanes {
            Lanes::Tiles => tile.0,
            Lanes::Channels => tile.1 * UNIT,
        };
        let padded = if lanes == Lanes::Tiles { outs } else { outs.next_multiple_of(UNIT) };
        let mut weights = Recycled::new(positions * ins * padded);
        // Each panel is a task, which writes its part of every position.
        let panels = (0..outs).step_by(width).map(|first| first..outs.min(first + width));
        let large = weights.len() > parallel::CHUNK;
        match lanes {
            Lanes::Tiles => {
                let mut parts: Vec<_> =
                    weights.chunks_exact_mut(ins * outs).map(|w| w.chunks_mut(ins * width)).collect();
                let panels = panels.map(|channels| {
                    let parts: Vec<_> = parts.iter_mut().filter_map(Iterator::next).collect();
                    (channels, parts)
                });
                let panels: Vec<_> = panels.collect();
                parallel::each(panels.into_iter(), large, |(channels, mut parts)| {
                    let (rows, mut made) = (channels.len(), [[0.0; UNIT]; POSITIONS]);
                    for of in 0..ins {
                        transform(channels.clone(), of, &mut made);
                        for (part, transformed) in parts.iter_mut().zip(&made) {
                            part[of * rows..][..rows].copy_from_slice(&transformed[..rows]);
                        }
                    }
                });
            }
            Lanes::Channels => {
                let panels: Vec<_> = panels.zip(weights.chunks_mut(positions * ins * width)).collect();
                parallel::each(panels.into_iter(), large, |(channels, panel)| {
                    let (lanes, mut made) = (channels.len().next_multiple_of(UNIT), [[0.0; UNIT]; POSITIONS]);
                    for (unit, first) in channels.clone().step_by(UNIT).enumerate() {
                        for of in 0..ins {
                            transform(first..channels.end.min(first + UNIT), of, &mut made);
                            for (part, transformed) in panel.chunks_exact_mut(ins * lanes).zip(&made) {
                                part[of * lanes + unit * UNIT..][..UNIT].copy_from_slice(transformed);
                            }
                        }
                    }
                });
            }
        }
        let (mirror, transforms, zeros) = (None, Transforms::of(kind, grid.width), vec![0.0; outs.max(MOST_ROWS)]);
        WinogradPlan {
            isa,
            positions,
            mirror,
            plain: 0,
            plane: 0,
            grid,
            transforms,
            ins,
            outs,
            places: 0,
            lanes,
            tile,
            weights,
            zeros,
        }
    }
}
