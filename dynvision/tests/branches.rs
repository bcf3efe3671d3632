//! An area may get its input from an earlier area than the one before it: two streams of one model.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod common;

use common::gradients;
use dfdx::prelude::{Rank0, SumTo};
use dynvision::model::GeneratedModel as _;
use dynvision::prelude::*;

/// `v1` feeds both streams; the readout sees the second, and the first by a skip.
#[dyn_model(
    input = [2, 8, 8], operations = [layer, nonlin, record, delay, pool],
    dynamics(dt = 1.0, t_feedforward = 1.0, t_recurrence = 1.0, t_skip = 0.0),
)]
struct Streams {
    #[area(pool = MaxPool2d<2>)]
    v1: RConv2d<2, 3>,
    dorsal: RConv2d<3, 4>,
    #[area(from = v1)]
    ventral: RConv2d<3, 5>,
    #[readout(skip(from = dorsal))]
    classifier: Classifier<5, 2>,
}

/// One stream alone.
#[dyn_model(
    input = [2, 8, 8], operations = [layer, nonlin, record, delay, pool],
    dynamics(dt = 1.0, t_feedforward = 1.0, t_recurrence = 1.0, t_skip = 0.0),
)]
struct Ventral {
    #[area(pool = MaxPool2d<2>)]
    v1: RConv2d<2, 3>,
    ventral: RConv2d<3, 5>,
    #[readout]
    classifier: Classifier<5, 2>,
}

#[test]
fn each_stream_is_what_it_is_alone() {
    assert_eq!((Streams::DORSAL.to_string(), Streams::VENTRAL.to_string()), ("4x4x4".into(), "5x4x4".into()));
    assert_eq!(Streams::WIRING.areas[2].input, Ventral::WIRING.areas[1].input);
    let dev = Cpu::seed_from_u64(1);
    let net = dev.build_module::<Streams, f64>();
    let mut alone = dev.build_module::<Ventral, f64>();
    (alone.v1, alone.ventral) = (net.v1.clone(), net.ventral.clone());
    let film = || {
        let dev = Cpu::seed_from_u64(2);
        Stimulus::frames(
            (0..5).map(|_| dev.sample_normal_like(&(3, Const, Const, Const))).collect(),
            dfdx::prelude::NoneTape,
        )
    };
    let (_, both) = net.try_record(film()).unwrap();
    let (_, one) = alone.try_record(film()).unwrap();
    assert_eq!(both.ventral.values.as_vec(), one.ventral.values.as_vec());
    assert_eq!((both.v1.onset(), both.dorsal.onset(), both.ventral.onset()), (Some(0), Some(1), Some(1)));
    assert!(both.dorsal.values.as_vec().iter().any(|&v| v > 0.0));
    assert_eq!(<StreamsModel<f64, Cpu>>::WIRING.areas.len(), 3);
}

#[test]
fn gradients_come_through_both_streams() {
    let dev = Cpu::seed_from_u64(1);
    let mut net = dev.build_module::<Streams, f64>();
    net.classifier_skip_dorsal.conv.iter_mut().for_each(|conv| {
        let strong = conv.weight.clone() * 1000.0;
        conv.weight = strong;
    });
    let frame: Tensor<(usize, Const<2>, Const<8>, Const<8>), f64, _> =
        dev.sample_normal_like(&(3, Const, Const, Const));
    let loss = |net: &StreamsModel<f64, Cpu>| {
        let logits = net.try_run(Stimulus::constant(frame.clone(), 4).traced(net.alloc_grads())).unwrap();
        logits.square().sum::<Rank0, _>()
    };
    let of = gradients(&net, &mut loss(&net).backward());
    let (name, step) = ("v1.conv.weight", 1e-6);
    for at in [0, 5, 17] {
        let at_distance = |by: f64| {
            let mut moved = net.clone();
            dynvision::parameters::each_mut(&mut moved, |other, _, tensor| {
                if other == name {
                    let mut values = tensor.values();
                    values[at] += by;
                    tensor.set_values(&values);
                }
            });
            loss(&moved).as_vec()[0]
        };
        let slope = (at_distance(step) - at_distance(-step)) / (2.0 * step);
        let ours = of[name][at];
        assert!((slope - ours).abs() <= 1e-5 * ours.abs().max(1e-6), "{slope} and {ours}");
    }
    for name in ["dorsal.conv.weight", "ventral.conv.weight", "classifier_skip_dorsal.conv.weight"] {
        assert!(of[name].iter().any(|&g| g != 0.0), "{name}");
    }
}
