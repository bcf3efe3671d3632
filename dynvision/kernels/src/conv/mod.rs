//! Convolution: `y[n, o, r, c] = bias[o] + Σ w[o, i, u, v] x[n, i, r s + u d - p, c s + v d - p]` over the channels `i` of
//! the group of `o` and the taps `u, v` of the window (kernel `k`, stride `s`, padding `p`, dilation `d`).
//!
//! # Shapes
//! `x`: (batch, in, rows, columns), `w`: (out, in / groups, k, k), `y`: (batch, out, places, places).

mod batch;
mod cache;
mod depthwise;
mod depthwise_backward;
mod implicit;
mod matrix;
mod microkernel;
mod packed;
mod padded;
mod plan;
mod portable;
mod separable;
mod separable_backward;
mod shape;
mod source;
mod sparse;
mod transpose;
mod weights;
mod weights_kernel;
mod winograd;

pub use cache::{Algorithm, WeightCache, with_algorithm};

use super::scalar::total;
use super::{Scalar, leaky, parallel, scratch};
use crate::error::{Result, of_one_length, require, volume};
use crate::geometry::{Border, Conv, Window};
use crate::leaky::Step;
use cache::Store;
use padded::Padded;
use shape::ConvShape;

/// What a convolution is added to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Accumulate<'a, E> {
    /// Nothing: what the output held is overwritten.
    Nothing,
    /// What the output holds.
    Output,
    /// Other values of the output's shape, which stay as they are.
    Values(&'a [E]),
}

impl<'a, E: Scalar> Accumulate<'a, E> {
    /// Writes what is added to into `y`, which is the output from number `start` on; zeros for nothing.
    fn begin(self, start: usize, y: &mut [E]) {
        match self {
            Accumulate::Nothing => y.fill(E::zero()),
            Accumulate::Output => {}
            Accumulate::Values(values) => y.copy_from_slice(&values[start..][..y.len()]),
        }
    }

    /// Refuses values that are not as many as the output has.
    fn check(self, y: usize) -> Result {
        match self {
            Accumulate::Values(values) => {
                of_one_length("convolution", [("the output", y), ("what it is added to", values.len())])
            }
            _ => Ok(()),
        }
    }

    fn as_f32(self) -> Option<Accumulate<'a, f32>> {
        match self {
            Accumulate::Nothing => Some(Accumulate::Nothing),
            Accumulate::Output => Some(Accumulate::Output),
            Accumulate::Values(values) => E::as_f32(values).map(Accumulate::Values),
        }
    }
}

/// Writes `y = conv(x) + bias`, added to what `onto` says; `then` is a step that is taken with that. `cache` belongs to this
/// weight; see [`WeightCache`].
#[allow(clippy::too_many_arguments)]
pub(crate) fn forward<E: Scalar>(
    conv: &Conv,
    x: &[E],
    xd: [usize; 4],
    w: &[E],
    wd: [usize; 4],
    bias: Option<&[E]>,
    cache: &WeightCache<E>,
    y: &mut [E],
    yd: [usize; 4],
    onto: Accumulate<'_, E>,
    then: Option<Step<'_, E>>,
) -> Result {
    let shape = ConvShape::new(conv, xd, wd, yd)?;
    shape.check(x.len(), w.len(), y.len(), bias.map(<[E]>::len))?;
    onto.check(y.len())?;
    then.map_or(Ok(()), |step| step.check(y.len()))?;
    if y.is_empty() {
        return Ok(());
    }
    let cache = cache.store();
    let (bias32, then32) = (bias.and_then(E::as_f32), then.and_then(Step::as_f32));
    let algorithm = cache.algorithm(&shape);
    let tile = algorithm.tile(&shape, false);
    if let (false, Some(tile), Some(x), Some(w)) = (shape.is_sparse(), tile, E::as_f32(x), E::as_f32(w))
        && let (Some(y), Some(onto)) = (E::as_f32_mut(y), onto.as_f32())
    {
        winograd::run(&cache.winograd(tile, &shape, false, w), x, bias32, y, onto, then32);
        return Ok(());
    }
    match (algorithm, E::as_f32(x), E::as_f32(w), E::as_f32_mut(y), onto.as_f32()) {
        _ if shape.is_sparse() => sparse::forward(&shape, x, w, bias, y, onto),
        (Algorithm::Depthwise, Some(x), Some(w), Some(y), Some(onto)) => {
            depthwise::forward(&shape, cache.isa(), x, w, bias32, y, onto, then32);
            return Ok(());
        }
        (Algorithm::Implicit, Some(x), Some(w), Some(y), Some(onto)) => {
            implicit::run(&cache.plan(&shape, false, w), x, bias32, y, onto, then32);
            return Ok(());
        }
        _ => {
            if let Accumulate::Values(values) = onto {
                parallel::chunks(y, |start, y| y.copy_from_slice(&values[start..start + y.len()]));
            }
            portable::forward(&shape, x, w, bias, y, onto != Accumulate::Nothing);
        }
    }
    if let Some(step) = then {
        leaky::forward(step, y);
    }
    Ok(())
}

