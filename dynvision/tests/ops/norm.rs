//! Biases and normalisation.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::error::Result;
use dynvision::ops::{self, Affine};
use proptest::prelude::*;

const EPS: f64 = 1e-2;

/// The definition: units with one number in `block` share their moments.
fn naive(
    x: &[f64],
    w: &[f64],
    b: &[f64],
    channel: impl Fn(usize) -> usize,
    block: impl Fn(usize) -> usize,
) -> Vec<f64> {
    let of = |i: usize| {
        let peers: Vec<f64> = (0..x.len()).filter(|&j| block(j) == block(i)).map(|j| x[j]).collect();
        let mean = peers.iter().sum::<f64>() / peers.len() as f64;
        let variance = peers.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / peers.len() as f64;
        w[channel(i)] * (x[i] - mean) / (variance + EPS).sqrt() + b[channel(i)]
    };
    (0..x.len()).map(of).collect()
}

fn grouped<T: Tape<f64, Dev>>(
    groups: usize,
    x: &Maps,
    weight: &Flat,
    bias: &Flat,
    cx: &mut Graph<f64, Dev, T>,
) -> Result<Maps> {
    ops::group_norm(groups, EPS, x, Affine { weight, bias }, cx)
}

fn batched<T: Tape<f64, Dev>>(x: &Maps, weight: &Flat, bias: &Flat, cx: &mut Graph<f64, Dev, T>) -> Result<Maps> {
    Ok(ops::batch_norm(EPS, x, Affine { weight, bias }, cx)?.0)
}

/// By moments that are constants of the run.
fn by_given<T: Tape<f64, Dev>>(
    moments: &[Vec<f64>; 2],
    x: &Maps,
    weight: &Flat,
    bias: &Flat,
    cx: &mut Graph<f64, Dev, T>,
) -> Result<Maps> {
    let [mean, variance] = moments.each_ref().map(|m| flat(m));
    ops::normalize(EPS, x, (&mean, &variance), Affine { weight, bias }, cx)
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn groups_and_batches(b in 1usize..4, groups in 1usize..3, per in 1usize..3, h in 1usize..4, w in 1usize..4, seed: u64) {
        let (c, units) = (groups * per, h * w);
        let all = [values(b * c * units, seed), values(c, seed ^ 1), values(c, seed ^ 2)];
        let channel = |i: usize| i / units % c;
        let found = check!(&all, |x, cx| grouped(groups, &maps(&x[0], [b, c, h, w]), &x[1], &x[2], cx));
        assert_near(&found, &naive(&all[0], &all[1], &all[2], channel, |i| i / (units * per)), 1e-12);
        let found = check!(&all, |x, cx| batched(&maps(&x[0], [b, c, h, w]), &x[1], &x[2], cx));
        assert_near(&found, &naive(&all[0], &all[1], &all[2], channel, channel), 1e-12);
    }

    #[test]
    fn moments_that_are_given(b in 1usize..4, c in 1usize..4, h in 1usize..4, w in 1usize..4, seed: u64) {
        let units = h * w;
        let all = [values(b * c * units, seed), values(c, seed ^ 1), values(c, seed ^ 2)];
        let moments = [values(c, seed ^ 3), values(c, seed ^ 4).iter().map(|v| v + 1.5).collect()];
        let found = check!(&all, |x, cx| by_given(&moments, &maps(&x[0], [b, c, h, w]), &x[1], &x[2], cx));
        let want = |(i, x): (usize, &f64)| {
            let c = i / units % c;
            all[1][c] * (x - moments[0][c]) / (moments[1][c] + EPS).sqrt() + all[2][c]
        };
        assert_near(&found, &all[0].iter().enumerate().map(want).collect::<Vec<_>>(), 1e-12);
    }

    #[test]
    fn biases(b in 1usize..4, c in 1usize..4, h in 1usize..4, w in 1usize..4, seed: u64) {
        let (dims, units) = ([b, c, h, w], h * w);
        let all = [values(b * c * units, seed), values(c * units, seed ^ 1), values(c, seed ^ 2), values(1, seed ^ 3)];
        let found = check!(&all, |x, cx| {
            let y = ops::add_bias(maps(&x[0], dims), &x[1].clone().reshape_like(&(c, h, w)), cx)?;
            let y = ops::add_bias(y, &x[2], cx)?; // in place
            ops::add_bias(y, &x[3].clone().reshape_like(&()), cx)
        });
        let want: Vec<f64> = (0..all[0].len())
            .map(|i| all[0][i] + all[1][i % (c * units)] + all[2][i / units % c] + all[3][0])
            .collect();
        assert_near(&found, &want, 1e-14);
    }
}

#[test]
fn views_and_one_tensor_in_several_places() {
    let dims = [2, 2, 3, 3];
    check!(&[values(36, 1), values(1, 2), values(18, 3)], |x, cx| {
        let one: Flat = x[1].clone().reshape_like(&()).broadcast_like::<_, Axis<0>>(&(2,));
        let y = grouped(2, &maps(&x[0], dims), &one, &one, cx)?;
        let y = batched(&y, &one, &one, cx)?;
        let units = x[2].clone().reshape_like(&(3, 3, 2)).permute::<_, Axes3<2, 0, 1>>();
        let y = ops::add_bias(y, &units, cx)?;
        ops::add_bias(y, &one, cx)
    });
    check!(&[values(2, 1)], |x, cx| {
        let y = batched(&maps(&x[0], [1, 2, 1, 1]), &x[0], &x[0], cx)?;
        let z = ops::add_bias(maps(&x[0], [1, 2, 1, 1]), &x[0], cx)?;
        ops::add(y, &z, cx)
    });
    let moments = [vec![0.1, 0.2], vec![0.5, 2.0]];
    check!(&[values(2, 1)], |x, cx| by_given(&moments, &maps(&x[0], [1, 2, 1, 1]), &x[0], &x[0], cx));
    check!(&[values(8, 1), values(2, 2)], |x, cx| batched(&maps(&x[0], [2, 2, 2, 1]), &x[1], &x[1], cx));
}
