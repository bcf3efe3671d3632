//! Convolution where every channel has its own kernel. There is no sum over channels to reuse values for: each plane is
//! read once for every tap, with its rows in one run, and what falls between two rows is not written out.
#![allow(unsafe_code)]

use super::Accumulate;
use super::plan::{Phase, adjoint_phases, forward_phase};
use super::shape::ConvShape;
use super::source::Source;
use crate::isa::{Isa, Vector, compiled_for, dispatch};
use crate::leaky::Step;
use crate::rows::{self, Pitched};
use crate::{parallel, scratch};
use std::ops::Range;

/// Vectors that are summed up at a time.
const VECTORS: usize = 4;

/// Longest vector.
const WIDEST: usize = 16;

/// Taps whose gradients are summed up at a time.
const TAPS: usize = 9;

/// Numbers of a plane that are summed up in `f32` at most.
pub(super) const SUMMED: usize = 1 << 12;

/// Tasks into which the sum over images of the weight's gradient is split where there are few channels.
const TASKS: usize = 8;

/// Whether every output channel reads one channel, and not so many read the same that a matrix product pays.
pub(super) fn can(shape: &ConvShape) -> bool {
    shape.group_in() == 1 && shape.group_out() <= 2
}

/// Writes `y`, or adds to what `onto` says, and then takes a step with it, if there is one.
#[allow(clippy::too_many_arguments)]
pub(super) fn forward(
    shape: &ConvShape,
    isa: Isa,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
    onto: Accumulate<'_, f32>,
    then: Option<Step<'_, f32>>,
) {
    let (outs, taps, places) = (shape.group_out(), shape.taps(), shape.places());
    if is_scaling(shape) {
        return scaled(isa, x, w, bias, y, places, onto, then);
    }
    let (source, phase) = forward_phase(shape);
    let flat = Flat::new(&source, &phase);
    let accumulate = onto != Accumulate::Nothing;
    parallel::planes(y, outs * places, |first, planes| {
        scratch::with(source.channel + WIDEST * VECTORS, |plane: &mut [f32]| {
            scratch::with(flat.padded, |made: &mut [f32]| {
                for (i, y) in planes.chunks_exact_mut(outs * places).enumerate() {
                    let (channel, plain) = ((first + i) % shape.groups, source.plain());
                    fill_plane(&source, isa, &x[(first + i) * plain..][..plain], plane);
                    if accumulate {
                        onto.begin((first + i) * outs * places, y);
                    }
                    for (out, y) in (channel * outs..).zip(y.chunks_exact_mut(places)) {
                        let w = &w[out * taps..][..taps];
                        flat.sum(isa, plane, &phase.taps, w, bias.map_or(0.0, |bias| bias[out]), made, false);
                        rows::put_all(isa, made, flat.of_run(), y, flat.of_places(), accumulate);
                    }
                    if let Some(step) = then {
                        step.part((first + i) * outs * places, y);
                    }
                }
            });
        });
    });
}

/// Whether every value is scaled by the one weight of its channel, and is read where it stands.
fn is_scaling(shape: &ConvShape) -> bool {
    shape.is_pointwise() && shape.group_out() == 1
}

/// [`forward`] where [`is_scaling`]: `places` values to a channel.
#[allow(clippy::too_many_arguments)]
fn scaled(
    isa: Isa,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
    places: usize,
    onto: Accumulate<'_, f32>,
    then: Option<Step<'_, f32>>,
) {
    assert!(x.len() == y.len(), "depthwise: lengths");
    parallel::planes(y, places, |first, planes| {
        compiled_for(
            isa,
            #[inline(always)]
            || {
                for (plane, y) in (first..).zip(planes.chunks_exact_mut(places)) {
                    let (channel, at) = (plane % w.len(), plane * places);
                    let (w, b, x) = (w[channel], bias.map_or(0.0, |bias| bias[channel]), &x[at..][..places]);
                    match onto {
                        Accumulate::Nothing => y.iter_mut().zip(x).for_each(|(y, &x)| *y = b + w * x),
                        Accumulate::Output => y.iter_mut().zip(x).for_each(|(y, &x)| *y += b + w * x),
                        Accumulate::Values(values) => {
                            let values = values[at..].iter();
                            y.iter_mut().zip(x).zip(values).for_each(|((y, &x), &v)| *y = v + (b + w * x));
                        }
                    }
                    if let Some(step) = then {
                        step.part_here(at, y);
                    }
                }
            },
        );
    });
}

