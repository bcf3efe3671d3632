//! Recurrent attention against its equations written out in loops.

use crate::agree_with_differences;
use dfdx::prelude::{Rank0, SumTo};
use dynvision::nn::AttentionLstm;
use dynvision::parameters::each_mut;
use dynvision::prelude::*;

dynvision::recurrent_attention! {
    struct Small; input = [2, 6, 6], features = 3, side = 3, units = 4, classes = 2
}
/// Reads the image itself.
#[dyn_model(
    input = [3, 3, 3], operations = [layer, record, delay],
    dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
)]
struct Bare {
    glimpse: AttentionLstm<3, 4, 3>,
    #[readout]
    classifier: Classifier<4, 2>,
}

const UNITS: usize = 4;
const PLACES: usize = 9;
const CHANNELS: usize = 3;

/// Weights far enough from 0 that attention is not the same everywhere.
fn spread<M: DynModel<f64, Cpu>>(net: &mut M) {
    each_mut(net, |name, _, tensor| {
        let salt = name.len() as f64;
        let values = (0..tensor.values().len()).map(|at| 1.5 * (salt + 1.7 * at as f64).sin()).collect::<Vec<_>>();
        tensor.set_values(&values);
    });
}

fn row(weights: &[f64], row: usize, x: &[f64]) -> f64 {
    weights[row * x.len()..(row + 1) * x.len()].iter().zip(x).map(|(w, x)| w * x).sum()
}

#[test]
fn it_is_what_its_equations_say() {
    let dev = Cpu::seed_from_u64(4);
    let mut net = dev.build_module::<Bare, f64>();
    spread(&mut net);
    let frame: Tensor<(usize, Const<3>, Const<3>, Const<3>), f64, Cpu> =
        dev.sample_normal_like(&(2, Const, Const, Const));
    let (w, pixels) = (&net.glimpse, frame.as_vec());
    let (wx, wh, b, v) = (w.score_input.as_vec(), w.score_state.as_vec(), w.score_bias.as_vec(), w.score.as_vec());
    let (wi, wr, bias) = (w.weight_ih.as_vec(), w.weight_hh.as_vec(), w.bias.as_vec());
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());

    let mut state = net.reset();
    let (mut h, mut c) = ([[0.0; UNITS]; 2], [[0.0; UNITS]; 2]);
    for _ in 0..3 {
        net.try_step(frame.clone(), &mut state).unwrap();
        for image in 0..2 {
            let x = |place: usize| {
                (0..CHANNELS).map(|c| pixels[(image * CHANNELS + c) * PLACES + place]).collect::<Vec<_>>()
            };
            let score = |place: usize| -> f64 {
                let hidden = |a: usize| (row(&wx, a, &x(place)) + row(&wh, a, &h[image]) + b[a]).tanh();
                (0..UNITS).map(|a| v[a] * hidden(a)).sum::<f64>().exp()
            };
            let scores: Vec<f64> = (0..PLACES).map(score).collect();
            let looks: Vec<f64> = scores.iter().map(|score| score / scores.iter().sum::<f64>()).collect();
            let seen: Vec<f64> =
                (0..CHANNELS).map(|c| (0..PLACES).map(|place| looks[place] * x(place)[c]).sum()).collect();
            let before = h[image];
            let gate = |n: usize, u: usize| {
                let at = n * UNITS + u;
                row(&wi, at, &seen) + row(&wr, at, &before) + bias[at]
            };
            for u in 0..UNITS {
                c[image][u] = sigmoid(gate(1, u)) * c[image][u] + sigmoid(gate(0, u)) * gate(3, u).tanh();
                h[image][u] = sigmoid(gate(2, u)) * c[image][u].tanh();
            }
            let ours = state.glimpse.memory("attention").unwrap().as_vec();
            assert!(
                looks.iter().zip(&ours[image * PLACES..]).all(|(a, b)| (a - b).abs() < 1e-12),
                "{looks:?} {ours:?}"
            );
            let ours = state.glimpse.ago(1).unwrap().as_vec();
            assert!(h[image].iter().zip(&ours[image * UNITS..]).all(|(a, b)| (a - b).abs() < 1e-12), "{h:?} {ours:?}");
        }
    }
    // it looks at some places more than at others, and elsewhere than at first
    let looks = state.glimpse.memory("attention").unwrap().as_vec();
    assert!(looks.iter().copied().fold(0.0, f64::max) > 2.0 / PLACES as f64, "{looks:?}");
}

#[test]
fn gradients_agree_with_differences() {
    let dev = Cpu::seed_from_u64(5);
    let mut net = dev.build_module::<Small, f64>();
    spread(&mut net);
    let frame: Tensor<(usize, Const<2>, Const<6>, Const<6>), f64, Cpu> =
        dev.sample_normal_like(&(2, Const, Const, Const));
    let loss = |net: &SmallModel<f64, Cpu>| {
        let stimulus = Stimulus::constant(frame.clone(), 3).traced(net.alloc_grads());
        net.try_run(stimulus).unwrap().square().sum::<Rank0, _>()
    };
    let mut grads = loss(&net).backward();
    agree_with_differences(&net, &mut grads, |net| loss(net).as_vec()[0]);
}

#[test]
fn a_map_of_another_size_is_named() {
    #[dyn_model(input = [1, 5, 5], operations = [layer, record, delay])]
    struct Wide {
        glimpse: AttentionLstm<1, 2, 3>,
        #[readout]
        classifier: Classifier<2, 2>,
    }
    let dev = Cpu::default();
    let net = dev.build_module::<Wide, f64>();
    let frame: Tensor<(usize, Const<1>, Const<5>, Const<5>), f64, Cpu> = dev.zeros_like(&(1, Const, Const, Const));
    let error = net.try_run(Stimulus::constant(frame, 1)).unwrap_err().to_string();
    assert!(error.contains("3x3") && error.contains("5x5") && error.contains("glimpse"), "{error}");
}
