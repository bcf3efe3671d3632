//! Convolution: `y[n, o, r, c] = bias[o] + Σ w[o, i, u, v] x[n, i, r s + u d - p, c s + v d - p]` over the channels `i` of
//! the group of `o` and the taps `u, v` of the window (kernel `k`, stride `s`, padding `p`, dilation `d`).
//!
//! # Shapes
//! `x`: (batch, in, rows, columns), `w`: (out, in / groups, k, k), `y`: (batch, out, places, places).

mod batch;
mod depthwise;
mod implicit;
mod matrix;
mod microkernel;
mod packed;
mod packs;
mod padded;
mod plan;
mod portable;
mod problem;
mod source;
#[cfg(test)]
mod tests;
mod transpose;
mod weights;
mod weights_kernel;
mod winograd;

pub(super) use source::Source;

pub use packs::{Algorithm, Packs, set_default_algorithm};

use super::scalar::total;
use super::{Scalar, parallel, scratch};
use crate::geometry::{Border, Conv, Window};
use packs::Store;
use padded::Padded;
use problem::Problem;

/// What a convolution is added to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Onto<'a, E> {
    /// Nothing: what the output held is overwritten.
    Nothing,
    /// What the output holds.
    Output,
    /// Other values of the output's shape, which stay as they are.
    Values(&'a [E]),
}

impl<'a, E: Scalar> Onto<'a, E> {
    fn as_f32(self) -> Option<Onto<'a, f32>> {
        match self {
            Onto::Nothing => Some(Onto::Nothing),
            Onto::Output => Some(Onto::Output),
            Onto::Values(values) => E::as_f32(values).map(Onto::Values),
        }
    }
}

/// Writes `y = conv(x) + bias`, added to what `onto` says. `packs` belongs to this weight; see [`Packs`].
///
/// # Panics
/// If dimensions or lengths do not fit each other.
#[allow(clippy::too_many_arguments)]
pub fn forward<E: Scalar>(
    conv: &Conv,
    x: &[E],
    xd: [usize; 4],
    w: &[E],
    wd: [usize; 4],
    bias: Option<&[E]>,
    packs: &Packs<E>,
    y: &mut [E],
    yd: [usize; 4],
    onto: Onto<'_, E>,
) {
    let problem = Problem::new(conv, xd, wd, yd);
    problem.check(x.len(), w.len(), y.len(), bias.map(<[E]>::len));
    if y.is_empty() {
        return;
    }
    let packs = packs.store();
    let bias32 = bias.and_then(E::as_f32);
    let algorithm = packs.algorithm(&problem);
    if let (Some(made), Some(x), Some(w)) = (algorithm.tiles(), E::as_f32(x), E::as_f32(w))
        && let (Some(y), Some(onto)) = (E::as_f32_mut(y), onto.as_f32())
    {
        return winograd::run(&packs.winograd(made, &problem, false, w), x, bias32, y, onto);
    }
    if let Onto::Values(values) = onto {
        parallel::chunks(y, |start, y| y.copy_from_slice(&values[start..start + y.len()]));
    }
    let accumulate = onto != Onto::Nothing;
    match (algorithm, E::as_f32(x), E::as_f32(w), E::as_f32_mut(y)) {
        (Algorithm::Depthwise, Some(x), Some(w), Some(y)) => {
            depthwise::forward(&problem, packs.isa(), x, w, bias32, y, accumulate);
        }
        (Algorithm::Implicit, Some(x), Some(w), Some(y)) => {
            implicit::run(&packs.plan(&problem, false, w), x, bias32, y, accumulate);
        }
        _ => portable::forward(&problem, x, w, bias, y, accumulate),
    }
}