/// Adds the gradient of the input to `gx`. The border has to be of zeros.
pub(super) fn backward_data(shape: &ConvShape, isa: Isa, w: &[f32], gy: &[f32], gx: &mut [f32]) {
    if is_scaling(shape) {
        return scaled(isa, gy, w, None, gx, shape.places(), Accumulate::Output, None);
    }
    let (source, phases) = adjoint_phases(shape);
    let (outs, [h, columns], step) = (shape.group_out(), shape.input, shape.window.stride);
    let Some(padded) = phases.iter().map(|phase| Flat::new(&source, phase).padded).max() else {
        return; // No tap meets the input.
    };
    parallel::planes(gx, h * columns, |first, planes| {
        scratch::with(source.channel + WIDEST * VECTORS, |plane: &mut [f32]| {
            scratch::with(phases.len() * padded, |made: &mut [f32]| {
                for (i, gx) in planes.chunks_exact_mut(h * columns).enumerate() {
                    let (channel, plain) = ((first + i) % shape.groups, outs * source.plain());
                    let gy = &gy[(first + i) * plain..][..plain];
                    for (out, gy) in gy.chunks_exact(source.plain()).enumerate() {
                        fill_plane(&source, isa, gy, plane);
                        let w = &w[(channel * outs + out) * shape.taps()..][..shape.taps()];
                        for (phase, made) in phases.iter().zip(made.chunks_exact_mut(padded)) {
                            let flat = Flat::new(&source, phase);
                            let w: Vec<f32> = phase.indices.iter().map(|&tap| w[tap]).collect();
                            flat.sum(isa, plane, &phase.taps, &w, 0.0, &mut made[..flat.padded], out > 0);
                        }
                    }
                    for (phase, made) in phases.iter().zip(made.chunks_exact(padded)) {
                        spread(isa, phase, made, source.plane[1], gx, columns, step);
                    }
                }
            });
        });
    });
}

/// Adds the rows of a phase, `pitch` numbers apart, to their places.
fn spread(isa: Isa, phase: &Phase, made: &[f32], pitch: usize, gx: &mut [f32], columns: usize, step: usize) {
    let [height, width] = phase.output;
    if step == 1 {
        let (of, to) = (Pitched { len: width, pitch }, Pitched { len: width, pitch: columns });
        return rows::put_all(isa, made, of, gx, to, true);
    }
    for (row, made) in made.chunks(pitch).take(height).enumerate() {
        let gx = &mut gx[(phase.first[0] + row * step) * columns..][..columns][phase.first[1]..];
        gx.iter_mut().step_by(step).zip(&made[..width]).for_each(|(gx, g)| *gx += g);
    }
}

/// Adds the gradient of the weight to `gw`.
pub(super) fn backward_weights(shape: &ConvShape, isa: Isa, x: &[f32], gy: &[f32], gw: &mut [f32]) {
    let (source, phase) = forward_phase(shape);
    let flat = Flat::new(&source, &phase);
    let channel = shape.group_out() * shape.taps();
    let parts = if shape.groups < TASKS { TASKS.min(shape.images) } else { 1 };
    scratch::with(parts * gw.len(), |sums: &mut [f32]| {
        let run = |(i, sums): (usize, &mut [f32])| {
            let (part, channel) = (i / shape.groups, i % shape.groups);
            let images = shape.images * part / parts..shape.images * (part + 1) / parts;
            weights_of_channel(shape, isa, &source, &flat, &phase.taps, [x, gy], channel, images, sums);
        };
        let threads = x.len() + gy.len() > parallel::CHUNK;
        parallel::each(sums.chunks_exact_mut(channel).enumerate(), threads, run);
        for part in sums.chunks_exact(gw.len()) {
            gw.iter_mut().zip(part).for_each(|(gw, g)| *gw += g);
        }
    });
}

/// Writes the sums over some images for the weights of one group.
#[allow(clippy::too_many_arguments)]
fn weights_of_channel(
    shape: &ConvShape,
    isa: Isa,
    source: &Source,
    flat: &Flat,
    taps: &[usize],
    [x, gy]: [&[f32]; 2],
    channel: usize,
    images: Range<usize>,
    sums: &mut [f32],
) {
    let (outs, places, plain) = (shape.group_out(), shape.places(), source.plain());
    scratch::with(source.channel + WIDEST * VECTORS, |plane: &mut [f32]| {
        scratch::with(flat.padded, |gradient: &mut [f32]| {
            scratch::with(sums.len() * WIDEST, |lanes: &mut [f32]| {
                lanes.fill(0.0);
                gradient.fill(0.0);
                for image in images {
                    let at = image * shape.groups + channel;
                    fill_plane(source, isa, &x[at * plain..][..plain], plane);
                    for (out, lanes) in lanes.chunks_exact_mut(taps.len() * WIDEST).enumerate() {
                        let gy = &gy[(at * outs + out) * places..][..places];
                        rows::put_all(isa, gy, flat.of_places(), gradient, flat.of_run(), false);
                        flat.products(isa, plane, taps, gradient, lanes);
                    }
                }
                for (sum, lanes) in sums.iter_mut().zip(lanes.chunks_exact(WIDEST)) {
                    *sum = lanes.iter().sum();
                }
            });
        });
    });
}

