//! What a convolution needs that does not change from call to call: packed weights and the places of its taps.

use super::microkernel::{UNIT, best_tile};
use super::problem::Problem;
use super::source::Source;
use crate::kernels::cpu::isa::Isa;

/// The weights of one group, in panels of `rows` output channels: `[panel][term][row]`. The last panel has just the
/// rows that are left.
#[derive(Debug)]
pub(super) struct Panels {
    pub values: Vec<f32>,
}

impl Panels {
    fn pack(channels: usize, depth: usize, rows: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        let mut values = Vec::with_capacity(channels * depth);
        for first in (0..channels).step_by(rows) {
            for term in 0..depth {
                values.extend((first..channels.min(first + rows)).map(|channel| weight(channel, term)));
            }
        }
        Panels { values }
    }
}

/// A sum over taps at stride 1 that makes the values of the output at `first`, `first + step`, ...
#[derive(Debug)]
pub(super) struct Part {
    /// Row and column of the first value in the whole output.
    pub first: [usize; 2],
    /// Rows and columns that this part makes.
    pub output: [usize; 2],
    /// Where, in a channel of the source, each tap of the first value stands.
    pub taps: Vec<usize>,
    /// The same for every term (channel, tap) of a group.
    pub offsets: Vec<u32>,
    /// One for each group.
    pub panels: Vec<Panels>,
}

impl Part {
    /// Values of one channel that this part makes.
    pub(super) fn places(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Whether every vector of places lies in one row, so that nothing has to be packed.
    pub(super) fn is_direct(&self) -> bool {
        self.output[1].is_multiple_of(UNIT)
    }
}

/// A convolution or its adjoint, ready to run on any number of images.
#[derive(Debug)]
pub(super) struct Plan {
    pub isa: Isa,
    pub source: Source,
    pub groups: usize,
    /// Channels that one group reads.
    pub ins: usize,
    /// Channels that one group makes.
    pub outs: usize,
    /// Rows and columns of the output.
    pub output: [usize; 2],
    /// Distance between the values of one part.
    pub step: usize,
    pub parts: Vec<Part>,
    /// Rows and units of a tile.
    pub tile: (usize, usize),
    /// A bias that changes nothing.
    pub zeros: Vec<f32>,
}

impl Plan {
    /// Values of one channel of the output.
    pub(super) fn places(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Products that one image costs.
    pub(super) fn products(&self) -> usize {
        self.groups * self.outs * self.parts.iter().map(|part| part.places() * part.offsets.len()).sum::<usize>()
    }

    /// The convolution itself.
    pub(super) fn forward(problem: &Problem, w: &[f32], isa: Isa) -> Self {
        let problem = &problem.flattened();
        let source = Source::of_input(problem);
        let (ins, outs, depth) = (problem.group_in(), problem.group_out(), problem.depth());
        let tile = best_tile(isa, outs);
        let taps = taps_of_input(problem, &source);
        let panels = w
            .chunks_exact(outs * depth)
            .map(|w| Panels::pack(outs, depth, tile.0, |out, term| w[out * depth + term]))
            .collect();
        let offsets = offsets(ins, &source, &taps);
        let part = Part { first: [0, 0], output: problem.output, taps, offsets, panels };
        Plan {
            isa,
            source,
            groups: problem.groups,
            ins,
            outs,
            output: problem.output,
            step: 1,
            parts: vec![part],
            tile,
            zeros: vec![0.0; outs],
        }
    }

    /// Its adjoint, from the gradient of the output to that of the input. The border has to be of zeros.
    pub(super) fn backward_data(problem: &Problem, w: &[f32], isa: Isa) -> Self {
        let problem = &problem.flattened();
        let axes = [0, 1].map(|axis| Axis::phases(problem, axis));
        let shifts = || axes.iter().flatten().flat_map(|part| part.taps.iter().map(|&(_, shift)| shift));
        let lead = shifts().min().map_or(0, |least| (-least).max(0));
        let needed = [0, 1].map(|axis: usize| {
            let ends = axes[axis].iter().flat_map(|part| part.taps.iter().map(|&(_, shift)| shift + part.len as isize));
            (ends.max().unwrap_or(0) + lead).max(1) as usize
        });
        let source = Source::new(problem.output, lead as usize, 1, needed);
        // The roles of the channels are exchanged.
        let (ins, outs, kernel) = (problem.group_out(), problem.group_in(), problem.window.kernel);
        let tile = best_tile(isa, outs);
        let mut parts = Vec::new();
        for rows in &axes[0] {
            for columns in &axes[1] {
                let pairs = || rows.taps.iter().flat_map(|row| columns.taps.iter().map(move |column| (row, column)));
                let taps: Vec<usize> = pairs()
                    .map(|(row, column)| source.index((row.1 + lead) as usize, (column.1 + lead) as usize))
                    .collect();
                let indices: Vec<usize> = pairs().map(|(row, column)| row.0 * kernel + column.0).collect();
                if taps.is_empty() {
                    continue;
                }
                let weight = |w: &[f32], out: usize, term: usize| {
                    let (channel, tap) = (term / indices.len(), indices[term % indices.len()]);
                    w[(channel * outs + out) * problem.taps() + tap]
                };
                let panels = w
                    .chunks_exact(ins * outs * problem.taps())
                    .map(|w| Panels::pack(outs, ins * taps.len(), tile.0, |out, term| weight(w, out, term)))
                    .collect();
                let offsets = offsets(ins, &source, &taps);
                let first = [rows.first, columns.first];
                parts.push(Part { first, output: [rows.len, columns.len], taps, offsets, panels });
            }
        }
        Plan {
            isa,
            source,
            groups: problem.groups,
            ins,
            outs,
            output: problem.input,
            step: problem.window.stride,
            parts,
            tile,
            zeros: vec![0.0; outs],
        }
    }
}

/// Where the taps of the first place stand in a channel of the padded input.
pub(super) fn taps_of_input(problem: &Problem, source: &Source) -> Vec<usize> {
    let (kernel, dilation) = (problem.window.kernel, problem.window.dilation);
    (0..problem.taps()).map(|tap| source.index(tap / kernel * dilation, tap % kernel * dilation)).collect()
}

fn offsets(channels: usize, source: &Source, taps: &[usize]) -> Vec<u32> {
    let each = (0..channels).flat_map(|channel| taps.iter().map(move |tap| channel * source.channel + tap));
    each.map(|offset| offset as u32).collect()
}

/// Along one dimension: the inputs at `first`, `first + stride`, ... with the taps that meet them.
struct Axis {
    first: usize,
    len: usize,
    /// Each tap with the place whose gradient it brings to the first of these inputs.
    taps: Vec<(usize, isize)>,
}

impl Axis {
    fn phases(problem: &Problem, axis: usize) -> Vec<Axis> {
        let (window, dim) = (problem.window, problem.input[axis]);
        (0..window.stride.min(dim))
            .map(|first| {
                let meets = |tap: usize| {
                    let shift = (first + window.padding) as isize - (tap * window.dilation) as isize;
                    (shift % window.stride as isize == 0).then_some((tap, shift / window.stride as isize))
                };
                let len = (dim - first).div_ceil(window.stride);
                Axis { first, len, taps: (0..window.kernel).filter_map(meets).collect() }
            })
            .collect()
    }
}
