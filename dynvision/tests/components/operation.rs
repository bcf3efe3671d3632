//! Operations that keep the shape of a map.

use crate::differences::{Maps64, drawn, gradients_are_differences, perturb};
use dfdx::prelude::*;
use dynvision::geometry::Map;
use dynvision::nn::{
    BatchNorm, Dropout, Empty, FeatureBias, GroupNorm, LayerNorm, Operation, ScalarBias, SpatialBias, Spec,
    SupraLinearity, UnitNoise,
};
use dynvision::time::{Mode, Plan};
use dynvision::unroll::Context;

type Built64<S> = <S as Spec>::Built<f64, Cpu>;

fn untaped() -> Context<f64, Cpu> {
    Context::new(NoneTape, Plan::default())
}

#[test]
fn a_bias_stands_in_for_an_absent_signal() {
    fn of<N: Operation>(bias: impl Fn(&N::Built<f64, Cpu>) -> Vec<f64>)
    where
        N::Built<f64, Cpu>: BuildModule<Cpu, f64>,
    {
        let mut built: N::Built<f64, Cpu> = BuildModule::try_build(&Cpu::default()).unwrap();
        perturb(&mut built);
        let mut cx = untaped();
        cx.set_batch(2);
        cx.set_input(Map::new(3, 4, 5));
        let alone = N::absent(&built, &mut cx).unwrap().unwrap().as_vec();
        let bias = bias(&built);
        let run = 60 / bias.len();
        assert!(alone.iter().enumerate().all(|(i, &v)| v != 0.0 && v == bias[i % 60 / run]));
    }
    of::<SpatialBias<3, 4, 5>>(|built| built.bias.as_vec());
    of::<FeatureBias<3>>(|built| built.bias.as_vec());
    of::<ScalarBias>(|built| built.bias.as_vec());
}

#[test]
fn gradients_of_supralinearity() {
    // between the clamps, on both sides of 0
    gradients_are_differences(&mut Empty, &drawn::<2>(2, 3, 3), |_, x, cx| {
        SupraLinearity::<1500, 700>::forward(&Empty, x, cx)
    });
}

#[test]
fn gradients_of_biases() {
    fn of<N: Operation>()
    where
        N::Built<f64, Cpu>: BuildModule<Cpu, f64>,
    {
        let mut built: N::Built<f64, Cpu> = BuildModule::try_build(&Cpu::default()).unwrap();
        gradients_are_differences(&mut built, &drawn::<2>(3, 2, 3), |built, x, cx| {
            let &(b, c, h, w) = x.shape();
            cx.set_batch(b);
            cx.set_input(Map::new(c, h, w));
            let alone = N::absent(built, cx)?.unwrap();
            // once on a tensor that nobody else holds, once on one that is needed again
            let y = N::forward(built, alone, cx)?;
            dynvision::ops::gain(&y, &N::forward(built, x, cx)?, cx)
        });
    }
    of::<SpatialBias<2, 2, 3>>();
    of::<FeatureBias<2>>();
    of::<ScalarBias>();
}

#[test]
fn a_bias_of_another_size_is_refused() {
    let built: Built64<SpatialBias<2, 3, 3>> = BuildModule::try_build(&Cpu::default()).unwrap();
    let error = SpatialBias::<2, 3, 3>::forward(&built, drawn::<2>(1, 2, 3), &mut untaped()).unwrap_err();
    assert!(error.to_string().contains("bias of a map"), "{error}");
}

/// The moments of each set of units, computed the long way.
fn standardized(x: &[f64], same: impl Fn(usize, usize) -> bool) -> Vec<f64> {
    (0..x.len())
        .map(|i| {
            let set: Vec<f64> = (0..x.len()).filter(|&j| same(i, j)).map(|j| x[j]).collect();
            let mean = set.iter().sum::<f64>() / set.len() as f64;
            let variance = set.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / set.len() as f64;
            (x[i] - mean) / (variance + 1e-5).sqrt()
        })
        .collect()
}