/// All gradients of a convolution whose values are each scaled by the one weight of their channel, in one pass: adds that of
/// the input to `gx`, that of the weight to `gw` and that of the bias to `gb`. Returns whether this is one.
pub(super) fn backward_scaled(
    shape: &ConvShape,
    isa: Isa,
    [x, w, gy]: [&[f32]; 3],
    gx: &mut [f32],
    gw: &mut [f32],
    gb: Option<&mut [f32]>,
) -> bool {
    if !is_scaling(shape) {
        return false;
    }
    assert!(x.len() == gx.len() && gy.len() == gx.len() && gw.len() == w.len(), "depthwise: lengths");
    let (channels, places) = (w.len(), shape.places());
    // what each plane brings to the gradients of its weight and bias
    scratch::with(2 * shape.images * channels, |brought: &mut [f64]| {
        let run = parallel::run_of_planes(places);
        let runs = gx.chunks_mut(run * places).zip(brought.chunks_mut(2 * run)).enumerate();
        parallel::each(runs, true, |(at, (gx, brought))| {
            let planes = (at * run..).zip(gx.chunks_exact_mut(places)).zip(brought.as_chunks_mut::<2>().0);
            for ((plane, gx), brought) in planes {
                let [x, gy] = [x, gy].map(|values| &values[plane * places..][..places]);
                *brought = [0.0; 2];
                for ((x, gy), gx) in x.chunks(SUMMED).zip(gy.chunks(SUMMED)).zip(gx.chunks_mut(SUMMED)) {
                    let sums = compiled_for(
                        isa,
                        #[inline(always)]
                        || pass_back(w[plane % channels], x, gy, gx),
                    );
                    brought.iter_mut().zip(sums).for_each(|(brought, sum)| *brought += f64::from(sum));
                }
            }
        });
        let brought = brought.as_chunks::<2>().0;
        let sum = |channel: usize, of: usize| {
            brought.iter().skip(channel).step_by(channels).map(|brought| brought[of]).sum::<f64>() as f32
        };
        gw.iter_mut().enumerate().for_each(|(channel, gw)| *gw += sum(channel, 0));
        for (channel, gb) in gb.into_iter().flatten().enumerate() {
            *gb += sum(channel, 1);
        }
    });
    true
}

/// Adds `w gy` to `gx`; returns the sums of `x gy` and of `gy`.
#[inline(always)]
fn pass_back(w: f32, x: &[f32], gy: &[f32], gx: &mut [f32]) -> [f32; 2] {
    let (mut products, mut totals) = ([0.0; WIDEST], [0.0; WIDEST]);
    let ((xs, x), (gys, gy), (gxs, gx)) =
        (x.as_chunks::<WIDEST>(), gy.as_chunks::<WIDEST>(), gx.as_chunks_mut::<WIDEST>());
    for ((x, gy), gx) in xs.iter().zip(gys).zip(gxs) {
        for lane in 0..WIDEST {
            gx[lane] += w * gy[lane];
            products[lane] += x[lane] * gy[lane];
            totals[lane] += gy[lane];
        }
    }
    for (((x, gy), gx), (product, total)) in x.iter().zip(gy).zip(gx).zip(products.iter_mut().zip(&mut totals)) {
        *gx += w * gy;
        *product += x * gy;
        *total += gy;
    }
    [products, totals].map(|lanes| lanes.iter().sum())
}

/// Writes one channel, and zeros behind it.
fn fill_plane(source: &Source, isa: Isa, x: &[f32], plane: &mut [f32]) {
    let (values, slack) = plane.split_at_mut(source.channel);
    source.write(isa, x, values);
    slack.fill(0.0);
}

/// The places of a phase as one run: its rows with what lies between them in the source.
struct Flat {
    pitch: usize,
    columns: usize,
    /// Length of the run, filled up to whole blocks of vectors.
    padded: usize,
}

impl Flat {
    fn new(source: &Source, phase: &Phase) -> Self {
        let ([rows, columns], pitch) = (phase.output, source.plane[1]);
        let len = (rows - 1) * pitch + columns;
        Flat { pitch, columns, padded: len.next_multiple_of(WIDEST * VECTORS) }
    }

    /// How the rows of the run stand.
    fn of_run(&self) -> Pitched {
        Pitched { len: self.columns, pitch: self.pitch }
    }

