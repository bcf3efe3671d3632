//! What a convolution needs that does not change from call to call: packed weights and the places of its taps.

use super::microkernel::{UNIT, best_tile};
use super::shape::ConvShape;
use super::source::Source;
use crate::isa::Isa;
use crate::{Recycled, parallel};

/// The weights of one group, in panels of `rows` output channels: `[panel][term][row]`. The last panel has just the
/// rows that are left.
#[derive(Debug)]
pub(super) struct Panels {
    pub values: Recycled,
}

impl Panels {
    /// Packs the weights of `outs` channels, each of `ins` times `taps`: `weight(out, of, tap)`.
    fn pack(
        outs: usize,
        [ins, taps]: [usize; 2],
        rows: usize,
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let depth = ins * taps;
        let mut values = Recycled::new(outs * depth);
        let threads = values.len() > parallel::CHUNK;
        parallel::parts(&mut values, rows * depth, threads, |panel, values| {
            let first = panel * rows;
            let mut terms = values.chunks_exact_mut(rows.min(outs - first));
            for of in 0..ins {
                for (tap, term) in (0..taps).zip(&mut terms) {
                    for (out, value) in (first..).zip(term) {
                        *value = weight(out, of, tap);
                    }
                }
            }
        });
        Panels { values }
    }
}

/// A sum over taps at stride 1 that makes the values of the output at `first`, `first + step`, ...
#[derive(Debug)]
pub(super) struct Phase {
    /// Row and column of the first value in the whole output.
    pub first: [usize; 2],
    /// Rows and columns that this phase makes.
    pub output: [usize; 2],
    /// Where, in a channel of the source, each tap of the first value stands.
    pub taps: Vec<usize>,
    /// Which tap of the weight each of them is.
    pub indices: Vec<usize>,
}

/// A phase with the weights of a whole convolution.
#[derive(Debug)]
pub(super) struct PhaseWeights {
    pub phase: Phase,
    /// Where every term (channel, tap) of a group stands.
    pub offsets: Vec<u32>,
    /// One for each group.
    pub panels: Vec<Panels>,
    /// Whether the same place of all channels competes for few lines of the first cache, so that each panel would read them from
    /// the second one again.
    pub collides: bool,
}

/// Numbers between channels of which every multiple falls on the same few lines of the first cache.
const COLLIDING: usize = 256;

impl PhaseWeights {
    /// Values of one channel that this part makes.
    pub(super) fn places(&self) -> usize {
        self.phase.output[0] * self.phase.output[1]
    }

    /// Whether every vector of places lies in one row.
    pub(super) fn is_whole(&self) -> bool {
        self.phase.output[1].is_multiple_of(UNIT)
    }

    /// Whether values are read from where they stand, and nothing is packed.
    pub(super) fn is_direct(&self) -> bool {
        self.is_whole() && !self.collides
    }
}

/// A convolution or its adjoint, ready to run on any number of images.
#[derive(Debug)]
pub(super) struct ImplicitPlan {
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
    pub parts: Vec<PhaseWeights>,
    /// Rows and units of a tile.
    pub tile: (usize, usize),
    /// A bias that changes nothing.
    pub zeros: Vec<f32>,
}

