//! Products, differences, quotients, mixtures, and weights that are spread over maps.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::ops;
use proptest::prelude::*;

fn sizes() -> impl Strategy<Value = [usize; 4]> {
    (1usize..3, 1usize..4, 1usize..4, 1usize..4).prop_map(|(b, c, h, w)| [b, c, h, w])
}

fn by_element(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

proptest! {
    #![proptest_config(config(32))]

    /// Of two tensors, and of one with itself.
    #[test]
    fn products_and_differences(dims in sizes(), seed: u64) {
        let all = [values(len(dims), seed), values(len(dims), seed ^ 1)];
        let [a, b] = &all;
        let found = check!(&all, |x, cx| ops::mul(&maps(&x[0], dims), &maps(&x[1], dims), cx));
        assert_near(&found, &by_element(a, b, |a, b| a * b), 1e-14);
        let found = check!(&all, |x, cx| ops::sub(&maps(&x[0], dims), &maps(&x[1], dims), cx));
        assert_near(&found, &by_element(a, b, |a, b| a - b), 1e-14);
        let found = check!(&all, |x, cx| {
            let by = ops::affine(0.5, &maps(&x[1], dims), 2.0, cx)?;
            ops::div(&maps(&x[0], dims), &by, cx)
        });
        assert_near(&found, &by_element(a, b, |a, b| a / (0.5 * b + 2.0)), 1e-14);
        let found = check!(&all, |x, cx| {
            let one = maps(&x[0], dims);
            let square = ops::mul(&one, &one, cx)?;
            let nothing = ops::sub(&one, &one, cx)?;
            ops::add(square, &nothing, cx)
        });
        assert_near(&found, &by_element(a, a, |a, b| a * b), 1e-14);
    }

    #[test]
    fn squashed_limited_and_mixed(dims in sizes(), seed: u64) {
        let all = [apart(len(dims), seed), values(len(dims), seed ^ 1), values(len(dims), seed ^ 2)];
        let [a, b, c] = &all;
        let found = check!(&all, |x, cx| ops::sigmoid(&maps(&x[0], dims), cx));
        assert_near(&found, &by_element(a, a, |a, _| 1.0 / (1.0 + (-a).exp())), 1e-12);
        let found = check!(&all, |x, cx| ops::tanh(&maps(&x[0], dims), cx));
        assert_near(&found, &by_element(a, a, |a, _| a.tanh()), 1e-12);
        let found = check!(&all, |x, cx| ops::clamp(&maps(&x[0], dims), -0.4003, 0.3007, cx));
        assert_near(&found, &by_element(a, a, |a, _| a.clamp(-0.4003, 0.3007)), 0.0);
        let found = check!(&all, |x, cx| ops::mix(&maps(&x[0], dims), &maps(&x[1], dims), &maps(&x[2], dims), cx));
        let taken = by_element(a, c, |gate, c| (1.0 - gate) * c);
        assert_near(&found, &by_element(&by_element(a, b, |gate, b| gate * b), &taken, |a, b| a + b), 1e-13);
    }

    /// One weight for all, for each channel, for each unit.
    #[test]
    fn spread_weights(dims in sizes(), of in 0usize..3, seed: u64) {
        let [b, c, h, w] = dims;
        let count = [1, c, c * h * w][of];
        let all = [values(len(dims), seed), values(count, seed ^ 1)];
        let found = check!(&all, |x, cx| ops::scale(&maps(&x[0], dims), &x[1], cx));
        let weight = |at: usize| match of {
            0 => all[1][0],
            1 => all[1][at / (h * w) % c],
            _ => all[1][at % (c * h * w)],
        };
        let want: Vec<f64> = (0..len(dims)).map(|at| all[0][at] * weight(at)).collect();
        // a map of one channel, or of one unit, has as many weights for each as for all
        assert_near(&found, &want, 1e-14);
        let found = check!(&all, |x, cx| ops::spread(&x[1], (b, c, h, w), cx));
        assert_near(&found, &(0..len(dims)).map(weight).collect::<Vec<_>>(), 0.0);
    }

    #[test]
    fn weighted_within_channels([b, c, h, w] in sizes(), seed: u64) {
        let (units, dims) = (h * w, [b, c, h, w]);
        let all = [values(len(dims), seed), values(c * units * units, seed ^ 1)];
        let found = check!(&all, |x, cx| ops::within_channels(&maps(&x[0], dims), &x[1], cx));
        let sum = |at: usize| {
            let (map, p) = (at / units, at % units);
            let weights = &all[1][(map % c * units + p) * units..][..units];
            by_element(weights, &all[0][map * units..][..units], |w, x| w * x).iter().sum()
        };
        assert_near(&found, &(0..len(dims)).map(sum).collect::<Vec<f64>>(), 1e-13);
    }
}

/// What is no number stays none, and passes no gradient of a limit on.
#[test]
fn a_limit_makes_no_number() {
    let x = flat(&[f64::NAN, 3.0, -3.0, 0.5]);
    let found = ops::clamp(&maps(&x, [1, 1, 2, 2]), -1.0, 1.0, &mut cx::<NoneTape>()).unwrap().as_vec();
    assert!(found[0].is_nan());
    assert_eq!(found[1..], [1.0, -1.0, 0.5]);
}

#[test]
fn weights_of_another_size_are_refused() {
    let (x, weight) = (maps(&flat(&values(12, 1)), [1, 3, 2, 2]), flat(&values(2, 2)));
    let mut graph = cx::<NoneTape>();
    let says = ops::scale(&x, &weight, &mut graph).map(|y| y.as_vec()).unwrap_err().to_string();
    assert!(says.contains("expected shape [3, 2, 2], found [2]"), "{says}");
    let says = ops::within_channels(&x, &weight, &mut graph).map(|y| y.as_vec()).unwrap_err().to_string();
    assert!(says.contains("expected shape [3, 4, 4], found [2]"), "{says}");
}