    /// How the rows of the output stand.
    fn of_places(&self) -> Pitched {
        Pitched { len: self.columns, pitch: self.columns }
    }

    fn check(&self, plane: &[f32], taps: &[usize], run: usize) {
        let last = taps.iter().max().map_or(0, |&tap| tap);
        // The last place of the last tap is in the plane, so a block of vectors ends less than a block behind it.
        assert!(run == self.padded && last + self.padded <= plane.len(), "depthwise: sizes");
    }

    /// Writes `bias + Σ w[tap] plane[place + tap]` for all places of the run, or adds it.
    #[allow(clippy::too_many_arguments)]
    fn sum(&self, isa: Isa, plane: &[f32], taps: &[usize], w: &[f32], bias: f32, into: &mut [f32], accumulate: bool) {
        self.check(plane, taps, into.len());
        let (plane, into) = (plane.as_ptr(), Run { at: into.as_mut_ptr(), len: into.len(), accumulate });
        // SAFETY: `check` put all places of all taps inside the plane, and made the run one of whole blocks.
        unsafe { sum(isa, plane, taps, w, bias, into) }
    }

    /// Adds `plane[place + tap] * gradient[place]` over all places of the run to 16 sums for each tap.
    fn products(&self, isa: Isa, plane: &[f32], taps: &[usize], gradient: &[f32], sums: &mut [f32]) {
        self.check(plane, taps, gradient.len());
        assert_eq!(sums.len(), taps.len() * WIDEST, "depthwise: sizes");
        for (taps, sums) in taps.chunks(TAPS).zip(sums.chunks_mut(TAPS * WIDEST)) {
            // SAFETY: as above; there are 16 sums for each tap.
            unsafe { products(isa, plane.as_ptr(), taps, gradient, sums.as_mut_ptr()) }
        }
    }
}

/// Numbers to write.
#[derive(Clone, Copy)]
struct Run {
    at: *mut f32,
    len: usize,
    accumulate: bool,
}

dispatch! {
    /// # Safety
    /// `run.len` is a multiple of `WIDEST * VECTORS`; as many numbers may be written, and read from each tap on.
    sum, sum_by, (plane: *const f32, taps: &[usize], w: &[f32], bias: f32, run: Run)
}

dispatch! {
    /// # Safety
    /// As many numbers as there are gradients (a multiple of `WIDEST`) may be read from each of at most `TAPS` taps on,
    /// and 16 written for each tap.
    products, products_by, (plane: *const f32, taps: &[usize], gradient: &[f32], sums: *mut f32)
}

#[inline(always)]
unsafe fn sum_by<V: Vector>(plane: *const f32, taps: &[usize], w: &[f32], bias: f32, run: Run) {
    // SAFETY (of the whole body): the caller's.
    unsafe {
        for at in (0..run.len).step_by(V::LANES * VECTORS) {
            let mut sums = [V::splat(bias); VECTORS];
            for (&tap, &w) in taps.iter().zip(w) {
                let w = V::splat(w);
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add_product(w, V::load(plane.add(tap + at + v * V::LANES)));
                }
            }
            for (v, sum) in sums.into_iter().enumerate() {
                let to = run.at.add(at + v * V::LANES);
                if run.accumulate { V::load(to).add(sum).store(to) } else { sum.store(to) }
            }
        }
    }
}

#[inline(always)]
unsafe fn products_by<V: Vector>(plane: *const f32, taps: &[usize], gradient: &[f32], sums: *mut f32) {
    macro_rules! by_count {
        ($($n:literal)*) => {
            match taps.len() {
                // SAFETY: the caller's.
                $($n => unsafe { some_products::<V, $n>(plane, taps, gradient, sums) },)*
                _ => {}
            }
        };
    }
    by_count!(1 2 3 4 5 6 7 8 9);
}

#[inline(always)]
unsafe fn some_products<V: Vector, const N: usize>(plane: *const f32, taps: &[usize], gradient: &[f32], to: *mut f32) {
    // SAFETY (of the whole body): the caller's; lanes past the first vector of a tap's 16 sums stay as they are.
    unsafe {
        let mut sums = [V::splat(0.0); N];
        let mut from = [plane; N];
        for (from, &tap) in from.iter_mut().zip(taps) {
            *from = plane.add(tap);
        }
        for at in (0..gradient.len()).step_by(V::LANES) {
            let gradient = V::load(gradient.as_ptr().add(at));
            for n in 0..N {
                sums[n] = sums[n].add_product(gradient, V::load(from[n].add(at)));
            }
        }
        for (n, sum) in sums.into_iter().enumerate() {
            let to = to.add(n * WIDEST);
            V::load(to).add(sum).store(to);
        }
    }
}