impl ImplicitPlan {
    /// Values of one channel of the output.
    pub(super) fn places(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Products that one image costs.
    pub(super) fn products(&self) -> usize {
        self.groups * self.outs * self.parts.iter().map(|part| part.places() * part.offsets.len()).sum::<usize>()
    }

    /// The convolution itself.
    pub(super) fn forward(shape: &ConvShape, w: &[f32], isa: Isa) -> Self {
        let shape = &shape.flattened();
        let (ins, outs, depth) = (shape.group_in(), shape.group_out(), shape.depth());
        let (source, phase) = forward_phase(shape);
        ImplicitPlan::new(shape, isa, source, vec![phase], [ins, outs], shape.output, 1, |group, out, of, tap| {
            w[(group * outs + out) * depth + of * shape.taps() + tap]
        })
    }

    /// Its adjoint, from the gradient of the output to that of the input. The border has to be of zeros.
    pub(super) fn backward_data(shape: &ConvShape, w: &[f32], isa: Isa) -> Self {
        let shape = &shape.flattened();
        // The roles of the channels are exchanged.
        let (ins, outs) = (shape.group_out(), shape.group_in());
        let (source, phases) = adjoint_phases(shape);
        let step = shape.window.stride;
        ImplicitPlan::new(shape, isa, source, phases, [ins, outs], shape.input, step, |group, out, of, tap| {
            w[((group * ins + of) * outs + out) * shape.taps() + tap]
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn new(
        shape: &ConvShape,
        isa: Isa,
        source: Source,
        phases: Vec<Phase>,
        [ins, outs]: [usize; 2],
        output: [usize; 2],
        step: usize,
        weight: impl Fn(usize, usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let (groups, tile) = (shape.groups, best_tile(isa, outs));
        let part = |phase: Phase| {
            let taps = phase.taps.len();
            let of_group = |group: usize| {
                Panels::pack(outs, [ins, taps], tile.0, |out, of, tap| weight(group, out, of, phase.indices[tap]))
            };
            let panels = (0..groups).map(of_group).collect();
            let offsets = (0..ins).flat_map(|c| phase.taps.iter().map(move |tap| (c, tap)));
            let offsets = offsets.map(|(c, tap)| (c * source.channel + tap) as u32).collect();
            let collides = ins > 8 && outs > tile.0 && source.channel.is_multiple_of(COLLIDING);
            PhaseWeights { phase, offsets, panels, collides }
        };
        let parts = phases.into_iter().map(part).collect();
        ImplicitPlan { isa, groups, ins, outs, output, step, parts, tile, zeros: vec![0.0; outs], source }
    }
}

/// How the input of a convolution is read, and the taps that every place sums up.
pub(super) fn forward_phase(shape: &ConvShape) -> (Source, Phase) {
    let source = Source::of_input(shape);
    let taps = taps_of_input(shape, &source);
    let phase = Phase { first: [0, 0], output: shape.output, taps, indices: (0..shape.taps()).collect() };
    (source, phase)
}

/// How the gradient of the output is read, and which of its values the gradient of the input sums up: for every
/// remainder of rows and columns by the stride, other taps. The border has to be of zeros.
pub(super) fn adjoint_phases(shape: &ConvShape) -> (Source, Vec<Phase>) {
    let axes = [0, 1].map(|axis| Axis::phases(shape, axis));
    let shifts = axes.iter().flatten().flat_map(|part| part.taps.iter().map(|&(_, shift)| shift));
    let lead = shifts.min().map_or(0, |least| (-least).max(0));
    let needed = [0, 1].map(|axis: usize| {
        let ends = axes[axis].iter().flat_map(|part| part.taps.iter().map(|&(_, shift)| shift + part.len as isize));
        (ends.max().unwrap_or(0) + lead).max(1) as usize
    });
    let source = Source::new(shape.output, lead as usize, 1, needed);
    let kernel = shape.window.kernel;
    let [rows, columns] = &axes;
    let pairs = rows.iter().flat_map(|rows| columns.iter().map(move |columns| (rows, columns)));
    let phase = |(rows, columns): (&Axis, &Axis)| {
        let taps = || rows.taps.iter().flat_map(|row| columns.taps.iter().map(move |column| (row, column)));
        Phase {
            first: [rows.first, columns.first],
            output: [rows.len, columns.len],
            taps: taps().map(|(r, c)| source.index((r.1 + lead) as usize, (c.1 + lead) as usize)).collect(),
            indices: taps().map(|(r, c)| r.0 * kernel + c.0).collect(),
        }
    };
    let phases = pairs.map(phase).filter(|phase| !phase.taps.is_empty()).collect();
    (source, phases)
}

/// Where the taps of the first place stand in a channel of the padded input.
pub(super) fn taps_of_input(shape: &ConvShape, source: &Source) -> Vec<usize> {
    let (kernel, dilation) = (shape.window.kernel, shape.window.dilation);
    (0..shape.taps()).map(|tap| source.index(tap / kernel * dilation, tap % kernel * dilation)).collect()
}

/// Along one dimension: the inputs at `first`, `first + stride`, ... with the taps that meet them.
struct Axis {
    first: usize,
    len: usize,
    /// Each tap with the place whose gradient it brings to the first of these inputs.
    taps: Vec<(usize, isize)>,
}

impl Axis {
    fn phases(shape: &ConvShape, axis: usize) -> Vec<Axis> {
        let (window, dim) = (shape.window, shape.input[axis]);
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
