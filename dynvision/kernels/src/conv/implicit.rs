//! Convolution as an implicit matrix product: registers hold a tile of output channels by places, weights come packed,
//! values come straight from the padded input or from a small packed panel of it, and nothing is written but the output.
#![allow(unsafe_code)]

use super::Accumulate;
use super::batch::{self, Addend, Channels, Cut, Output, Split};
use super::microkernel::{MOST_ROWS, MOST_UNITS, OutputTile, UNIT, kernel};
use super::packed::{Piece, Pieces};
use super::plan::{ImplicitPlan, PhaseWeights};
use super::separable::Depthwise;
use super::shape::ConvShape;
use crate::isa::prefetch;
use crate::leaky::Step;
use crate::{parallel, scratch};
use std::ops::Range;
use std::{ptr, slice};

/// Numbers of a packed panel, which has to stay in the first cache beside the weights.
const PANEL: usize = 30 * 1024 / size_of::<f32>();

/// Whether the places of all taps can be counted in the 32 bits that a plan has for them.
pub(super) fn can(shape: &ConvShape) -> bool {
    let largest = shape.input.into_iter().chain(shape.output).max().unwrap_or(0);
    let side = largest + 2 * shape.window.padding + shape.window.extent() + shape.window.stride;
    let channels = shape.in_channels.max(shape.out_channels);
    side.checked_mul(side).and_then(|plane| plane.checked_mul(channels)).is_some_and(|len| u32::try_from(len).is_ok())
}

/// Runs `plan` on all images of `x`: writes `y`, or adds to what `onto` says, and then takes a step with it, if there is one.
pub(super) fn run(
    plan: &ImplicitPlan,
    x: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
    onto: Accumulate<'_, f32>,
    then: Option<Step<'_, f32>>,
) {
    run_after(None, plan, x, bias, y, onto, then);
}

/// [`run`] on what a convolution of each channel makes of `x`, if there is one. `plan` is of single places then.
pub(super) fn run_after(
    depthwise: Option<Depthwise<'_>>,
    plan: &ImplicitPlan,
    x: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
    onto: Accumulate<'_, f32>,
    then: Option<Step<'_, f32>>,
) {
    let is_whole = plan.parts.len() == 1 && plan.step == 1;
    assert!(is_whole || onto == Accumulate::Output, "what lies between the parts of an adjoint has to be defined");
    let (takes, gives) = (plan.groups * plan.ins * plan.source.plain(), plan.groups * plan.outs * plan.places());
    let images = y.len() / gives;
    assert!(y.len() == images * gives && x.len() == images * takes, "convolution: lengths");
    let output = Output { at: y.as_mut_ptr(), image: gives, channel: plan.places() };
    let onto = output.onto(onto, y.len());
    let products = plan.products() + depthwise.map_or(0, |depthwise| depthwise.products());
    batch::split_images(images, plan.places(), products, |range, tasks| {
        for group in 0..plan.groups {
            let bias = bias.map_or(&plan.zeros[..], |bias| &bias[group * plan.outs..][..plan.outs]);
            // SAFETY: `range` is in the images, and `group` in the groups, of `y`.
            let output = unsafe { output.at(range.start, group * plan.outs) };
            // SAFETY: and so they are in what `y` is added to, which is as long.
            let onto = onto.map(|onto| unsafe { onto.at(range.start, group * plan.outs) });
            let call = Call { plan, depthwise, group, images: range.len(), bias, output, onto, tasks };
            call.run(&x[range.start * takes..range.end * takes]);
        }
        if let Some(step) = then {
            // SAFETY: the images are those of `range`, of which all groups were just written, and which nobody else reads or writes.
            unsafe { output.step(step, range, tasks) };
        }
    });
}

/// Writes `y` as [`run`] does, by the calling thread alone. There is one group.
pub(super) fn run_here(plan: &ImplicitPlan, x: &[f32], y: &mut [f32]) {
    let (takes, gives) = (plan.ins * plan.source.plain(), plan.outs * plan.places());
    let images = y.len() / gives;
    assert!(y.len() == images * gives && x.len() == images * takes && plan.groups == 1, "convolution: lengths");
    assert!(plan.parts.len() == 1 && plan.step == 1, "what lies between the parts of an adjoint has to be defined");
    let output = Output { at: y.as_mut_ptr(), image: gives, channel: plan.places() };
    let bias = &plan.zeros;
    Call { plan, depthwise: None, group: 0, images, bias, output, onto: None, tasks: 1 }.run(x);
}

/// One group of channels over some images.
struct Call<'a> {
    plan: &'a ImplicitPlan,
    /// What is done to the input first.
    depthwise: Option<Depthwise<'a>>,
    group: usize,
    images: usize,
    bias: &'a [f32],
    output: Output,
    /// What is added to the output.
    onto: Option<Addend>,
    /// Tasks to split the work into.
    tasks: usize,
}