/// Adds to each gradient that is given what `gy`, the gradient of the output, passes back: `gx` that of the input, `gw`
/// that of the weight, `gb` that of the bias. With `gather`, that of the weight may stay in `packs` until [`collect`].
///
/// # Panics
/// If dimensions or lengths do not fit each other.
#[allow(clippy::too_many_arguments)]
pub fn backward<E: Scalar>(
    conv: &Conv,
    x: &[E],
    xd: [usize; 4],
    w: &[E],
    wd: [usize; 4],
    packs: &Packs<E>,
    gy: &[E],
    yd: [usize; 4],
    gx: Option<&mut [E]>,
    gw: Option<&mut [E]>,
    gb: Option<&mut [E]>,
    gather: bool,
) {
    let problem = Problem::new(conv, xd, wd, yd);
    problem.check(x.len(), w.len(), gy.len(), gb.as_ref().map(|gb| gb.len()));
    if gy.is_empty() {
        return;
    }
    let packs = packs.store();
    if let Some(gx) = gx {
        assert_eq!(gx.len(), x.len(), "convolution: length of the input's gradient");
        match (packs.algorithm(&problem), E::as_f32(w), E::as_f32(gy), E::as_f32_mut(gx)) {
            (algorithm, Some(w), Some(gy), Some(gx)) if algorithm != Algorithm::Portable => {
                backward_data(&problem, packs, w, gy, gx);
            }
            _ => portable::backward_data(&problem, w, gy, gx),
        }
    }
    if let Some(gw) = gw {
        assert_eq!(gw.len(), w.len(), "convolution: length of the weight's gradient");
        match (packs.algorithm_of_weights(&problem), E::as_f32(x), E::as_f32(gy), E::as_f32_mut(gw)) {
            (Algorithm::Depthwise, Some(x), Some(gy), Some(gw)) => {
                depthwise::backward_weights(&problem, packs.isa(), x, gy, gw);
            }
            (algorithm @ (Algorithm::Implicit | Algorithm::Winograd2), Some(x), Some(gy), Some(gw)) => {
                packs.gather(algorithm, &problem, x, gy);
                if !gather {
                    packs.collect(gw);
                }
            }
            _ => portable::backward_weights(&problem, x, gy, gw),
        }
    }
    if let Some(gb) = gb {
        backward_bias(&problem, gy, gb);
    }
}

/// Adds to `gw` what [`backward`] has gathered.
///
/// # Panics
/// If `gw` is not as long as the weight.
pub fn collect<E: Scalar>(packs: &Packs<E>, gw: &mut [E]) {
    if let Some(gw) = E::as_f32_mut(gw) {
        packs.store().collect(gw);
    }
}

/// Adds the gradient of the input to `gx`, by one of the algorithms for `f32`.
fn backward_data(problem: &Problem, packs: &Store, w: &[f32], gy: &[f32], gx: &mut [f32]) {
    if problem.border == Border::Zero || problem.window.padding == 0 {
        return backward_data_of_zeros(problem, packs, w, gy, gx);
    }
    // The gradient of the mirrored input, folded back.
    let padded = Padded::new(problem);
    let window = Window { padding: 0, ..problem.window };
    let mirrored = Problem { window, border: Border::Zero, input: padded.dims, ..*problem };
    scratch::with(problem.images * problem.in_channels * padded.len(), |gradient: &mut [f32]| {
        gradient.fill(0.0);
        backward_data_of_zeros(&mirrored, packs, w, gy, gradient);
        parallel::parts(gx, padded.plain_len(), gradient.len() > parallel::CHUNK, |plane, gx| {
            padded.fold(&gradient[plane * padded.len()..][..padded.len()], gx);
        });
    });
}

/// [`backward_data`] where zeros stand beyond the border.
fn backward_data_of_zeros(problem: &Problem, packs: &Store, w: &[f32], gy: &[f32], gx: &mut [f32]) {
    match packs.algorithm(problem) {
        Algorithm::Depthwise => depthwise::backward_data(problem, packs.isa(), w, gy, gx),
        algorithm if let Some(made) = algorithm.tiles() => {
            winograd::run(&packs.winograd(made, problem, true, w), gy, None, gx, Onto::Output);
        }
        _ => implicit::run(&packs.plan(problem, true, w), gy, None, gx, true),
    }
}

/// Tasks that the gradient of the bias is split into.
const BIASES: usize = 8;

/// Adds the sum of `gy` over images and places.
fn backward_bias<E: Scalar>(problem: &Problem, gy: &[E], gb: &mut [E]) {
    let places = problem.places();
    let of_channel = |channel: usize| -> f64 {
        let planes = gy.chunks_exact(places).skip(channel).step_by(problem.out_channels);
        planes.map(total).sum()
    };
    let some = gb.len().div_ceil(BIASES);
    parallel::parts(gb, some, gy.len() > parallel::CHUNK, |part, gb| {
        (part * some..).zip(gb).for_each(|(channel, gb)| *gb += E::narrow(of_channel(channel)));
    });
}
