//! Convolution: `y[n, o, r, c] = bias[o] + Σ w[o, i, u, v] x[n, i, r s + u d - p, c s + v d - p]` over the channels `i` of
//! the group of `o` and the taps `u, v` of the window (kernel `k`, stride `s`, padding `p`, dilation `d`).
//!
//! # Shapes
//! `x`: (batch, in, rows, columns), `w`: (out, in / groups, k, k), `y`: (batch, out, places, places).

mod matrix;
mod packs;
mod padded;
mod portable;
mod problem;
#[cfg(test)]
mod tests;

pub use packs::Packs;

use super::{Scalar, parallel};
use crate::geometry::Conv;
use problem::Problem;
use rayon::prelude::*;

/// Writes `y = conv(x) + bias`, or adds it to `y` if `accumulate`. `packs` belongs to this weight; see [`Packs`].
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
    _packs: &Packs<E>,
    y: &mut [E],
    yd: [usize; 4],
    accumulate: bool,
) {
    let problem = Problem::new(conv, xd, wd, yd);
    problem.check(x.len(), w.len(), y.len(), bias.map(<[E]>::len));
    if !y.is_empty() {
        portable::forward(&problem, x, w, bias, y, accumulate);
    }
}

/// Adds to each gradient that is given what `gy`, the gradient of the output, passes back: `gx` that of the input, `gw`
/// that of the weight, `gb` that of the bias.
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
    _packs: &Packs<E>,
    gy: &[E],
    yd: [usize; 4],
    gx: Option<&mut [E]>,
    gw: Option<&mut [E]>,
    gb: Option<&mut [E]>,
) {
    let problem = Problem::new(conv, xd, wd, yd);
    problem.check(x.len(), w.len(), gy.len(), gb.as_ref().map(|gb| gb.len()));
    if gy.is_empty() {
        return;
    }
    if let Some(gx) = gx {
        assert_eq!(gx.len(), x.len(), "convolution: length of the input's gradient");
        portable::backward_data(&problem, w, gy, gx);
    }
    if let Some(gw) = gw {
        assert_eq!(gw.len(), w.len(), "convolution: length of the weight's gradient");
        portable::backward_weights(&problem, x, gy, gw);
    }
    if let Some(gb) = gb {
        backward_bias(&problem, gy, gb);
    }
}

/// Adds the sum of `gy` over images and places.
fn backward_bias<E: Scalar>(problem: &Problem, gy: &[E], gb: &mut [E]) {
    let places = problem.places();
    let total = |channel: usize| -> f64 {
        let planes = gy.chunks_exact(places).skip(channel).step_by(problem.out_channels);
        planes.map(|plane| plane.iter().map(|g| g.wide()).sum::<f64>()).sum()
    };
    if gy.len() <= parallel::CHUNK {
        gb.iter_mut().enumerate().for_each(|(channel, gb)| *gb += E::narrow(total(channel)));
    } else {
        gb.par_iter_mut().enumerate().for_each(|(channel, gb)| *gb += E::narrow(total(channel)));
    }
}