fn close(found: &[f64], want: &[f64]) {
    assert_eq!(found.len(), want.len());
    assert!(found.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} but {want:?}");
}

#[test]
fn group_norm_is_its_equation() {
    let (x, units) = (drawn::<6>(2, 2, 3), 6);
    let mut norm: Built64<GroupNorm<3, 6>> = BuildModule::try_build(&Cpu::default()).unwrap();
    norm.weight.copy_from(&[1.0, 2.0, -1.0, 0.5, 3.0, 1.5]);
    norm.bias.copy_from(&[0.1, 0.0, -0.2, 0.3, 1.0, -1.0]);
    let y = GroupNorm::<3, 6>::forward(&norm, x.clone(), &mut untaped()).unwrap();
    let mut want = standardized(&x.as_vec(), |i, j| i / (2 * units) == j / (2 * units));
    for (i, v) in want.iter_mut().enumerate() {
        *v = *v * norm.weight.as_vec()[i / units % 6] + norm.bias.as_vec()[i / units % 6];
    }
    close(&y.as_vec(), &want);
}

#[test]
fn layer_norm_takes_a_sample_together() {
    let x = drawn::<3>(2, 2, 3);
    let norm: Built64<LayerNorm<3>> = BuildModule::try_build(&Cpu::default()).unwrap();
    let y = LayerNorm::<3>::forward(&norm, x.clone(), &mut untaped()).unwrap();
    close(&y.as_vec(), &standardized(&x.as_vec(), |i, j| i / 18 == j / 18));
}

#[test]
fn gradients_of_group_norm() {
    let mut norm: Built64<GroupNorm<2, 4>> = BuildModule::try_build(&Cpu::default()).unwrap();
    norm.weight.copy_from(&[1.0, 2.0, -1.0, 0.5]);
    gradients_are_differences(&mut norm, &drawn::<4>(2, 2, 3), GroupNorm::<2, 4>::forward);
}

#[test]
fn gradients_of_batch_norm() {
    let mut norm: Built64<BatchNorm<3>> = BuildModule::try_build(&Cpu::default()).unwrap();
    norm.weight.copy_from(&[1.0, 2.0, -1.0]);
    gradients_are_differences(&mut norm, &drawn::<3>(3, 2, 2), |norm, x, cx| {
        let mut trains = Context::new(std::mem::take(&mut cx.tape), Plan::default()).in_mode(Mode::Training);
        let y = BatchNorm::<3>::forward(norm, x, &mut trains);
        cx.tape = trains.into_tape();
        y
    });
    norm.running_mean.copy_from(&[0.3, -0.2, 1.0]);
    norm.running_var.copy_from(&[2.0, 0.5, 1.5]);
    gradients_are_differences(&mut norm, &drawn::<3>(3, 2, 2), BatchNorm::<3>::forward);
}

#[test]
fn batch_norm_trains_by_the_batch_and_runs_by_its_running_moments() {
    let x = drawn::<3>(4, 2, 3);
    let mut norm: Built64<BatchNorm<3>> = BuildModule::try_build(&Cpu::default()).unwrap();
    let channel = |i: usize| i / 6 % 3;
    let mut cx = Context::new(NoneTape, Plan::default()).in_mode(Mode::Training);
    let y = BatchNorm::<3>::forward(&norm, x.clone(), &mut cx).unwrap();
    close(&y.as_vec(), &standardized(&x.as_vec(), |i, j| channel(i) == channel(j)));
    assert_eq!(norm.running_mean.as_vec(), [0.0; 3]);

    // a second step of the same run, then both are absorbed in order
    let second: Maps64 = cx.run(x.clone(), |x| x.try_mul(2.0)).unwrap();
    BatchNorm::<3>::forward(&norm, second, &mut cx).unwrap();
    cx.take_statistics().absorb(&mut norm).unwrap();
    let of = |c: usize| (0..72).filter(|&i| channel(i) == c).map(|i| x.as_vec()[i]).collect::<Vec<_>>();
    let (mut means, mut variances) = (vec![], vec![]);
    for c in 0..3 {
        let mean = of(c).iter().sum::<f64>() / 24.0;
        let variance = of(c).iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 23.0;
        means.push(0.9 * 0.1 * mean + 0.1 * 2.0 * mean);
        variances.push(0.9 * (0.9 + 0.1 * variance) + 0.1 * 4.0 * variance);
    }
    close(&norm.running_mean.as_vec(), &means);
    close(&norm.running_var.as_vec(), &variances);

    let y = BatchNorm::<3>::forward(&norm, x.clone(), &mut untaped()).unwrap();
    let want = x
        .as_vec()
        .into_iter()
        .enumerate()
        .map(|(i, v)| (v - means[channel(i)]) / (variances[channel(i)] + 1e-5).sqrt());
    close(&y.as_vec(), &want.collect::<Vec<_>>());
    assert_eq!(norm.num_trainable_params(), 6);
}

