//! The transformed weight, and where the tiles stand.

use super::super::microkernel::best_tile;
use super::super::problem::Problem;
use super::super::source::Source;
use super::tiles::Tiles;
use super::transform::{POSITIONS, weight};
use crate::geometry::Border;
use crate::kernels::cpu::isa::Isa;
use crate::kernels::cpu::{Recycled, parallel};

/// A 3x3 convolution at stride 1 (or its adjoint, which is one too), ready to run on any number of images.
#[derive(Debug)]
pub(in super::super) struct WinogradPlan {
    pub isa: Isa,
    /// Split into even and odd rows and columns, so that neighbouring tiles read neighbouring values.
    pub source: Source,
    /// Channels read and made.
    pub ins: usize,
    pub outs: usize,
    /// Rows and columns of the output.
    pub output: [usize; 2],
    /// Rows and columns of tiles.
    pub tiles: [usize; 2],
    /// Rows and units of a register tile.
    pub tile: (usize, usize),
    /// Where the values of the first tile stand, for every channel.
    pub offsets: Vec<u32>,
    /// Transformed weights `[position][panel][input channel][row of the panel]`.
    pub weights: Recycled<f32>,
    /// A bias that changes nothing.
    pub zeros: Vec<f32>,
}

/// Whether this algorithm can compute `problem`, forward and backward.
pub(in super::super) fn can(problem: &Problem) -> bool {
    let window = problem.window;
    (window.kernel, window.stride, window.dilation) == (3, 1, 1) && window.padding <= 2 && problem.groups == 1
}

/// Tiles times channels of a batch from which on the transformed weights, 16/9 of the weights, are worth reading.
const WORK: usize = 1 << 13;

/// Whether it pays: with fewer than 16 channels the transforms cost more than they save, with fewer than 4 rows or
/// columns too much of a tile lies outside, and with few tiles to each weight reading the weights is all the work.
pub(in super::super) fn pays(problem: &Problem, isa: Isa) -> bool {
    let channels = problem.in_channels.min(problem.out_channels);
    let side = problem.output.into_iter().chain(problem.input).min().unwrap_or(0);
    let tiles = problem.images * problem.output[0].div_ceil(2) * problem.output[1].div_ceil(2);
    isa != Isa::Plain && channels >= 16 && side >= 4 && tiles * channels >= WORK
}

/// The input of `problem`, as tiles of 4x4 values that overlap by two.
pub(super) fn source_of_input(problem: &Problem) -> Source {
    Source::strided(problem, 2, problem.output.map(|dim| 2 * dim.div_ceil(2) + 2))
}

impl WinogradPlan {
    pub(in super::super) fn forward(problem: &Problem, w: &[f32], isa: Isa) -> Self {
        let (ins, outs) = (problem.in_channels, problem.out_channels);
        let source = source_of_input(problem);
        Self::new(isa, source, [ins, outs], problem.output, |out, of| {
            std::array::from_fn(|tap| w[(out * ins + of) * 9 + tap])
        })
    }

    /// From the gradient of the output to that of the input. The border has to be of zeros.
    pub(in super::super) fn backward_data(problem: &Problem, w: &[f32], isa: Isa) -> Self {
        debug_assert!(problem.border == Border::Zero || problem.window.padding == 0);
        let (ins, outs) = (problem.out_channels, problem.in_channels);
        let needed = problem.input.map(|dim| 2 * dim.div_ceil(2) + 2);
        let source = Source::new(problem.output, 2 - problem.window.padding, 2, needed);
        Self::new(isa, source, [ins, outs], problem.input, |out, of| {
            std::array::from_fn(|tap| w[(of * outs + out) * 9 + 8 - tap])
        })
    }

    fn new(
        isa: Isa,
        source: Source,
        [ins, outs]: [usize; 2],
        output: [usize; 2],
        taps: impl Fn(usize, usize) -> [f32; 9] + Sync,
    ) -> Self {
        let tile = best_tile(isa, outs);
        let mut weights = Recycled::new(POSITIONS * ins * outs);
        // Each panel is a task, which writes its part of every position.
        let mut positions: Vec<_> = weights.chunks_exact_mut(ins * outs).map(|w| w.chunks_mut(ins * tile.0)).collect();
        let panels = (0..outs).step_by(tile.0).map(|first| {
            let parts: Vec<_> = positions.iter_mut().filter_map(Iterator::next).collect();
            (first, parts)
        });
        let panels: Vec<_> = panels.collect();
        let run = |(first, mut parts): (usize, Vec<&mut [f32]>)| {
            let rows = tile.0.min(outs - first);
            for of in 0..ins {
                for row in 0..rows {
                    let transformed = weight(&taps(first + row, of));
                    for (part, value) in parts.iter_mut().zip(transformed) {
                        part[of * rows + row] = value;
                    }
                }
            }
        };
        parallel::each(panels.into_iter(), ins * outs * POSITIONS > parallel::CHUNK, run);
        let offsets = Tiles::offsets(&source, ins, 4);
        let tiles = output.map(|dim| dim.div_ceil(2));
        WinogradPlan { isa, source, ins, outs, output, tiles, tile, offsets, weights, zeros: vec![0.0; outs] }
    }

    /// Values of one channel of the output.
    pub(super) fn places(&self) -> usize {
        self.output[0] * self.output[1]
    }
}
