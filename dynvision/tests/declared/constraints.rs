//! Constraints hold after updates, in a checkpoint and in weights that are taken up: signs by Dale's law, symmetric kernels,
//! connections that are not there.

use dfdx::tensor_ops::MeanTo;
use dynvision::data::{Images, digits};
use dynvision::interop::Weights;
use dynvision::model::DynModel;
use dynvision::nn::{Dann, EiRates, Full, HGru, LayerKernel, Mask, Masked, PublishedForm};
use dynvision::optim::{OptimizerConfig, SgdConfig};
use dynvision::prelude::*;
use dynvision::train::{Checkpoint, TrainConfig, Trainer};

/// Of five units the first three excite.
#[dyn_model(
    input = [1, 8, 8], operations = [layer, record, delay],
    dynamics(dt = 20.0, tau = 100.0, t_feedforward = 0.0, t_recurrence = 20.0),
)]
struct Signed {
    rates: EiRates<1, 5, 3>,
    #[readout]
    classifier: Classifier<5, 10>,
}
#[dyn_model(
    input = [1, 8, 8], operations = [layer, record, delay], dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
)]
struct Symmetric {
    first: RConv2d<1, 3>,
    h: HGru<3, 3, 0, PublishedForm>,
    #[readout]
    classifier: Classifier<3, 10>,
}
#[dyn_model(
    input = [1, 8, 8], operations = [layer, nonlin, record, delay],
    dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
)]
struct Separate {
    v1: Dann<1, 4, 2>,
    #[readout]
    classifier: Classifier<4, 10>,
}

/// Connections between channels, none from one to itself.
#[derive(Clone, Debug)]
struct Others;
impl Mask for Others {
    fn connects(to: usize, from: usize, _: usize, _: usize) -> bool {
        to != from
    }
}
#[dyn_model(
    input = [1, 8, 8], operations = [layer, nonlin, record, delay],
    dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
)]
struct Sparse {
    v1: RConv2d<1, 3, 3, 1, Full<LayerKernel, Masked<Others>>>,
    #[readout]
    classifier: Classifier<3, 10>,
}

fn images() -> Images {
    digits::train().unwrap().subset(&(0..40).collect::<Vec<_>>()).unwrap()
}

fn config() -> TrainConfig {
    let optimizer = OptimizerConfig::Sgd(SgdConfig { lr: 1.0, ..Default::default() });
    TrainConfig { epochs: 1, steps: 3, batch_size: 10, optimizer, progress: false, ..Default::default() }
}

/// Trains, then builds the model anew and takes up what a checkpoint has.
fn through_a_checkpoint<M: DynModel<f32, Cpu>>(trainer: &Trainer<M, f32, Cpu>, mut fresh: M) -> M {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    trainer.save(&path).unwrap();
    Checkpoint::read(&path).unwrap().load_into(&mut fresh).unwrap();
    fresh
}

/// How the rates change one step after `x` of unit `from` was raised.
fn effect(net: &SignedModel<f32, Cpu>, from: usize) -> Vec<f32> {
    let dev = Cpu::default();
    let run = |raised: f32| {
        let mut state = net.reset::<usize>();
        let x = (0..5).flat_map(|unit| [5.0 + if unit == from { raised } else { 0.0 }; 64]).collect::<Vec<f32>>();
        state.rates.set_memory("x", dev.tensor_from_vec(x, (1, 5, 8, 8)));
        net.try_step(dev.zeros_like(&(1, Const, Const, Const)), &mut state).unwrap();
        state.rates.memory("x").unwrap().as_vec()
    };
    let (raised, still) = (run(1.0), run(0.0));
    (0..5).map(|unit| raised[unit * 64] - still[unit * 64]).collect()
}

#[test]
fn units_keep_their_sign() {
    let dev = Cpu::seed_from_u64(1);
    let mut trainer = Trainer::new(&dev, dev.build_module::<Signed, f32>(), config()).unwrap();
    let before = trainer.net().rates.w_rec.as_vec();
    trainer.fit(&images(), None).unwrap();
    let raw = trainer.net().rates.w_rec.as_vec();
    assert!(raw != before && raw.iter().any(|&w| w < 0.0) && raw.iter().any(|&w| w > 0.0));
    let mut imported = dev.build_module::<Signed, f32>();
    let mut weights = trainer.net().weights();
    // weights of the wrong sign from elsewhere
    let flipped: Vec<f32> = raw.iter().map(|w| -w).collect();
    imported.set_weights(&weights).unwrap();
    weights.insert("rates.w_rec", &[5, 5], &flipped);
    imported.set_weights(&weights).unwrap();
    let nets = [trainer.net().clone(), through_a_checkpoint(&trainer, dev.build_module::<Signed, f32>()), imported];
    for net in &nets {
        let mut acts = 0;
        for from in 0..5 {
            for (to, change) in effect(net, from).into_iter().enumerate() {
                let (own, sign) = (to == from, if from < 3 { 1.0 } else { -1.0 });
                match own {
                    // what it keeps of itself by its leak, and nothing by a connection
                    true => assert!((change - 0.8).abs() < 1e-5, "{from} to itself: {change}"),
                    false => assert!(change * sign > -1e-5, "{from} to {to}: {change}"),
                }
                acts += usize::from(!own && change.abs() > 1e-4);
            }
        }
        assert!(acts > 0);
    }
    assert_eq!(nets[0].rates.w_rec.as_vec(), nets[1].rates.w_rec.as_vec());
}