#[test]
fn noise_in_the_units_is_normal_and_new_at_each_step() {
    let x: Maps64 = Cpu::seed_from_u64(3).ones_like(&(5, 4, 20, 20));
    let mut cx = Context::new(OwnedTape::default(), Plan::default());
    let [y, again] = [(); 2].map(|()| UnitNoise::<500>::forward(&Empty, x.clone(), &mut cx).unwrap());
    let noise = |y: &Maps64| y.as_vec().iter().map(|y| (y - 1.0) / 0.5).collect::<Vec<_>>();
    for noise in [noise(&y), noise(&again)] {
        // moments of the normal distribution, and the share within one deviation
        let mean = |of: &dyn Fn(f64) -> f64| noise.iter().map(|&n| of(n)).sum::<f64>() / 8000.0;
        assert!(mean(&|n| n).abs() < 0.04 && (mean(&|n| n * n) - 1.0).abs() < 0.06);
        assert!((mean(&|n| n.powi(4)) - 3.0).abs() < 0.4);
        assert!((mean(&|n| f64::from(u8::from(n.abs() < 1.0))) - 0.6827).abs() < 0.03);
    }
    let together = noise(&y).iter().zip(noise(&again)).map(|(a, b)| a * b).sum::<f64>() / 8000.0;
    assert!(together.abs() < 0.05, "{together}");
    let grads = y.put_tape(cx.into_tape()).sum::<Rank0, _>().backward();
    assert!(grads.get(&x).as_vec().iter().all(|&g| g == 1.0));
    // in evaluation too, and none of strength 0
    assert_ne!(UnitNoise::<500>::forward(&Empty, x.clone(), &mut untaped()).unwrap().as_vec(), x.as_vec());
    assert_eq!(UnitNoise::<0>::forward(&Empty, x.clone(), &mut untaped()).unwrap().as_vec(), x.as_vec());
}

#[test]
fn dropout_silences_its_share_and_keeps_the_mean() {
    let x: Maps64 = Cpu::seed_from_u64(3).ones_like(&(5, 4, 20, 20));
    let mut cx = Context::new(OwnedTape::default(), Plan::default()).in_mode(Mode::Training);
    let y = Dropout::<30>::forward(&Empty, x.clone(), &mut cx).unwrap();
    let silent = y.as_vec().iter().filter(|&&v| v == 0.0).count() as f64 / 8000.0;
    assert!((silent - 0.3).abs() < 0.03, "{silent}");
    assert!(y.as_vec().iter().all(|&v| v == 0.0 || (v - 1.0 / 0.7).abs() < 1e-12));
    let grads = y.clone().put_tape(cx.into_tape()).sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&x).as_vec(), y.as_vec());
    assert_eq!(Dropout::<30>::forward(&Empty, x.clone(), &mut untaped()).unwrap().as_vec(), x.as_vec());
    let mut records = Context::new(OwnedTape::default(), Plan::default());
    assert_eq!(Dropout::<30>::forward(&Empty, x.clone(), &mut records).unwrap().as_vec(), x.as_vec());
}
