//! The leaky step and the elementwise operations.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::ops::{self, Rate};
use proptest::prelude::*;

const DIMS: [usize; 4] = [2, 3, 4, 5];
const LEN: usize = 120;

fn each<const N: usize>(inputs: &[Vec<f64>], of: impl Fn([f64; N]) -> f64) -> Vec<f64> {
    (0..inputs[0].len()).map(|i| of(std::array::from_fn(|n| inputs[n][i]))).collect()
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn leaky_steps(value in 0.05f64..1.0, relu: bool, seed: u64) {
        let all = [values(LEN, seed), values(LEN, seed ^ 1)];
        let step = |x: f64, h: f64| h + value * (x - h);
        let cut = |y: f64| if relu { y.max(0.0) } else { y };
        prop_assume!(all[0].iter().zip(&all[1]).all(|(&x, &h)| step(x, h).abs() > 1e-4 && x.abs() > 1e-3));
        let rate = Rate::fixed(value);
        let with = check!(&all, |x, cx| ops::leaky(&rate, maps(&x[0], DIMS), Some(&maps(&x[1], DIMS)), relu, cx));
        assert_near(&with, &each(&all, |[x, h]| cut(step(x, h))), 1e-14);
        let without = check!(&all[..1], |x, cx| ops::leaky(&rate, maps(&x[0], DIMS), None, relu, cx));
        assert_near(&without, &each(&all, |[x]| cut(step(x, 0.0))), 1e-14);
        let own = check!(&all, |x, cx| {
            let drive = ops::add(maps(&x[0], DIMS), &maps(&x[1], DIMS), cx)?; // of its own: updated in place
            ops::leaky(&rate, drive, Some(&maps(&x[1], DIMS)), false, cx)
        });
        assert_near(&own, &each(&all, |[x, h]| step(x + h, h)), 1e-14);
    }

    #[test]
    fn a_trained_time_constant_has_a_gradient(tau in 2.0f64..20.0, relu: bool, with_h: bool, seed: u64) {
        let all = [values(LEN, seed), values(LEN, seed ^ 1), vec![tau]];
        let step = |x: f64, h: f64| h + 2.0 / tau * (x - h);
        prop_assume!(all[0].iter().zip(&all[1]).all(|(&x, &h)| step(x, h).abs() > 1e-3 && x.abs() > 1e-2));
        let found = check!(&all, |x, cx| {
            let tau: Tensor<(), f64, Dev> = x[2].clone().reshape_like(&());
            let value = tau.array();
            let rate = Rate { value: 2.0 / value, trained: Some((tau, -2.0 / (value * value))) };
            let (drive, h) = (maps(&x[0], DIMS), maps(&x[1], DIMS));
            let y = ops::leaky(&rate, drive, with_h.then_some(&h), relu, cx)?;
            ops::add(y, &h, cx)
        });
        let want = each(&all[..2], |[x, h]| {
            let y = step(x, if with_h { h } else { 0.0 });
            h + if relu { y.max(0.0) } else { y }
        });
        assert_near(&found, &want, 1e-14);
    }

    #[test]
    fn elementwise(k in 0.2f64..2.0, n in 0.5f64..3.0, seed: u64) {
        let all = [apart(LEN, seed), values(LEN, seed ^ 1)];
        let x = &all[..1];
        let found = check!(&all, |x, cx| ops::add(maps(&x[0], DIMS), &maps(&x[1], DIMS), cx));
        assert_near(&found, &each(&all, |[a, b]| a + b), 0.0);
        let found = check!(&all, |x, cx| ops::gain(&maps(&x[0], DIMS), &maps(&x[1], DIMS), cx));
        assert_near(&found, &each(&all, |[x, h]| x * (1.0 + h.tanh())), 1e-14);
        let found = check!(x, |x, cx| ops::relu(maps(&x[0], DIMS), cx));
        assert_near(&found, &each(x, |[x]| x.max(0.0)), 0.0);
        let found = check!(x, |x, cx| ops::supralinear(k, n, &maps(&x[0], DIMS), cx));
        assert_near(&found, &each(x, |[x]| k * x.signum() * x.abs().powf(n)), 1e-13);
        let scaled = [all[0].clone(), vec![k], vec![n]];
        for biased in [false, true] {
            let found = check!(&scaled[..2 + usize::from(biased)], |x, cx| {
                let scalar = |x: &Flat| x.clone().reshape_like(&());
                let bias = x.get(2).map(scalar);
                ops::scale_shift(&maps(&x[0], DIMS), &scalar(&x[1]), bias.as_ref(), None, cx)
            });
            let want = each(x, |[x]| k * x + if biased { n } else { 0.0 });
            assert_near(&found, &want, 1e-14);
            let onto = [&scaled[..2 + usize::from(biased)], &all[1..]].concat();
            let found = check!(&onto, |x, cx| {
                let scalar = |x: &Flat| x.clone().reshape_like(&());
                let (bias, onto) = (biased.then(|| scalar(&x[2])), maps(&x[x.len() - 1], DIMS));
                ops::scale_shift(&maps(&x[0], DIMS), &scalar(&x[1]), bias.as_ref(), Some(onto), cx)
            });
            let want: Vec<f64> = want.iter().zip(&all[1]).map(|(y, onto)| y + onto).collect();
            assert_near(&found, &want, 1e-14);
        }
    }
}

#[test]
fn supralinearity_is_clamped() {
    let dev = device();
    let x: Maps = dev.tensor_from_vec(vec![0.0, 1e-9, -1e-9, 1e9, -1e9, 1.0], (1, 1, 2, 3));
    let mut context = cx::<Recorded>();
    let y = ops::supralinear(0.8, 2.0, &x, &mut context).unwrap();
    assert_near(&y.as_vec(), &[0.0, 0.8e-12, -0.8e-12, 0.8e12, -0.8e12, 0.8], 1e-15);
    let grads = y.put_tape(context.tape).sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&x).as_vec(), [0.0, 0.0, 0.0, 0.0, 0.0, 1.6]);
}

#[test]
fn one_number_may_be_signal_weight_and_bias() {
    let found = check!(&[vec![1.5]], |x, cx| {
        let scalar: Tensor<(), f64, Dev> = x[0].clone().reshape_like(&());
        ops::scale_shift(&maps(&x[0], [1; 4]), &scalar, Some(&scalar), None, cx)
    });
    assert_eq!(found, [1.5 * 1.5 + 1.5]);
}
