//! A time constant for each channel.

use crate::agree_with_differences;
use dfdx::prelude::{Rank0, SumTo};
use dynvision::nn::{EulerPerChannel, Identity, NoRecurrence};
use dynvision::optim::{OptimizerConfig, SgdConfig};
use dynvision::parameters::parameters;
use dynvision::prelude::*;
use dynvision::train::{TrainConfig, Trainer};

#[dyn_model(
    input = [1, 4, 4], operations = [layer, tstep, nonlin, record, delay], nonlin = none,
    dynamics(dt = 2.0, tau = 10.0, t_feedforward = 0.0, t_recurrence = 2.0),
)]
struct Slow {
    #[area(solver = EulerPerChannel<3, 4, 60>, nonlin = Identity)]
    v1: RConv2d<1, 3, 3, 1, NoRecurrence>,
    #[readout]
    classifier: Classifier<3, 10>,
}
#[dyn_model(
    input = [1, 4, 4], operations = [layer, tstep, record, delay], dynamics(dt = 2.0, tau = 10.0),
)]
struct Fixed {
    #[area(solver = EulerPerChannel<3, 4, 60, false>)]
    v1: RConv2d<1, 3, 3, 1, NoRecurrence>,
    #[readout]
    classifier: Classifier<3, 2>,
}
#[dyn_model(input = [1, 8, 8], operations = [layer, tstep, nonlin, record, delay])]
struct Digits {
    #[area(solver = EulerPerChannel<3, 4, 60>)]
    v1: RConv2d<1, 3, 3, 1, NoRecurrence>,
    #[readout]
    classifier: Classifier<3, 10>,
}

const TAUS: [f64; 3] = [5.0, 10.0, 40.0];

#[test]
fn each_channel_follows_its_drive_by_its_own_time_constant() {
    let dev = Cpu::seed_from_u64(1);
    let mut net = dev.build_module::<Slow, f64>();
    assert!(net.v1_tstep.taus().iter().all(|tau| (tau - 10.0).abs() < 1e-9), "{:?}", net.v1_tstep.taus());
    net.v1_tstep.set_taus(&TAUS).unwrap();
    let frame: Tensor<(usize, Const<1>, Const<4>, Const<4>), f64, _> =
        dev.sample_normal_like(&(1, Const, Const, Const));
    let (steps, units) = (7, 16);
    let (_, responses) = net.try_record(Stimulus::constant(frame.clone(), steps)).unwrap();
    let values = responses.v1.values.as_vec();
    // the drive, of a net that follows at once: one step of dt = tau
    let at = |step: usize, channel: usize, unit: usize| values[(step * 3 + channel) * units + unit];
    for (channel, tau) in TAUS.into_iter().enumerate() {
        let a = 2.0 / tau;
        for unit in 0..units {
            let drive = at(0, channel, unit) / a;
            for step in 0..steps {
                // y_n = x (1 - (1 - a)^n)
                let expected = drive * (1.0 - (1.0 - a).powi(step as i32 + 1));
                assert!((at(step, channel, unit) - expected).abs() < 1e-12, "channel {channel}, step {step}");
            }
        }
    }
    let loss = |net: &SlowModel<f64, Cpu>| {
        let stimulus = Stimulus::constant(frame.clone(), 5).traced(net.alloc_grads());
        net.try_run(stimulus).unwrap().square().sum::<Rank0, _>()
    };
    agree_with_differences(&net, &mut loss(&net).backward(), |net| loss(net).array());
}

#[test]
fn bounds_hold_through_any_update_and_fixed_ones_are_not_trained() {
    let dev = Cpu::seed_from_u64(1);
    let fixed = dev.build_module::<Fixed, f32>();
    let trained = |name: &str| parameters(&fixed).iter().find(|p| p.name == name).map(|p| p.trained);
    assert_eq!((trained("v1_tstep.raw"), trained("v1.conv.weight")), (Some(false), Some(true)));
    let images = dynvision::data::digits::train().unwrap().subset(&(0..40).collect::<Vec<_>>()).unwrap();
    let config = TrainConfig {
        epochs: 2,
        steps: 4,
        batch_size: 10,
        // far too much
        optimizer: OptimizerConfig::Sgd(SgdConfig { lr: 300.0, ..Default::default() }),
        progress: false,
        ..Default::default()
    };
    let mut net = dev.build_module::<Digits, f32>();
    net.v1_tstep.set_taus(&[5.0, 10.0, 50.0]).unwrap();
    let before = net.v1_tstep.taus();
    let mut trainer = Trainer::new(&dev, net, config).unwrap();
    // a loss that is no longer finite ends it; what was updated until then is within its bounds
    let _ = trainer.fit(&images, None);
    let after = trainer.net().v1_tstep.taus();
    assert_ne!(before, after);
    assert!(after.iter().all(|tau| (4.0..=60.0).contains(tau)), "{after:?}");
    let mut net = trainer.into_net();
    let says = net.v1_tstep.set_taus(&[5.0, 70.0, 5.0]).unwrap_err().to_string();
    assert!(says.contains("channel 1") && says.contains("70") && says.contains("60"), "{says}");
    assert!(net.v1_tstep.set_taus(&[5.0]).is_err());
    net.dynamics_mut().dt = 20.0;
    let frame = dev.sample_normal_like(&(1, Const, Const, Const));
    let says = net.try_run(Stimulus::constant(frame, 1)).unwrap_err().to_string();
    assert!(says.contains("dt = 20 ms"), "{says}");
}
