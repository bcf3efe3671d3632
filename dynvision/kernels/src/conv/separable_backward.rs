//! Gradients of a convolution of each channel before one of single places, a few images at a time: what is between the two, made
//! again, and its gradient stay in the second cache.

use super::batch::SERIAL;
use super::depthwise::SUMMED;
use super::depthwise_backward::LANES;
use super::implicit;
use super::microkernel::UNIT;
use super::plan::ImplicitPlan;
use super::separable::Depthwise;
use super::shape::ConvShape;
use super::weights::{Part, Sums};
use crate::isa::{Isa, compiled_for};
use crate::{parallel, scratch};

/// Places of all images that are worked on together, if one alone has not more.
const PLACES: usize = 64;

/// Parts below which the threads are better used by one gradient after the other.
const FEWEST: usize = 4;

/// Whether a second thread brings more than it costs.
fn threads(point: &ConvShape) -> bool {
    point.images * point.depth() * point.output_len() > SERIAL
}

/// Whether all threads have work that is split into the parts that the images are summed up in.
pub(super) fn pays(point: &ConvShape, parts: usize) -> bool {
    !threads(point) || parts >= FEWEST
}

/// Both convolutions.
pub(super) struct Pair<'a> {
    pub isa: Isa,
    pub depthwise: Depthwise<'a>,
    pub point: ConvShape,
    /// The weight of the second one.
    pub w: &'a [f32],
    /// Its adjoint.
    pub adjoint: &'a ImplicitPlan,
}

/// What one task adds to: the sums of the gradient of the second weight, the gradient of the input, that of the first weight,
/// and the sum of `gy` for each channel.
struct Task<'a> {
    part: Part<'a>,
    gx: &'a mut [f32],
    gw: &'a mut [f32],
    totals: &'a mut [f64],
}

impl Pair<'_> {
    /// Adds the gradient of the input to `gx`, those of the weights to `gw` and `sums`, and those of the biases to theirs.
    pub(super) fn backward(
        &self,
        x: &[f32],
        gy: &[f32],
        gx: &mut [f32],
        gw: &mut [f32],
        biases: [Option<&mut [f32]>; 2],
        sums: &mut Sums,
    ) {
        let (outs, parts) = (self.point.out_channels, sums.parts());
        scratch::with(parts.len() * gw.len(), |weights: &mut [f32]| {
            scratch::with(parts.len() * outs, |totals: &mut [f64]| {
                let (mut rest, mut tasks) = (gx, Vec::new());
                let each = weights.chunks_exact_mut(gw.len()).zip(totals.chunks_exact_mut(outs));
                for (part, (gw, totals)) in parts.into_iter().zip(each) {
                    let (gx, others) = rest.split_at_mut(part.images.len() * self.point.input_len());
                    tasks.push(Task { part, gx, gw, totals });
                    rest = others;
                }
                parallel::each(tasks.into_iter(), threads(&self.point), |task| self.run(task, x, gy));
                for part in weights.chunks_exact(gw.len()) {
                    gw.iter_mut().zip(part).for_each(|(gw, g)| *gw += g);
                }
                self.biases(totals, biases);
            });
        });
    }

    /// Some images, a few at a time.
    fn run(&self, Task { mut part, gx, gw, totals }: Task<'_>, x: &[f32], gy: &[f32]) {
        let (takes, gives, some) =
            (self.point.input_len(), self.point.output_len(), PLACES.div_ceil(self.point.places()));
        totals.fill(0.0);
        scratch::with(gw.len() * LANES, |lanes: &mut [f32]| {
            lanes.fill(0.0);
            for (first, gx) in part.images.clone().step_by(some).zip(gx.chunks_mut(some * takes)) {
                let (x, gy) = (&x[first * takes..][..gx.len()], &gy[first * gives..][..gx.len() / takes * gives]);
                self.add_totals(gy, totals);
                scratch::with(gx.len(), |between: &mut [f32]| {
                    implicit::run_here(self.adjoint, gy, between);
                    self.add_weights(x, gy, &mut part);
                    self.depthwise.backward(self.isa, x, between, gx, lanes);
                });
            }
            for (gw, lanes) in gw.iter_mut().zip(lanes.chunks_exact(LANES)) {
                *gw = lanes.iter().sum();
            }
        });
    }

    /// Adds the gradient of the second weight, for which what the first convolution makes is made again.
    fn add_weights(&self, x: &[f32], gy: &[f32], part: &mut Part<'_>) {
        let (images, channels, most) =
            (x.len() / self.point.input_len(), self.point.in_channels, Depthwise::most_units(self.isa));
        let places = images * self.point.places();
        scratch::with(channels * most * UNIT, |between: &mut [f32]| {
            for first in (0..places).step_by(most * UNIT) {
                let some = first..places.min(first + most * UNIT);
                let units = some.start / UNIT..some.end.div_ceil(UNIT);
                let width = units.len() * UNIT;
                self.depthwise.fill(self.isa, x, images, units, 0..channels, between);
                part.add(some, between, width, gy);
            }
        });
    }

    /// Adds the sum over places for each channel.
    fn add_totals(&self, gy: &[f32], totals: &mut [f64]) {
        for image in gy.chunks_exact(self.point.output_len()) {
            for (total, gy) in totals.iter_mut().zip(image.chunks_exact(self.point.places())) {
                *total += compiled_for(
                    self.isa,
                    #[inline(always)]
                    || sum(gy),
                );
            }
        }
    }

    /// Adds the gradients of the biases, of which the first one's passes through the second weight as that of any place does.
    fn biases(&self, totals: &[f64], [first, second]: [Option<&mut [f32]>; 2]) {
        let outs = self.point.out_channels;
        let total = |out: usize| totals.iter().skip(out).step_by(outs).sum::<f64>();
        let totals: Vec<f64> = (0..outs).map(total).collect();
        if let Some(gb) = first {
            let mut through = vec![0.0; gb.len()];
            for (w, total) in self.w.chunks_exact(gb.len()).zip(&totals) {
                through.iter_mut().zip(w).for_each(|(sum, &w)| *sum += f64::from(w) * total);
            }
            gb.iter_mut().zip(&through).for_each(|(gb, &sum)| *gb += sum as f32);
        }
        if let Some(gb) = second {
            gb.iter_mut().zip(&totals).for_each(|(gb, &total)| *gb += total as f32);
        }
    }
}

/// The sum, in parts that do not wait for each other.
#[inline(always)]
fn sum(values: &[f32]) -> f64 {
    let mut sum = 0.0;
    for values in values.chunks(SUMMED) {
        let (chunks, rest) = values.as_chunks::<LANES>();
        let mut lanes = [0.0; LANES];
        for chunk in chunks {
            lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
        }
        sum += lanes.iter().chain(rest).map(|&value| f64::from(value)).sum::<f64>();
    }
    sum
}
