//! Windows, norms, resizing, losses and optimizers against PyTorch 2.15 (`pytorch.json`, by `pytorch.py`): what comes out, and
//! the gradient of its sum weighed by fixed numbers.

use crate::check::*;
use dfdx::nn::BuildModule;
use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::error::Result;
use dynvision::geometry::Window;
use dynvision::loss::{CrossEntropy, Labels, Reduction};
use dynvision::nn::{BatchNorm, Operation, Spec};
use dynvision::ops::{self, Affine};
use dynvision::optim::{AdamConfig, Optimizer, RmsPropConfig, SgdConfig, UpdateRule, WeightDecay};
use dynvision::time::{Mode, Plan};
use dynvision::unroll::Context;
use std::collections::BTreeMap;

type Numbers = BTreeMap<String, Vec<f64>>;

/// Every case, and how many of them begin with a word.
fn cases(word: &str, count: usize) -> Vec<(Vec<usize>, Numbers)> {
    let all: BTreeMap<String, Numbers> = serde_json::from_str(include_str!("pytorch.json")).unwrap();
    let of = all.into_iter().filter_map(|(name, numbers)| {
        let rest = name.strip_prefix(word)?.strip_prefix(' ')?;
        Some((rest.split(' ').map(|number| number.parse().unwrap()).collect(), numbers))
    });
    let of: Vec<_> = of.collect();
    assert_eq!(of.len(), count, "cases of {word}");
    of
}

fn case(name: &str) -> Numbers {
    let mut all: BTreeMap<String, Numbers> = serde_json::from_str(include_str!("pytorch.json")).unwrap();
    all.remove(name).unwrap()
}

/// The numbers of `wave` in `pytorch.py`.
fn wave(len: usize, start: usize) -> Vec<f64> {
    (start..start + len).map(|n| (n as f64 * 0.7 + 0.3).sin() * (1 + n % 5) as f64 - 0.5).collect()
}

fn near(found: &[f64], want: &[f64], what: &str) {
    assert_eq!(found.len(), want.len(), "{what}");
    for (found, want) in found.iter().zip(want) {
        assert!((found - want).abs() <= 1e-11 * (1.0 + want.abs()), "{what}: {found} for {want}");
    }
}

/// Compares what `run` makes of a wave, and the gradient.
fn compare(
    what: &str,
    dims: [usize; 4],
    start: usize,
    want: &Numbers,
    run: impl FnOnce(&Maps, &mut Graph<f64, Dev, Recorded>) -> Result<Maps>,
) {
    let x = maps(&flat(&wave(len(dims), start)), dims);
    let mut graph = Graph::new(Recorded::default());
    let y = run(&x, &mut graph).unwrap();
    near(&y.as_vec(), &want["y"], what);
    let weights = device().tensor_from_vec(wave(y.as_vec().len(), 3), *y.shape());
    let loss = (y.put_tape(graph.tape) * weights).sum::<Rank0, _>();
    near(&loss.backward().get(&x).as_vec(), &want["dx"], what);
}

const PLANE: [usize; 4] = [1, 2, 7, 6];
const CHANNELS: [usize; 4] = [2, 4, 2, 3];

#[test]
fn windows() {
    for (word, count) in [("max", 7), ("avg", 6)] {
        for (numbers, want) in cases(word, count) {
            let [kernel, stride, padding, dilation] = numbers[..] else { panic!("{numbers:?}") };
            let window = Window::new(kernel, stride, padding).dilated(dilation);
            compare(&format!("{word} {window:?}"), PLANE, 0, &want, |x, graph| match word {
                "max" => ops::max_pool2d(window, x, graph),
                _ => ops::avg_pool2d(window, x, graph),
            });
        }
    }
}

#[test]
fn sizes() {
    for (numbers, want) in cases("adaptive", 5) {
        let size = [numbers[0], numbers[1]];
        compare(&format!("adaptive {size:?}"), PLANE, 0, &want, |x, graph| ops::adaptive_avg_pool2d(x, size, graph));
    }
    for (numbers, want) in cases("nearest", 5) {
        let size = [numbers[0], numbers[1]];
        compare(&format!("nearest {size:?}"), PLANE, 0, &want, |x, graph| ops::resize(x, size, None, graph));
    }
}

#[test]
fn norms() {
    let (weight, bias) = (flat(&wave(4, 1)), flat(&wave(4, 2)));
    for (numbers, want) in cases("group", 3) {
        let affine = Affine { weight: &weight, bias: &bias };
        compare(&format!("group {numbers:?}"), CHANNELS, 0, &want, |x, graph| {
            ops::group_norm(numbers[0], 1e-5, x, affine, graph)
        });
    }
    let (ones, zeros) = (flat(&[1.0; 4]), flat(&[0.0; 4]));
    let affine = Affine { weight: &ones, bias: &zeros };
    compare("layer", CHANNELS, 0, &case("layer"), |x, graph| ops::group_norm(1, 1e-5, x, affine, graph));
}