/// A convolution with its weights.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a, E> {
    /// How it slides.
    pub conv: &'a Conv,
    /// The weight.
    pub w: &'a [E],
    /// Its sizes, `(out, in / groups, kernel, kernel)`.
    pub wd: [usize; 4],
    /// A number for each channel that it makes.
    pub bias: Option<&'a [E]>,
    /// What belongs to the weight.
    pub cache: &'a WeightCache<E>,
}

/// Where the gradients of a [`Filter`] are added to.
#[derive(Debug)]
pub struct FilterGradient<'a, E> {
    /// That of the weight.
    pub w: &'a mut [E],
    /// That of the bias.
    pub bias: Option<&'a mut [E]>,
}

/// Numbers between two convolutions that nobody asks about, and how many there may be for each that is read or written.
const BETWEEN: usize = 1 << 24;
const BETWEEN_EACH: usize = 1 << 8;

/// The shapes of two convolutions, of which the second one reads what the first one makes.
struct Shapes {
    first: ConvShape,
    second: ConvShape,
    /// Sizes of what is between them, and how many numbers these are.
    between: [usize; 4],
    len: usize,
}

impl Shapes {
    /// Checks all sizes, and the numbers of elements of input and output.
    fn new<E: Scalar>(
        filters: [Filter<'_, E>; 2],
        (x, xd): (usize, [usize; 4]),
        (y, yd): (usize, [usize; 4]),
    ) -> Result<Self> {
        let [first, second] = filters;
        let window = first.conv.window;
        let between = [xd[0], first.wd[0], window.output_len(xd[2]), window.output_len(xd[3])];
        let len = volume("convolution", &between)?;
        let told = [x, y, first.w.len(), second.w.len()].into_iter().fold(0usize, usize::saturating_add);
        require(len <= BETWEEN || len / BETWEEN_EACH <= told, "convolution", || {
            format!(
                "{:?} would make {between:?} of {xd:?} before the second convolution: too much for what it is made of",
                first.conv
            )
        })?;
        let shapes =
            [ConvShape::new(first.conv, xd, first.wd, between)?, ConvShape::new(second.conv, between, second.wd, yd)?];
        shapes[0].check(x, first.w.len(), len, first.bias.map(<[E]>::len))?;
        shapes[1].check(len, second.w.len(), y, second.bias.map(<[E]>::len))?;
        let [first, second] = shapes;
        Ok(Shapes { first, second, between, len })
    }

    /// Whether one kernel computes both.
    fn are_separable(&self, caches: [&Store; 2]) -> bool {
        let Shapes { first, second, .. } = self;
        !first.is_sparse()
            && !second.is_sparse()
            && (caches[0].algorithm(first), caches[1].algorithm(second)) == (Algorithm::Depthwise, Algorithm::Implicit)
            && separable::can(first, second)
    }
}

/// Writes `y = second(first(x))`, added to what `onto` says. Where the first is a convolution of each channel that keeps the
/// size of the maps, and the second one of single places, nothing is written between them. `then` is a step that is taken with
/// what is written.
pub(crate) fn separable<E: Scalar>(
    [first, second]: [Filter<'_, E>; 2],
    x: &[E],
    xd: [usize; 4],
    y: &mut [E],
    yd: [usize; 4],
    onto: Accumulate<'_, E>,
    then: Option<Step<'_, E>>,
) -> Result {
    let shapes = Shapes::new([first, second], (x.len(), xd), (y.len(), yd))?;
    onto.check(y.len())?;
    then.map_or(Ok(()), |step| step.check(y.len()))?;
    if y.is_empty() {
        return Ok(());
    }
    let caches = [first, second].map(|filter| filter.cache.store());
    if shapes.are_separable(caches)
        && let (Some(x), Some(w), Some(mixing)) = (E::as_f32(x), E::as_f32(first.w), E::as_f32(second.w))
        && let (Some(y), Some(onto)) = (E::as_f32_mut(y), onto.as_f32())
    {
        let [near_bias, bias] = [first, second].map(|filter| filter.bias.and_then(E::as_f32));
        let (reach, plan) = (caches[0].reach(&shapes.first), caches[1].plan(&shapes.second, false, mixing));
        let depthwise = separable::Depthwise { reach: &reach, w, bias: near_bias };
        implicit::run_after(Some(depthwise), &plan, x, bias, y, onto, then.and_then(Step::as_f32));
        return Ok(());
    }
    let Shapes { between, len, .. } = shapes;
    scratch::with(len, |maps: &mut [E]| {
        let Filter { conv, w, wd, bias, cache } = first;
        forward(conv, x, xd, w, wd, bias, cache, maps, between, Accumulate::Nothing, None)?;
        let Filter { conv, w, wd, bias, cache } = second;
        forward(conv, maps, between, w, wd, bias, cache, y, yd, onto, then)
    })
}

/// Adds to all gradients what `gy`, that of the output of [`separable`], passes back. Those of the weights may stay in their
/// caches until [`collect`].
pub(crate) fn separable_backward<E: Scalar>(
    [first, second]: [Filter<'_, E>; 2],
    x: &[E],
    xd: [usize; 4],
    gy: &[E],
    yd: [usize; 4],
    gx: &mut [E],
    [of_first, of_second]: [FilterGradient<'_, E>; 2],
) -> Result {
    let shapes = Shapes::new([first, second], (x.len(), xd), (gy.len(), yd))?;
    of_one_length("backward convolution", [("the input", x.len()), ("its gradient", gx.len())])?;
    for (filter, gradient) in [(first, &of_first), (second, &of_second)] {
        of_one_length("backward convolution", [("the weight", filter.w.len()), ("its gradient", gradient.w.len())])?;
        let of_bias = gradient.bias.as_ref().map_or(filter.wd[0], |gb| gb.len());
        of_one_length(
            "backward convolution",
            [("the channels", filter.wd[0]), ("the gradient of their bias", of_bias)],
        )?;
    }
    if gy.is_empty() {
        return Ok(());
    }
    let caches = [first, second].map(|filter| filter.cache.store());
    if shapes.are_separable(caches)
        && let (Some(x), Some(gy)) = (E::as_f32(x), E::as_f32(gy))
        && let (Some(gx), Some(gw)) = (E::as_f32_mut(gx), E::as_f32_mut(of_first.w))
        && let (Some(w), Some(mixing)) = (E::as_f32(first.w), E::as_f32(second.w))
        && let parts = caches[1].gather_by(Algorithm::Implicit, &shapes.second, |sums| sums.split)
        && separable_backward::pays(&shapes.second, parts)
    {
        let (reach, adjoint) = (caches[0].reach(&shapes.first), caches[1].plan(&shapes.second, true, mixing));
        let depthwise = separable::Depthwise { reach: &reach, w, bias: first.bias.and_then(E::as_f32) };
        let (isa, point) = (caches[1].isa(), shapes.second);
        let pair = separable_backward::Pair { isa, depthwise, point, w: mixing, adjoint: &adjoint };
        let biases = [of_first.bias, of_second.bias].map(|gb| gb.and_then(E::as_f32_mut));
        caches[1].gather_by(Algorithm::Implicit, &point, |sums| pair.backward(x, gy, gx, gw, biases, sums));
        return Ok(());
    }
    let Shapes { between, len, .. } = shapes;
    scratch::with(len, |maps: &mut [E]| {
        scratch::with(len, |gradient: &mut [E]| {
            let Filter { conv, w, wd, bias, cache } = first;
            forward(conv, x, xd, w, wd, bias, cache, maps, between, Accumulate::Nothing, None)?;
            gradient.fill(E::zero());
            let (gm, FilterGradient { w: gw, bias: gb }) = (Some(&mut *gradient), of_second);
            backward(second.conv, maps, between, second.w, second.wd, second.cache, gy, yd, gm, Some(gw), gb, true)?;
            let FilterGradient { w: gw, bias: gb } = of_first;
            backward(conv, x, xd, w, wd, cache, gradient, between, Some(gx), Some(gw), gb, true)
        })
    })
}

/// Adds to each gradient that is given what `gy`, the gradient of the output, passes back: `gx` that of the input, `gw`
/// that of the weight, `gb` that of the bias. With `gather`, that of the weight may stay in `cache` until [`collect`].
#[allow(clippy::too_many_arguments)]
pub(crate) fn backward<E: Scalar>(
    conv: &Conv,
    x: &[E],
    xd: [usize; 4],
    w: &[E],
    wd: [usize; 4],
    cache: &WeightCache<E>,
    gy: &[E],
    yd: [usize; 4],
    mut gx: Option<&mut [E]>,
    mut gw: Option<&mut [E]>,
    mut gb: Option<&mut [E]>,
    gather: bool,
) -> Result {
    let shape = ConvShape::new(conv, xd, wd, yd)?;
    shape.check(x.len(), w.len(), gy.len(), gb.as_ref().map(|gb| gb.len()))?;
    let of_input = gx.as_ref().map_or(x.len(), |gx| gx.len());
    of_one_length("backward convolution", [("the input", x.len()), ("its gradient", of_input)])?;
    let of_weight = gw.as_ref().map_or(w.len(), |gw| gw.len());
    of_one_length("backward convolution", [("the weight", w.len()), ("its gradient", of_weight)])?;
    if gy.is_empty() {
        return Ok(());
    }
    let cache = cache.store();
    if shape.is_sparse() {
        if let Some(gx) = gx {
            sparse::backward_data(&shape, w, gy, gx);
        }
        if let Some(gw) = gw {
            sparse::backward_weights(&shape, x, gy, gw);
        }
        if let Some(gb) = gb {
            backward_bias(&shape, gy, gb);
        }
        return Ok(());
    }
    let depthwise = [cache.algorithm(&shape), cache.algorithm_of_weights(&shape)] == [Algorithm::Depthwise; 2];
    if depthwise
        && let (Some(gx), Some(gw)) =
            (gx.as_deref_mut().and_then(E::as_f32_mut), gw.as_deref_mut().and_then(E::as_f32_mut))
        && let (Some(x), Some(w), Some(gy)) = (E::as_f32(x), E::as_f32(w), E::as_f32(gy))
        && depthwise::backward_scaled(
            &shape,
            cache.isa(),
            [x, w, gy],
            gx,
            gw,
            gb.as_deref_mut().and_then(E::as_f32_mut),
        )
    {
        return Ok(());
    }
    if let Some(gx) = gx {
        match (cache.algorithm(&shape), E::as_f32(w), E::as_f32(gy), E::as_f32_mut(gx)) {
            (algorithm, Some(w), Some(gy), Some(gx)) if algorithm != Algorithm::Portable => {
                backward_data(&shape, cache, w, gy, gx);
            }
            _ => portable::backward_data(&shape, w, gy, gx),
        }
    }
    if let Some(gw) = gw {
        match (cache.algorithm_of_weights(&shape), E::as_f32(x), E::as_f32(gy), E::as_f32_mut(gw)) {
            (Algorithm::Depthwise, Some(x), Some(gy), Some(gw)) => {
                depthwise::backward_weights(&shape, cache.isa(), x, gy, gw);
            }
            (
                algorithm @ (Algorithm::Implicit | Algorithm::Winograd2 | Algorithm::Winograd2x4),
                Some(x),
                Some(gy),
                Some(gw),
            ) => {
                cache.gather(algorithm, &shape, x, gy);
                if !gather {
                    cache.collect(gw)?;
                }
            }
            _ => portable::backward_weights(&shape, x, gy, gw),
        }
    }
    if let Some(gb) = gb {
        backward_bias(&shape, gy, gb);
    }
    Ok(())
}

/// Adds to `gw` what [`backward`] has gathered.
pub(crate) fn collect<E: Scalar>(cache: &WeightCache<E>, gw: &mut [E]) -> Result {
    match E::as_f32_mut(gw) {
        Some(gw) => cache.store().collect(gw),
        None => Ok(()),
    }
}

/// Adds the gradient of the input to `gx`, by one of the algorithms for `f32`.
fn backward_data(shape: &ConvShape, cache: &Store, w: &[f32], gy: &[f32], gx: &mut [f32]) {
    if shape.border == Border::Zero || shape.window.padding == 0 {
        return backward_data_of_zeros(shape, cache, w, gy, gx);
    }
    // The gradient of the mirrored input, folded back.
    let padded = Padded::new(shape);
    let window = Window { padding: 0, ..shape.window };
    let mirrored = ConvShape { window, border: Border::Zero, input: padded.dims, ..*shape };
    scratch::with(shape.images * shape.in_channels * padded.len(), |gradient: &mut [f32]| {
        gradient.fill(0.0);
        backward_data_of_zeros(&mirrored, cache, w, gy, gradient);
        parallel::parts(gx, padded.plain_len(), gradient.len() > parallel::CHUNK, |plane, gx| {
            padded.fold(&gradient[plane * padded.len()..][..padded.len()], gx);
        });
    });
}

/// [`backward_data`] where zeros stand beyond the border.
fn backward_data_of_zeros(shape: &ConvShape, cache: &Store, w: &[f32], gy: &[f32], gx: &mut [f32]) {
    match cache.algorithm(shape) {
        Algorithm::Depthwise => depthwise::backward_data(shape, cache.isa(), w, gy, gx),
        algorithm if let Some(tile) = algorithm.tile(shape, true) => {
            winograd::run(&cache.winograd(tile, shape, true, w), gy, None, gx, Accumulate::Output, None);
        }
        _ => implicit::run(&cache.plan(shape, true, w), gy, None, gx, Accumulate::Output, None),
    }
}

/// Tasks that the gradient of the bias is split into.
const BIASES: usize = 8;

/// Adds the sum of `gy` over images and places.
fn backward_bias<E: Scalar>(shape: &ConvShape, gy: &[E], gb: &mut [E]) {
    let places = shape.places();
    let of_channel = |channel: usize| -> f64 {
        let planes = gy.chunks_exact(places).skip(channel).step_by(shape.out_channels);
        planes.map(total).sum()
    };
    let some = gb.len().div_ceil(BIASES);
    parallel::parts(gb, some, gy.len() > parallel::CHUNK, |part, gb| {
        (part * some..).zip(gb).for_each(|(channel, gb)| *gb += E::narrow(of_channel(channel)));
    });
}
