//! The kernels of the CPU against the composition, gradients against central differences, and values against formulas
//! that are written out.

use super::*;
use proptest::prelude::*;

type X2<T = NoneTape> = Tensor<(usize, usize), f64, Cpu, T>;
type Row<T = NoneTape> = Tensor<(usize,), f64, Cpu, T>;
type Taped = OwnedTape<f64, Cpu>;

fn weighted<S: Shape>(
    x: &Tensor<S, f64, Cpu>,
    f: impl Fn(Tensor<S, f64, Cpu, Taped>) -> Row<Taped>,
) -> (Vec<f64>, Vec<f64>) {
    let y = f(x.leaky_trace());
    let values = y.as_vec();
    let weights: Vec<f64> = (0..values.len()).map(|i| 0.5 + (i as f64 * 1.7).sin()).collect();
    let weights: Row = x.device().tensor_from_vec(weights, (values.len(),));
    let mut grads = (y * weights).sum::<Rank0, _>().backward();
    grads.get_or_alloc_mut(x).unwrap(); // a single step has no change, and its gradient nobody makes
    (values, grads.get(x).as_vec())
}

/// Both implementations give the same values and gradients, and the gradients are differences.
fn agree<S: Shape>(
    x: &Tensor<S, f64, Cpu>,
    own: impl Fn(Tensor<S, f64, Cpu, Taped>) -> Row<Taped>,
    composed: impl Fn(Tensor<S, f64, Cpu, Taped>) -> Row<Taped>,
) {
    let (y, gradient) = weighted(x, &own);
    let (y2, gradient2) = weighted(x, &composed);
    let close = |a: &[f64], b: &[f64], within: f64| {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= within * (1.0 + a.abs())), "{a:?} {b:?}");
    };
    close(&y, &y2, 1e-12);
    close(&gradient, &gradient2, 1e-12);
    let sum = |y: &[f64]| y.iter().enumerate().map(|(i, y)| y * (0.5 + (i as f64 * 1.7).sin())).sum::<f64>();
    let values = x.as_vec();
    let at = |i: usize, by: f64| {
        let mut moved = values.clone();
        moved[i] += by;
        sum(&weighted(&x.device().tensor_from_vec(moved, *x.shape()), &own).0)
    };
    let differences: Vec<f64> = (0..values.len()).map(|i| (at(i, 1e-6) - at(i, -1e-6)) / 2e-6).collect();
    close(&gradient, &differences, 1e-7);
}

fn sample<S: Shape>(shape: S, seed: u64) -> Tensor<S, f64, Cpu> {
    Cpu::seed_from_u64(seed).sample_normal_like(&shape)
}

proptest! {
    #[test]
    fn cross_entropy_agrees(rows in 1usize..9, classes in 1usize..7, seed in 0u64..1000) {
        let x: X2 = sample((rows, classes), seed);
        let weight = |i: usize| 0.5 + i as f64;
        let targets: Vec<RowTarget<f64>> = (0..rows)
            .map(|i| i * 7 + seed as usize)
            .map(|i| (i % 3 != 0).then_some((i % classes, weight(i % 4))))
            .collect();
        agree(
            &x,
            |x| Cpu::default().cross_entropy(x, targets.clone()).unwrap(),
            |x| composed::cross_entropy(x, &targets).unwrap(),
        );
    }

    #[test]
    fn activity_agrees(rows in 1usize..6, units in 1usize..20, seed in 0u64..1000, which in 0usize..5) {
        let measure = [1.0, 2.0, 1.5, 3.0].get(which).map_or(Measure::Signed, |&p| Measure::Absolute(p));
        let x: X2 = sample((rows, units), seed);
        // a difference does not step over the kink of a power at 0
        let apart = x.as_vec().into_iter().map(|v| v + 0.01f64.copysign(v)).collect::<Vec<f64>>();
        let x: X2 = x.device().tensor_from_vec(apart, (rows, units));
        agree(&x, |x| Cpu::default().activity(x, measure).unwrap(), |x| composed::activity(x, measure).unwrap());
    }

    #[test]
    fn change_agrees(batch in 1usize..4, time in 1usize..6, units in 1usize..9, seed in 0u64..1000) {
        let x = sample((batch, time, units), seed);
        let pairs: Vec<bool> = (1..time).map(|t| !(t + seed as usize).is_multiple_of(3)).collect();
        agree(
            &x,
            |x| Cpu::default().change(x, pairs.clone()).unwrap(),
            |x| composed::change(x, &pairs).unwrap(),
        );
    }
}

#[test]
fn a_row_without_a_target_may_hold_anything() {
    let dev = Cpu::default();
    let x: X2 = dev.tensor_from_vec(vec![f64::NAN, f64::INFINITY, 0.0, 0.0], (2, 2));
    let targets = vec![None, Some((0, 1.0))];
    for y in [
        weighted(&x, |x| Cpu::default().cross_entropy(x, targets.clone()).unwrap()),
        weighted(&x, |x| composed::cross_entropy(x, &targets).unwrap()),
    ] {
        assert_eq!(y.0[0], 0.0);
        assert!((y.0[1] - 2f64.ln()).abs() < 1e-15);
    }
    // only the CPU promises that such a row gets no gradient
    let (_, gradient) = weighted(&x, |x| Cpu::default().cross_entropy(x, targets.clone()).unwrap());
    assert_eq!(gradient[..2], [0.0, 0.0]);
}

#[test]
fn large_logits_neither_overflow_nor_vanish() {
    let dev = Cpu::default();
    let x: Tensor<(usize, usize), f32, _> = dev.tensor_from_vec(vec![1e30, 0.0, -1e4, -1e4], (2, 2));
    let y = dev.cross_entropy(x.leaky_trace(), vec![Some((0, 1.0)), Some((1, 1.0))]).unwrap();
    assert_eq!(y.as_vec(), [0.0, std::f32::consts::LN_2]);
    let gradient = y.sum::<Rank0, _>().backward().get(&x).as_vec();
    assert_eq!(gradient, [0.0, 0.0, 0.5, -0.5]);
    // a class that is ruled out
    let x = dev.tensor_from_vec(vec![f32::NEG_INFINITY, 0.0, 0.0], (1, 3));
    let y = dev.cross_entropy(x, vec![Some((1, 1.0))]).unwrap();
    assert_eq!(y.as_vec(), [std::f32::consts::LN_2]);
}

#[test]
fn a_silent_row_has_no_gradient() {
    let x: X2 = Cpu::default().zeros_like(&(2, 3));
    for measure in [Measure::Signed, Measure::Absolute(1.0), Measure::Absolute(2.0), Measure::Absolute(1.5)] {
        for (y, gradient) in [
            weighted(&x, |x| Cpu::default().activity(x, measure).unwrap()),
            weighted(&x, |x| composed::activity(x, measure).unwrap()),
        ] {
            assert_eq!((y, gradient), (vec![0.0; 2], vec![0.0; 6]));
        }
    }
}

#[test]
fn measures_are_what_they_say() {
    let dev = Cpu::default();
    let x = || dev.tensor_from_vec(vec![3.0, -4.0, 0.0, 0.0], (1, 4));
    let measured = |measure| dev.activity(x(), measure).unwrap().as_vec()[0];
    assert_eq!(measured(Measure::Absolute(1.0)), 7.0 / 4.0);
    assert_eq!(measured(Measure::Absolute(2.0)), 2.5); // 5 / sqrt 4
    assert_eq!(measured(Measure::Signed), 0.25);
    assert!((measured(Measure::Absolute(3.0)) - 91f64.cbrt() / 4f64.cbrt()).abs() < 1e-15);
}
