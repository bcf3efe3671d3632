//! The transformed weight, and where the tiles stand.

use super::super::microkernel::{UNIT, best_tile};
use super::super::padded::Padded;
use super::super::shape::ConvShape;
use super::grid::Grid;
use super::tile::Tile;
use super::transform::{Transforms, weights as weights_of};
use crate::geometry::Border;
use crate::isa::Isa;
use crate::{Recycled, parallel};

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
    /// Rows and units of a register tile.
    pub tile: (usize, usize),
    /// Transformed weights `[position][panel][input channel][row of the panel]`.
    pub weights: Recycled<f32>,
    /// A bias that changes nothing.
    pub zeros: Vec<f32>,
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

/// Places of a batch from which on the transformed weights, 16/9 of the weights and more, are worth reading.
const PLACES: usize = 64;

/// The tiles that pay, if any do: with fewer than 16 channels the transforms cost more than they save, where too much of the pieces
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
    (isa != Isa::Plain && channels >= 16 && fills && shape.images * places >= PLACES).then_some(best)
}

impl WinogradPlan {
    pub(in super::super) fn forward(tile: Tile, shape: &ConvShape, w: &[f32], isa: Isa) -> Self {
        let (ins, outs, padding) = (shape.in_channels, shape.out_channels, shape.window.padding);
        let mirror = (shape.border == Border::Reflect && padding > 0).then(|| Padded::new(shape));
        let (input, lead) = mirror.map_or((shape.input, padding), |mirror| (mirror.dims, 0));
        let grid = Grid::new(tile, input, shape.output, lead);
        let plan =
            Self::new(isa, tile, grid, [ins, outs], |out, of| std::array::from_fn(|tap| w[(out * ins + of) * 9 + tap]));
        let plain = shape.input[0] * shape.input[1];
        WinogradPlan { mirror, plain, plane: input[0] * input[1], places: shape.places(), ..plan }
    }

    /// From the gradient of the output to that of the input. The border has to be of zeros.
    pub(in super::super) fn backward_data(tile: Tile, shape: &ConvShape, w: &[f32], isa: Isa) -> Self {
        debug_assert!(shape.border == Border::Zero || shape.window.padding == 0);
        let (ins, outs) = (shape.out_channels, shape.in_channels);
        let lead = if tile == Tile::Doubling { 0 } else { 2 - shape.window.padding };
        let grid = Grid::new(tile, shape.output, shape.input, lead);
        let plan = Self::new(isa, tile, grid, [ins, outs], |out, of| {
            std::array::from_fn(|tap| w[(of * outs + out) * 9 + 8 - tap])
        });
        let plain = shape.places();
        WinogradPlan { plain, plane: plain, places: shape.input[0] * shape.input[1], ..plan }
    }

    fn new(
        isa: Isa,
        kind: Tile,
        grid: Grid,
        [ins, outs]: [usize; 2],
        taps: impl Fn(usize, usize) -> [f32; 9] + Sync,
    ) -> Self {
        let (tile, positions) = (best_tile(isa, outs), kind.positions());
        let mut weights = Recycled::new(positions * ins * outs);
        // Each panel is a task, which writes its part of every position.
        let mut parts: Vec<_> = weights.chunks_exact_mut(ins * outs).map(|w| w.chunks_mut(ins * tile.0)).collect();
        let panels = (0..outs).step_by(tile.0).map(|first| {
            let parts: Vec<_> = parts.iter_mut().filter_map(Iterator::next).collect();
            (first, parts)
        });
        let panels: Vec<_> = panels.collect();
        let run = |(first, mut parts): (usize, Vec<&mut [f32]>)| {
            let rows = tile.0.min(outs - first);
            let mut panel = [[0.0; UNIT]; 9];
            for of in 0..ins {
                for row in 0..rows {
                    for (tap, value) in panel.iter_mut().zip(taps(first + row, of)) {
                        tap[row] = value;
                    }
                }
                for (part, transformed) in parts.iter_mut().zip(weights_of(isa, kind, &panel)) {
                    part[of * rows..][..rows].copy_from_slice(&transformed[..rows]);
                }
            }
        };
        parallel::each(panels.into_iter(), ins * outs * positions > parallel::CHUNK, run);
        let (mirror, transforms, zeros) = (None, Transforms::of(kind, grid.width), vec![0.0; outs]);
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
            tile,
            weights,
            zeros,
        }
    }
}