/// The same with the channels of the horizontal kernel exchanged.
fn exchanged(net: &SymmetricModel<f32, Cpu>) -> SymmetricModel<f32, Cpu> {
    let (mut other, values) = (net.clone(), net.h.horizontal.as_vec());
    let at = |o: usize, i: usize, k: usize| values[(o * 3 + i) * 9 + k];
    let swapped: Vec<f32> = (0..81).map(|n| at(n / 9 % 3, n / 27, n % 9)).collect();
    other.h.horizontal.copy_from(&swapped);
    other
}

#[test]
fn a_symmetric_kernel_acts_symmetrically() {
    let dev = Cpu::seed_from_u64(1);
    let mut trainer = Trainer::new(&dev, dev.build_module::<Symmetric, f32>(), config()).unwrap();
    trainer.fit(&images(), None).unwrap();
    let fresh = dev.build_module::<Symmetric, f32>();
    let loaded = through_a_checkpoint(&trainer, fresh.clone());
    let mut imported = fresh;
    let mut weights = imported.weights();
    // a kernel that is not symmetric at all
    weights.insert("h.horizontal", &[3, 3, 3, 3], &(0..81).map(|n| (n as f32 * 0.7).sin()).collect::<Vec<f32>>());
    imported.set_weights(&weights).unwrap();
    let frame: Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, _> =
        dev.sample_normal_like(&(2, Const, Const, Const));
    for net in [trainer.net().clone(), loaded, imported] {
        let run = |net: &SymmetricModel<f32, Cpu>| net.try_run(Stimulus::constant(frame.clone(), 4)).unwrap().as_vec();
        let other = exchanged(&net);
        assert_ne!(other.h.horizontal.as_vec(), net.h.horizontal.as_vec());
        let far = run(&net).iter().zip(run(&other)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-5, "{far}");
    }
}

#[test]
fn what_may_not_be_negative_is_put_back_after_each_update() {
    let dev = Cpu::seed_from_u64(1);
    let fit = |constrained: bool| {
        let mut trainer = Trainer::new(&dev, Cpu::seed_from_u64(2).build_module::<Separate, f32>(), config()).unwrap();
        if constrained {
            trainer = trainer.constrained(|net: &mut SeparateModel<f32, Cpu>| net.v1.constrain());
        }
        trainer.fit(&images(), None).unwrap();
        let net = through_a_checkpoint(&trainer, dev.build_module::<Separate, f32>());
        [net.v1.wex.as_vec(), net.v1.wix.as_vec(), net.v1.wei.as_vec(), net.v1.g.as_vec()].concat()
    };
    assert!(fit(false).iter().any(|&w| w < 0.0), "nothing would become negative without it");
    let held = fit(true);
    assert!(held.iter().all(|&w| w >= 0.0) && held.iter().any(|&w| w > 0.0));
}

#[test]
fn what_is_negative_in_an_import_acts_as_nothing_and_can_come_back() {
    let dev = Cpu::seed_from_u64(1);
    let net = dev.build_module::<Separate, f32>();
    let frame: Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, _> =
        dev.sample_uniform_like(&(2, Const, Const, Const));
    let with = |value: f32| {
        let (mut net, mut weights) = (net.clone(), net.weights());
        let mut wei = net.v1.wei.as_vec();
        wei[3] = value;
        weights.insert("v1.wei", &[4, 2], &wei);
        net.set_weights(&weights).unwrap();
        let run = net.try_run(Stimulus::constant(frame.leaky_trace(), 3));
        let run = run.unwrap();
        let values = run.as_vec();
        let gradient = run.square().mean().backward().get(&net.v1.wei).as_vec()[3];
        (values, gradient)
    };
    let (nothing, pull) = with(0.0);
    assert_eq!(with(-0.5), (nothing.clone(), pull));
    assert_ne!(with(0.5).0, nothing);
    assert!(pull != 0.0, "it is not stuck");
}

#[test]
fn a_connection_that_is_not_there_never_comes() {
    let dev = Cpu::seed_from_u64(1);
    let mut trainer = Trainer::new(&dev, dev.build_module::<Sparse, f32>(), config()).unwrap();
    let raw = |net: &SparseModel<f32, Cpu>| {
        let weights = net.weights();
        weights.get::<f32>("v1.recurrence.weight", &[3, 3, 3, 3]).unwrap()
    };
    let before = raw(trainer.net());
    trainer.fit(&images(), None).unwrap();
    let after = raw(trainer.net());
    let to_itself = |n: usize| n / 27 == n / 9 % 3;
    assert!((0..81).filter(|&n| to_itself(n)).all(|n| before[n] == after[n]), "it gets no gradient");
    assert!((0..81).filter(|&n| !to_itself(n)).any(|n| before[n] != after[n]));
    let loaded = through_a_checkpoint(&trainer, dev.build_module::<Sparse, f32>());
    assert_eq!(raw(&loaded), after);
    // what is taken up there acts as nothing
    let frame: Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, _> =
        dev.sample_normal_like(&(2, Const, Const, Const));
    let run = |net: &SparseModel<f32, Cpu>| net.try_run(Stimulus::constant(frame.clone(), 4)).unwrap().as_vec();
    let with = |changed: &dyn Fn(usize) -> bool| {
        let mut imported = loaded.clone();
        let mut weights = imported.weights();
        let values: Vec<f32> = (0..81).map(|n| if changed(n) { 3.0 } else { after[n] }).collect();
        weights.insert("v1.recurrence.weight", &[3, 3, 3, 3], &values);
        imported.set_weights(&weights).unwrap();
        run(&imported)
    };
    assert_eq!(with(&to_itself), run(&loaded));
    assert_ne!(with(&|n| !to_itself(n)), run(&loaded));
}