/// Three batches in training, the running moments, and one batch in evaluation.
#[test]
fn a_batch_norm_trains_and_evaluates() {
    let mut norm: <BatchNorm<4> as Spec>::Built<f64, Dev> = BuildModule::try_build(&device()).unwrap();
    norm.weight.copy_from(&wave(4, 1));
    norm.bias.copy_from(&wave(4, 2));
    let run = |norm: &<BatchNorm<4> as Spec>::Built<f64, Dev>, start: usize, mode: Mode, want: &Numbers| {
        let x = maps(&flat(&wave(len(CHANNELS), start)), CHANNELS);
        let mut cx = Context::new(Recorded::default(), Plan::default()).in_mode(mode);
        let y = BatchNorm::<4>::forward(norm, x.clone(), &mut cx).unwrap();
        near(&y.as_vec(), &want["y"], "a batch norm");
        let statistics = cx.take_statistics();
        let weights = device().tensor_from_vec(wave(y.as_vec().len(), 3), *y.shape());
        let loss = (y.put_tape(cx.into_tape()) * weights).sum::<Rank0, _>();
        near(&loss.backward().get(&x).as_vec(), &want["dx"], "the gradient of a batch norm");
        statistics
    };
    for step in 0..3 {
        let statistics = run(&norm, step, Mode::Training, &case(&format!("batch train {step}")));
        statistics.absorb(&mut norm).unwrap();
    }
    let running = case("batch running");
    near(&norm.running_mean.as_vec(), &running["mean"], "the running mean");
    near(&norm.running_var.as_vec(), &running["var"], "the running variance");
    let none = run(&norm, 7, Mode::Evaluation, &case("batch eval"));
    none.absorb(&mut norm).unwrap();
    near(&norm.running_mean.as_vec(), &running["mean"], "the running mean, which evaluation leaves");
}

/// Class weights are compared in the sum: PyTorch divides their mean by the weights, which is documented as another thing.
#[test]
fn cross_entropies() {
    let labels = Labels::from_numbers(6, 1, &[1, -100, 2, 0, -100, 2], -100).unwrap();
    let weights = Some(vec![0.5, 2.0, 0.25]);
    for (name, reduction, class_weights) in [
        ("cross mean", Reduction::Mean, None),
        ("cross sum", Reduction::Sum, None),
        ("cross weights", Reduction::Sum, weights),
    ] {
        let numbers: Vec<f64> = wave(18, 0).iter().map(|x| 4.0 * x).collect();
        let x = device().tensor_from_vec(numbers, (6, 1, 3));
        let loss = CrossEntropy { class_weights, reduction }.of_logits(x.leaky_trace(), &labels).unwrap();
        near(&[loss.array()], &case(name)["y"], name);
        near(&loss.backward().get(&x).as_vec(), &case(name)["dx"], name);
    }
}

/// Twenty updates under gradients that depend on the parameter.
#[test]
fn optimizers() {
    fn updated<R: UpdateRule>(name: &str, rule: R) {
        let five = |numbers: Vec<f64>| device().tensor(<[f64; 5]>::try_from(numbers).unwrap());
        let mut parameter = five(wave(5, 0));
        let mut optim = Optimizer::new(&parameter, rule).unwrap();
        let (curve, slope) = (five(wave(5, 2)).abs(), five(wave(5, 4)));
        for _ in 0..20 {
            let square = parameter.leaky_trace().square() * curve.clone();
            let line = parameter.leaky_trace() * slope.clone();
            let mut grads = (square + line).sum::<Rank0, _>().backward();
            optim.step(&mut parameter, &mut grads).unwrap();
        }
        near(&parameter.as_vec(), &case(&format!("optim {name}"))["y"], name);
    }
    let sgd = |momentum, nesterov, weight_decay| SgdConfig { lr: 0.05, momentum, nesterov, weight_decay };
    let l2 = Some(WeightDecay::L2(0.1));
    updated("sgd", sgd(0.0, false, None));
    updated("sgd momentum", sgd(0.9, false, l2));
    updated("sgd nesterov", sgd(0.8, true, None));
    updated("adam", AdamConfig { lr: 0.05, weight_decay: l2, ..Default::default() });
    let decoupled = Some(WeightDecay::Decoupled(0.1));
    updated("adamw", AdamConfig { lr: 0.05, betas: [0.8, 0.99], weight_decay: decoupled, ..Default::default() });
    updated("rms", RmsPropConfig::default());
    let centred = RmsPropConfig { alpha: 0.9, momentum: 0.5, centered: true, weight_decay: l2, ..Default::default() };
    updated("rms centred", centred);
}
