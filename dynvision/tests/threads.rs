//! Threads change how long a run takes, and nothing else.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod common;

use common::gradients;
use dynvision::device::{set_threads, threads, with_threads};
use dynvision::loss::{CrossEntropy, Labels, Loss};
use dynvision::model::Frame;
use dynvision::optim::{Adam, AdamConfig};
use dynvision::prelude::*;
use dynvision::zoo::{DyRCNNx2, DyRCNNx4Feedback, SimpleRCNN};
use std::collections::BTreeMap;

/// The bits of logits, and of gradients by the names of their parameters.
type Bits = (Vec<u32>, BTreeMap<String, Vec<u32>>);

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Logits and gradients of a run of a fresh model, and its weights after two updates.
fn train<S: dfdx::nn::builders::BuildOnDevice<Cpu, f32>>(seed: u64) -> Bits
where
    S::Built: DynModel<f32, Cpu>,
{
    let dev = Cpu::seed_from_u64(seed);
    let mut net = dev.build_module::<S, f32>();
    let images: Frame<S::Built, usize, f32, Cpu> =
        dev.sample_normal_like(&(3, Default::default(), Default::default(), Default::default()));
    let mut optimizer = Adam::new(&net, AdamConfig::default()).unwrap();
    let (mut seen, mut grads) = (BTreeMap::new(), net.alloc_grads());
    let mut logits = Vec::new();
    for update in 0..2 {
        let run = net.try_run(Stimulus::constant(images.clone(), 5).traced(grads)).unwrap();
        logits.extend(bits(&run.as_vec()));
        let labels = Labels::constant(&[0, 1, 2], 5);
        let loss = Loss::<S::Built, f32, Cpu>::try_forward(&CrossEntropy::default(), &net, run, None, &labels).unwrap();
        grads = loss.backward();
        let named = gradients(&net, &mut grads);
        seen.extend(named.iter().map(|(name, values)| (format!("{name} at update {update}"), bits(values))));
        optimizer.step(&mut net, &mut grads).unwrap();
        net.zero_grads(&mut grads);
    }
    (logits, seen)
}

fn on_any_number_of_threads<S: dfdx::nn::builders::BuildOnDevice<Cpu, f32>>()
where
    S::Built: DynModel<f32, Cpu>,
{
    let one = with_threads(1, || train::<S>(1)).unwrap();
    for n in 2..=4 {
        let (logits, gradients) = with_threads(n, || train::<S>(1)).unwrap();
        assert!(logits == one.0, "logits on {n} threads");
        for (name, values) in &one.1 {
            assert!(&gradients[name] == values, "gradient of {name} on {n} threads");
        }
    }
}

#[test]
fn results_are_the_same_bits_on_any_number_of_threads() {
    on_any_number_of_threads::<DyRCNNx4Feedback>();
    on_any_number_of_threads::<DyRCNNx2<DepthPointwise>>();
    on_any_number_of_threads::<SimpleRCNN>();
}

#[test]
fn two_models_at_once_compute_what_each_does_alone() {
    let alone = (train::<DyRCNNx2>(1), train::<SimpleRCNN>(2));
    for _ in 0..3 {
        let at_once = std::thread::scope(|scope| {
            let (a, b) = (scope.spawn(|| train::<DyRCNNx2>(1)), scope.spawn(|| train::<SimpleRCNN>(2)));
            (a.join().unwrap(), b.join().unwrap())
        });
        assert!(at_once == alone, "one pool for both");
        let at_once = std::thread::scope(|scope| {
            let a = scope.spawn(|| with_threads(2, || train::<DyRCNNx2>(1)).unwrap());
            let b = scope.spawn(|| with_threads(3, || train::<SimpleRCNN>(2)).unwrap());
            (a.join().unwrap(), b.join().unwrap())
        });
        assert!(at_once == alone, "a pool for each");
    }
}

#[test]
fn one_model_may_be_read_by_two_threads() {
    let dev = Cpu::seed_from_u64(3);
    let net = dev.build_module::<SimpleRCNN, f32>();
    let images = dev.sample_normal_like(&(2, Const, Const, Const));
    let run = || net.try_run(Stimulus::constant(images.clone(), 4)).unwrap().as_vec();
    let alone = run();
    let both = std::thread::scope(|scope| [scope.spawn(run), scope.spawn(run)].map(|thread| thread.join().unwrap()));
    assert_eq!(both, [alone.clone(), alone]);
}

#[test]
fn impossible_numbers_of_threads_are_refused() {
    assert_eq!(with_threads(3, threads).unwrap(), 3);
    let error = with_threads(0, || ()).unwrap_err().to_string();
    assert!(error.contains("set at least 1"), "{error}");
    // the pool of this process runs after this, with as many threads as it was given
    let running = threads();
    set_threads(running).unwrap();
    let error = set_threads(running + 1).unwrap_err().to_string();
    assert!(error.contains(&format!("the CPU's {running} threads run already")), "{error}");
    assert!(error.contains(&format!("with_threads({}, ..)", running + 1)), "{error}");
    assert!(set_threads(0).is_err());
}