impl Call<'_> {
    fn run(&self, x: &[f32]) {
        let ImplicitPlan { source, ins, groups, .. } = self.plan;
        let whole = self.plan.parts.iter().all(PhaseWeights::is_whole);
        if self.depthwise.is_some() || source.as_it_is && whole {
            return self.sums(&x[self.group * ins * source.plain()..], groups * ins * source.plain());
        }
        let channels = Channels { of: groups * ins, first: self.group * ins, count: *ins };
        batch::with_source(source, self.plan.isa, x, self.images, channels, self.tasks > 1, |written| {
            self.sums(written, ins * source.channel);
        });
    }

    /// All parts, reading images that are `image` numbers apart.
    fn sums(&self, source: &[f32], image: usize) {
        if let ([part], 1) = (&self.plan.parts[..], self.plan.step) {
            return self.sum(part, source, image, self.output, self.onto);
        }
        let outs = self.plan.outs;
        let lens = || self.plan.parts.iter().map(|part| self.images * outs * part.places());
        scratch::with(lens().sum(), |values: &mut [f32]| {
            let mut rest = &mut values[..];
            for (part, len) in self.plan.parts.iter().zip(lens()) {
                let (values, more) = rest.split_at_mut(len);
                let output = Output { at: values.as_mut_ptr(), image: outs * part.places(), channel: part.places() };
                self.sum(part, source, image, output, None);
                rest = more;
            }
            self.interleave(values);
        });
    }

    fn sum(&self, part: &PhaseWeights, source: &[f32], image: usize, output: Output, onto: Option<Addend>) {
        let &Call { plan, depthwise, group, images, bias, .. } = self;
        let sum = Sum { plan, depthwise, part, group, source, image, images, bias, output, onto };
        sum.run(self.tasks);
    }

    /// Adds the values of all parts to their places in the output.
    fn interleave(&self, values: &[f32]) {
        let ImplicitPlan { outs, output: [_, columns], step, .. } = *self.plan;
        parallel::tasks(self.images * outs, self.tasks > 1, |plane| {
            // SAFETY: `plane` is a channel of an image of the output, and nobody else writes it.
            let into = unsafe {
                let output = self.output.at(plane / outs, plane % outs);
                slice::from_raw_parts_mut(output.at, self.plan.places())
            };
            let mut start = 0;
            for part in &self.plan.parts {
                let values = &values[start + plane * part.places()..][..part.places()];
                start += self.images * outs * part.places();
                for (row, values) in values.chunks_exact(part.phase.output[1]).enumerate() {
                    let into =
                        &mut into[(part.phase.first[0] + row * step) * columns..][..columns][part.phase.first[1]..];
                    match step {
                        2 => add_every_second(values, into),
                        _ => into.iter_mut().step_by(step).zip(values).for_each(|(into, &v)| *into += v),
                    }
                }
            }
        });
    }
}

/// Adds `values` to every second number of `into`, in a form that compilers turn into vectors.
fn add_every_second(values: &[f32], into: &mut [f32]) {
    let (pairs, rest) = into.as_chunks_mut::<2>();
    for (pair, &value) in pairs.iter_mut().zip(values) {
        pair[0] += value;
    }
    if let ([last], Some(value)) = (rest, values.get(pairs.len())) {
        *last += value;
    }
}

/// How the channels of a sum are cut.
struct Chunks {
    /// In each chunk but the last.
    channels: usize,
    count: usize,
    /// Numbers of a chunk's packed values.
    len: usize,
}

/// One part of one group over some images.
struct Sum<'a> {
    plan: &'a ImplicitPlan,
    /// What is done to the source first.
    depthwise: Option<Depthwise<'a>>,
    part: &'a PhaseWeights,
    group: usize,
    source: &'a [f32],
    /// Numbers from one image of the source to the next.
    image: usize,
    images: usize,
    bias: &'a [f32],
    output: Output,
    /// What is added to the output.
    onto: Option<Addend>,
}

impl Sum<'_> {
    /// Whether values are read from where they stand, and nothing is packed.
    fn is_direct(&self) -> bool {
        self.depthwise.is_none() && self.part.is_direct()
    }

    /// Units of places, of which the last may be incomplete.
    fn units(&self) -> usize {
        (self.images * self.part.places()).div_ceil(UNIT)
    }

    fn run(&self, tasks: usize) {
        let blocks = self.units().div_ceil(self.plan.tile.1);
        let panels = self.plan.outs.div_ceil(self.plan.tile.0);
        // What is less is read several times.
        let cut = if blocks * self.plan.tile.1 * UNIT >= self.plan.outs { Cut::Places } else { Cut::Channels };
        let split = Split::new(tasks, blocks, panels, cut);
        if self.is_direct() || !split.shares_places() {
            return split.each(|blocks, panels| self.blocks(blocks, panels, None));
        }
        // Packed only once, for tasks that share it.
        let Chunks { count, len, .. } = self.chunks();
        scratch::with(blocks * count * len, |packed: &mut [f32]| {
            parallel::parts(packed, len, true, |part, panel| {
                self.pack(self.units_of(part / count), self.terms(part % count), panel);
            });
            let packed = &*packed;
            split.each(|blocks, panels| self.blocks(blocks, panels, Some(packed)));
        });
    }

    /// How the channels are cut, so that the values of a block and some channels stay in the first cache.
    fn chunks(&self) -> Chunks {
        let ImplicitPlan { ins, tile: (_, units), .. } = *self.plan;
        let taps = self.part.phase.taps.len();
        if self.is_direct() {
            return Chunks { channels: ins, count: 1, len: 0 };
        }
        let most = (PANEL / (units * UNIT * taps)).clamp(1, ins);
        let channels = ins.div_ceil(ins.div_ceil(most));
        Chunks { channels, count: ins.div_ceil(channels), len: channels * taps * units * UNIT + UNIT }
    }

    /// The terms of a chunk of channels.
    fn terms(&self, chunk: usize) -> Range<usize> {
        let (channels, taps) = (self.chunks().channels, self.part.phase.taps.len());
        chunk * channels * taps..self.plan.ins.min((chunk + 1) * channels) * taps
    }

    /// The units of a block: of equal numbers, so that none is too small for its latencies.
    fn units_of(&self, block: usize) -> Range<usize> {
        let (units, all) = (self.units(), self.units().div_ceil(self.plan.tile.1));
        units * block / all..units * (block + 1) / all
    }

    fn pieces(&self, units: Range<usize>) -> Pieces {
        let places = units.start * UNIT..(units.end * UNIT).min(self.images * self.part.places());
        Pieces::of(places, self.part.phase.output, self.image, self.plan.source.plane[1])
    }

    fn pack(&self, units: Range<usize>, terms: Range<usize>, panel: &mut [f32]) {
        if let Some(depthwise) = self.depthwise {
            return depthwise.fill(self.plan.isa, self.source, self.images, units, terms, panel);
        }
        let width = units.len() * UNIT;
        self.pieces(units).pack(self.plan.isa, self.source, &self.part.offsets[terms], width, panel);
    }

    /// Computes some blocks of places for some panels of channels, whose values may be `packed`, chunk by chunk of each
    /// block. No two tasks may have both in common.
    fn blocks(&self, blocks: Range<usize>, panels: Range<usize>, packed: Option<&[f32]>) {
        let (rows, most) = self.plan.tile;
        let Chunks { count, len, .. } = self.chunks();
        scratch::with(if packed.is_some() { 0 } else { len }, |panel: &mut [f32]| {
            scratch::with(rows * most * UNIT, |spilled: &mut [f32]| {
                for chunk in 0..count {
                    for block in blocks.clone() {
                        let (units, terms) = (self.units_of(block), self.terms(chunk));
                        let values = match packed {
                            Some(packed) => &packed[(block * count + chunk) * len..][..len],
                            None if len > 0 => {
                                self.pack(units.clone(), terms.clone(), panel);
                                &*panel
                            }
                            None => &[],
                        };
                        self.block(units, terms, panels.clone(), values, spilled);
                    }
                }
            });
        });
    }

    /// One block, whose values are packed unless all of its units lie in one row.
    fn block(
        &self,
        units: Range<usize>,
        terms: Range<usize>,
        panels: Range<usize>,
        packed: &[f32],
        spilled: &mut [f32],
    ) {
        let pieces = self.pieces(units.clone());
        let mut values = [packed.as_ptr(); MOST_UNITS];
        if self.is_direct() {
            let pieces =
                pieces.as_slice().iter().flat_map(|piece| (0..piece.len).step_by(UNIT).map(|i| piece.from + i));
            for (value, from) in values.iter_mut().zip(pieces) {
                *value = self.source[from..].as_ptr();
            }
        } else {
            assert!(terms.len() * units.len() * UNIT <= packed.len(), "convolution: packed values");
        }
        self.panels(units, terms, panels, values, pieces.as_slice(), spilled);
    }

    fn panels(
        &self,
        units: Range<usize>,
        terms: Range<usize>,
        panels: Range<usize>,
        values: [*const f32; MOST_UNITS],
        pieces: &[Piece],
        spilled: &mut [f32],
    ) {
        let ImplicitPlan { isa, outs, tile: (most, _), .. } = *self.plan;
        let (weights, depth) = (&self.part.panels[self.group].values, self.part.offsets.len());
        let (direct, whole) = (self.is_direct(), self.part.places().is_multiple_of(UNIT));
        let first_terms = terms.start == 0;
        // what is added to: later terms add to what the first ones wrote
        let onto = if first_terms { self.onto } else { Some(self.output.itself()) };
        let row = if whole { self.output.channel } else { units.len() * UNIT };
        let mut outputs = [spilled.as_mut_ptr(); MOST_UNITS];
        let mut addends = [ptr::null::<f32>(); MOST_UNITS];
        for i in 0..units.len() {
            let (place, channel) = ((units.start + i) * UNIT, panels.start * most);
            // SAFETY: the unit and the channel are in the output and in what it is added to, or the unit is in `spilled`,
            // which has `most * units * UNIT` numbers.
            unsafe {
                if whole {
                    outputs[i] = self.output.at.add(self.offset(place, channel));
                    addends[i] = onto.map_or(ptr::null(), |onto| onto.at.add(self.offset(place, channel)));
                } else {
                    outputs[i] = outputs[i].add(i * UNIT);
                }
            }
        }
        let mut tile = OutputTile {
            depth: terms.len(),
            weights: weights.as_ptr(),
            values,
            offsets: self.part.offsets[terms.clone()].as_ptr(),
            outputs,
            onto: if whole && onto.is_some() { Some(addends) } else { None },
            row,
            bias: self.plan.zeros.as_ptr(),
        };
        debug_assert!(most <= MOST_ROWS && units.len() <= MOST_UNITS);
        for panel in panels.clone() {
            let first = panel * most;
            let rows = most.min(outs - first);
            tile.weights = weights[first * depth + terms.start * rows..][..terms.len() * rows].as_ptr();
            if first_terms {
                tile.bias = self.bias[first..][..rows].as_ptr();
            }
            // SAFETY: the plan was made for an instruction set that was detected. Weights, bias and offsets are in their
            // slices as taken above. Direct: each unit is a piece of a row of places, so each tap of it lies in the
            // source by the plan's construction of its planes; packed: `block` checked their number. Outputs:
            // see above, and the rows of the panels before are in the output as well; no other task computes this panel of
            // this block.
            unsafe {
                if whole && panel > panels.start {
                    for output in &mut tile.outputs[..units.len()] {
                        *output = output.add(most * row);
                    }
                    for addend in tile.onto.iter_mut().flat_map(|onto| &mut onto[..units.len()]) {
                        *addend = addend.add(most * row);
                    }
                }
                if whole && panel + 1 < panels.end {
                    // where the next panel goes, and what it is added to
                    let outputs = tile.outputs[..units.len()].iter().map(|output| output.cast_const());
                    for from in outputs.chain(tile.onto.iter().flat_map(|onto| &onto[..units.len()]).copied()) {
                        (most..2 * most).for_each(|ahead| prefetch(from.wrapping_add(ahead * row)));
                    }
                }
                kernel(isa, rows, units.len(), direct)(&tile);
                if !whole {
                    self.place_spilled(spilled, units.len() * UNIT, pieces, first..first + rows, onto);
                }
            }
        }
    }

    /// How far it is from the first value of the output to a place (counted through the images) of a channel.
    fn offset(&self, place: usize, channel: usize) -> usize {
        let (places, Output { image, channel: step, .. }) = (self.part.places(), self.output);
        place / places * image + channel * step + place % places
    }

    /// Moves a tile, `width` numbers to a row, to the places of `pieces` in some channels.
    ///
    /// # Safety
    /// Pieces and channels are in the output and in what it is added to, and nobody else reads or writes there in the output.
    unsafe fn place_spilled(
        &self,
        spilled: &[f32],
        width: usize,
        pieces: &[Piece],
        channels: Range<usize>,
        onto: Option<Addend>,
    ) {
        for (channel, spilled) in channels.zip(spilled.chunks_exact(width)) {
            let mut spilled = spilled;
            for piece in pieces {
                let (values, rest) = spilled.split_at(piece.len);
                // SAFETY (of the block): the caller's; a piece lies in one row of one image, and what the output is added to is the
                // output itself or has no place in common with it.
                unsafe {
                    let offset = self.offset(piece.place, channel);
                    let into = self.output.at.add(offset);
                    match onto {
                        Some(onto) if onto.at != self.output.at.cast_const() => {
                            let addends = slice::from_raw_parts(onto.at.add(offset), piece.len);
                            let into = slice::from_raw_parts_mut(into, piece.len);
                            into.iter_mut().zip(addends).zip(values).for_each(|((into, a), v)| *into = a + v);
                        }
                        Some(_) => {
                            let into = slice::from_raw_parts_mut(into, piece.len);
                            into.iter_mut().zip(values).for_each(|(into, v)| *into += v);
                        }
                        None => slice::from_raw_parts_mut(into, piece.len).copy_from_slice(values),
                    }
                }
                spilled = rest;
            }
        }
    }
}
