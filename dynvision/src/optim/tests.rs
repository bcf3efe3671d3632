//! Against the equations written out naively in `f64`, against dfdx's own optimizers, and against the composed kernels.

#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::{
    Adam, AdamConfig, AdamStep, Clip, Group, Groups, OptimError, Optimizer, OptimizerConfig, ParameterKernel, RmsProp,
    RmsPropConfig, Sgd, SgdConfig, SgdStep, UpdateRule, WeightDecay,
};
use crate::file::{StateDict, StateError};
use crate::kernels::Element;
use crate::kernels::optimizer::composed;
use dfdx::nn::modules::Linear;
use dfdx::optim as theirs;
use dfdx::prelude::*;
use proptest::prelude::*;

type Vector<E> = Tensor<(usize,), E, Cpu>;

/// Two parameters, of which one is split over threads.
struct Model<E: Dtype, D: Device<E>> {
    first: Tensor<Rank1<3>, E, D>,
    second: Tensor<Rank2<40, 1000>, E, D>,
}

impl<E: Dtype, D: Device<E>> TensorCollection<E, D> for Model<E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Model<E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor("area.weight", |m| &m.first, |m| &mut m.first, TensorOptions::reset_to_zeros()),
                Self::tensor("area.recurrence", |m| &m.second, |m| &mut m.second, TensorOptions::reset_to_zeros()),
            ),
            |(first, second)| Model { first, second },
        )
    }
}

/// Numbers around zero that differ from step to step.
fn wave(len: usize, step: usize) -> Vec<f64> {
    (0..len).map(|i| ((i * 7 + step * 13 + 1) as f64 * 0.37).sin() * (0.2 + (i % 5) as f64)).collect()
}

fn model<E: Element>() -> Model<E, Cpu>
where
    Cpu: Device<E>,
{
    let dev = Cpu::default();
    let mut model = Model { first: dev.zeros(), second: dev.zeros() };
    model.first.copy_from(&narrow(&wave(3, 100)));
    model.second.copy_from(&narrow(&wave(40_000, 101)));
    model
}

fn narrow<E: Element>(values: &[f64]) -> Vec<E> {
    values.iter().map(|&value| E::narrow(value)).collect()
}

fn gradients<E: Element>(model: &Model<E, Cpu>, step: usize) -> Gradients<E, Cpu>
where
    Cpu: Device<E>,
{
    let mut grads = Gradients::leaky();
    let buffer = |values: Vec<f64>| ParameterKernel::<E>::buffer(&Cpu::default(), &narrow(&values)).unwrap();
    *grads.get_or_alloc_mut(&model.first).unwrap() = buffer(wave(3, step));
    *grads.get_or_alloc_mut(&model.second).unwrap() = buffer(wave(40_000, step + 50));
    grads
}

fn values<E: Element>(model: &Model<E, Cpu>) -> Vec<f64>
where
    Cpu: Device<E>,
{
    model.first.as_vec().into_iter().chain(model.second.as_vec()).map(E::wide).collect()
}

fn gradient_values(step: usize) -> Vec<f64> {
    [wave(3, step), wave(40_000, step + 50)].concat()
}

fn assert_close(ours: &[f64], expected: &[f64], tolerance: f64) {
    let worst = ours.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(ours.len() == expected.len() && worst <= tolerance, "worst difference {worst:e}");
}

fn l2_and_decoupled(decay: Option<WeightDecay>) -> (f64, f64) {
    match decay {
        None => (0.0, 0.0),
        Some(WeightDecay::L2(wd)) => (wd, 0.0),
        Some(WeightDecay::Decoupled(wd)) => (0.0, wd),
    }
}

/// Adam in the order of PyTorch's documentation.
fn naive_adam(config: &AdamConfig, p: &mut [f64], steps: usize) {
    let (mut m, mut v) = (vec![0.0; p.len()], vec![0.0; p.len()]);
    let (l2, decoupled) = l2_and_decoupled(config.weight_decay);
    for t in 1..=steps {
        for (i, mut g) in gradient_values(t).into_iter().enumerate() {
            g += l2 * p[i];
            p[i] -= config.lr * decoupled * p[i];
            m[i] = config.betas[0] * m[i] + (1.0 - config.betas[0]) * g;
            v[i] = config.betas[1] * v[i] + (1.0 - config.betas[1]) * g * g;
            let m_hat = m[i] / (1.0 - config.betas[0].powi(t as i32));
            let v_hat = v[i] / (1.0 - config.betas[1].powi(t as i32));
            p[i] -= config.lr * m_hat / (v_hat.sqrt() + config.eps);
        }
    }
}

/// Gradient descent in the order of PyTorch's documentation.
fn naive_sgd(config: &SgdConfig, p: &mut [f64], steps: usize) {
    let mut b = vec![0.0; p.len()];
    let (l2, decoupled) = l2_and_decoupled(config.weight_decay);
    for t in 1..=steps {
        for (i, mut g) in gradient_values(t).into_iter().enumerate() {
            let decay = config.lr * decoupled * p[i];
            g += l2 * p[i];
            b[i] = config.momentum * b[i] + g;
            g = if config.nesterov { g + config.momentum * b[i] } else { b[i] };
            p[i] -= config.lr * g + decay;
        }
    }
}

/// RMSprop in the order of PyTorch's documentation, where the root is taken before `eps` is added.
fn naive_rms_prop(config: &RmsPropConfig, p: &mut [f64], steps: usize) {
    let (mut v, mut a, mut b) = (vec![0.0; p.len()], vec![0.0; p.len()], vec![0.0; p.len()]);
    let (l2, decoupled) = l2_and_decoupled(config.weight_decay);
    for t in 1..=steps {
        for (i, mut g) in gradient_values(t).into_iter().enumerate() {
            let decay = config.lr * decoupled * p[i];
            g += l2 * p[i];
            v[i] = config.alpha * v[i] + (1.0 - config.alpha) * g * g;
            let mut spread = v[i];
            if config.centered {
                a[i] = config.alpha * a[i] + (1.0 - config.alpha) * g;
                spread -= a[i] * a[i];
            }
            b[i] = config.momentum * b[i] + g / (spread.sqrt() + config.eps);
            p[i] -= config.lr * b[i] + decay;
        }
    }
}

fn trained<E: Element, R: UpdateRule>(rule: R, steps: usize) -> Vec<f64>
where
    Cpu: Device<E>,
{
    let mut model = model::<E>();
    let mut optim = Optimizer::new(&model, rule).unwrap();
    for step in 1..=steps {
        let mut grads = gradients(&model, step);
        optim.step(&mut model, &mut grads).unwrap();
    }
    assert_eq!(optim.updates(), steps as u64);
    values(&model)
}

const DECAYS: [Option<WeightDecay>; 3] = [None, Some(WeightDecay::L2(0.03)), Some(WeightDecay::Decoupled(0.05))];

fn adams() -> impl Iterator<Item = AdamConfig> {
    DECAYS.into_iter().map(|weight_decay| AdamConfig { lr: 0.02, betas: [0.8, 0.95], eps: 1e-6, weight_decay })
}

fn sgds() -> impl Iterator<Item = SgdConfig> {
    let momenta = [(0.0, false), (0.7, false), (0.7, true)];
    DECAYS.into_iter().flat_map(move |weight_decay| {
        momenta.map(|(momentum, nesterov)| SgdConfig { lr: 0.02, momentum, nesterov, weight_decay })
    })
}

fn rms_props() -> impl Iterator<Item = RmsPropConfig> {
    DECAYS.into_iter().flat_map(move |weight_decay| {
        [(0.0, false), (0.7, false), (0.0, true), (0.7, true)].map(|(momentum, centered)| RmsPropConfig {
            lr: 0.02,
            alpha: 0.9,
            eps: 1e-3,
            momentum,
            centered,
            weight_decay,
        })
    })
}

#[test]
fn rms_prop_is_its_equation() {
    for config in rms_props() {
        let mut expected = values(&model::<f64>());
        naive_rms_prop(&config, &mut expected, 12);
        assert_close(&trained::<f64, _>(config, 12), &expected, 1e-11);
        // a variance is a small difference of two squares, which single precision rounds
        let tolerance = if config.centered { 1e-3 } else { 1e-5 };
        assert_close(&trained::<f32, _>(OptimizerConfig::RmsProp(config), 12), &expected, tolerance);
    }
}

/// A gradient that stays the same: after `t` updates the mean square is `(1 - alpha^t) g^2`, and the centred one
/// `(alpha^t - alpha^2t) g^2`.
#[test]
fn three_updates_of_rms_prop_are_those_of_the_closed_form() {
    let (g, lr, alpha) = (-0.3f64, 0.1, 0.9f64);
    for centered in [false, true] {
        let dev = Cpu::default();
        let mut p: Tensor<Rank1<1>, f64, Cpu> = dev.tensor([2.0]);
        let config = RmsPropConfig { lr, alpha, eps: 1e-4, centered, ..Default::default() };
        let mut optim = RmsProp::new(&p, config).unwrap();
        let mut expected = 2.0;
        for t in 1..=3 {
            let mut grads = (p.leaky_trace() * g).sum().backward();
            optim.step(&mut p, &mut grads).unwrap();
            let kept = alpha.powi(t);
            let spread = if centered { kept - kept * kept } else { 1.0 - kept };
            expected -= lr * g / (spread.sqrt() * g.abs() + 1e-4);
            assert!((p.array()[0] - expected).abs() < 1e-12, "{centered} {t}: {} {expected}", p.array()[0]);
        }
    }
}

#[test]
fn adam_is_its_equation() {
    for config in adams() {
        let mut expected = values(&model::<f64>());
        naive_adam(&config, &mut expected, 12);
        assert_close(&trained::<f64, _>(config, 12), &expected, 1e-12);
        assert_close(&trained::<f32, _>(OptimizerConfig::Adam(config), 12), &expected, 1e-5);
    }
}

#[test]
fn sgd_is_its_equation() {
    for config in sgds() {
        let mut expected = values(&model::<f64>());
        naive_sgd(&config, &mut expected, 12);
        assert_close(&trained::<f64, _>(config, 12), &expected, 1e-12);
        assert_close(&trained::<f32, _>(OptimizerConfig::Sgd(config), 12), &expected, 1e-5);
    }
}

fn their_decay(decay: Option<WeightDecay>) -> Option<theirs::WeightDecay> {
    decay.map(|decay| match decay {
        WeightDecay::L2(wd) => theirs::WeightDecay::L2(wd),
        WeightDecay::Decoupled(wd) => theirs::WeightDecay::Decoupled(wd),
    })
}

fn trained_by_theirs(mut optim: impl theirs::Optimizer<Model<f64, Cpu>, Cpu, f64>, steps: usize) -> Vec<f64> {
    let mut model = model::<f64>();
    for step in 1..=steps {
        let grads = gradients(&model, step);
        optim.update(&mut model, &grads).unwrap();
    }
    values(&model)
}

#[test]
fn both_are_those_of_dfdx() {
    let unused = model::<f64>();
    for config in adams() {
        let AdamConfig { lr, betas, eps, weight_decay } = config;
        let their_config = theirs::AdamConfig { lr, betas, eps, weight_decay: their_decay(weight_decay) };
        let expected = trained_by_theirs(theirs::Adam::new(&unused, their_config), 8);
        assert_close(&trained::<f64, _>(config, 8), &expected, 1e-12);
        // Through dfdx's trait.
        assert_close(&trained_by_theirs(Adam::new(&unused, config).unwrap(), 8), &expected, 1e-12);
    }
    for config in sgds() {
        let momentum = match (config.momentum, config.nesterov) {
            (0.0, _) => None,
            (u, false) => Some(theirs::Momentum::Classic(u)),
            (u, true) => Some(theirs::Momentum::Nesterov(u)),
        };
        let weight_decay = their_decay(config.weight_decay);
        let their_config = theirs::SgdConfig { lr: config.lr, momentum, weight_decay };
        let expected = trained_by_theirs(theirs::Sgd::new(&unused, their_config), 8);
        assert_close(&trained_by_theirs(Sgd::new(&unused, config).unwrap(), 8), &expected, 1e-12);
    }
}

fn filled(values: &[f64]) -> <Cpu as Storage<f64>>::Vec {
    ParameterKernel::<f64>::buffer(&Cpu::default(), values).unwrap()
}

fn vector(values: &[f64]) -> Vector<f64> {
    let mut vector = Cpu::default().zeros_like(&(values.len(),));
    vector.copy_from(values);
    vector
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn kernels_are_those_composed_of_dfdx(
        len in prop_oneof![1usize..50, 32_760usize..32_780, 70_000usize..70_010],
        seed in 0usize..1000, number in 1u64..1000, lr in 0.0..1.0, l2 in 0.0..0.1, decoupled in 0.0..0.1,
        momentum in prop_oneof![Just(0.0), 0.1..0.9], nesterov: bool, factor in 0.01..2.0, limit in 0.01..2.0,
    ) {
        let dev = Cpu::default();
        let (l2, decoupled) = if seed % 2 == 0 { (l2, 0.0) } else { (0.0, decoupled) };
        let start = || (vector(&wave(len, seed)), filled(&wave(len, seed + 1)), filled(&wave(len, seed + 2).iter().map(|x| x * x).collect::<Vec<_>>()));
        let gradient = filled(&wave(len, seed + 3));

        let ((mut p, mut m, mut v), (mut p2, mut m2, mut v2)) = (start(), start());
        let step = AdamStep { number, lr, betas: [0.9, 0.99], eps: 1e-8, l2, decoupled };
        dev.adam(&step, &mut p, &mut m, &mut v, &gradient).unwrap();
        composed::adam(&step, &mut p2, &mut m2, &mut v2, &gradient).unwrap();
        assert_close(&p.as_vec(), &p2.as_vec(), 1e-10);
        assert_close(&m, &m2, 1e-12);
        assert_close(&v, &v2, 1e-12);

        let ((mut p, mut m, _), (mut p2, mut m2, _)) = (start(), start());
        let step = SgdStep { lr, momentum, nesterov, l2, decoupled };
        dev.sgd(&step, &mut p, &mut m, &gradient).unwrap();
        composed::sgd(&step, &mut p2, &mut m2, &gradient).unwrap();
        assert_close(&p.as_vec(), &p2.as_vec(), 1e-12);
        assert_close(&m, &m2, 1e-12);

        let squares = ParameterKernel::<f64>::sum_of_squares(&dev, &gradient).unwrap();
        let theirs = composed::sum_of_squares::<f64, Cpu>(&dev, &gradient).unwrap();
        prop_assert!((squares - theirs).abs() <= 1e-12 * squares);
        let (mut a, mut b) = (filled(&gradient), filled(&gradient));
        ParameterKernel::<f64>::scale(&dev, &mut a, factor).unwrap();
        composed::scale::<f64, Cpu>(&dev, &mut b, factor).unwrap();
        prop_assert_eq!(&a[..], &b[..]);
        ParameterKernel::<f64>::clamp(&dev, &mut a, limit).unwrap();
        composed::clamp::<f64, Cpu>(&dev, &mut b, limit).unwrap();
        prop_assert_eq!(&a[..], &b[..]);
        prop_assert_eq!(composed::read::<f64, Cpu>(&dev, &a).unwrap(), &a[..]);
        prop_assert_eq!(&composed::buffer::<f64, Cpu>(&dev, &a).unwrap()[..], &a[..]);
    }
}

#[test]
fn results_are_the_same_on_any_number_of_threads() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let model = model::<f32>();
            let norm = Clip::Norm(0.5).apply(&model, &mut gradients(&model, 1), &Groups::default()).unwrap();
            (norm.to_bits(), trained::<f32, _>(AdamConfig::default(), 3))
        })
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn a_resumed_run_goes_on_bit_by_bit() {
    fn check<R: UpdateRule>(rule: R) {
        let mut model = model::<f32>();
        let mut optim = Optimizer::new(&model, rule.clone()).unwrap();
        let update = |model: &mut Model<f32, Cpu>, optim: &mut Optimizer<R, _, _, _>, step| {
            let mut grads = gradients(model, step);
            optim.step(model, &mut grads).unwrap();
        };
        (1..=5).for_each(|step| update(&mut model, &mut optim, step));
        let saved = optim.state().unwrap().to_safetensors().unwrap();
        let mut copy = Model { first: Cpu::default().zeros(), second: Cpu::default().zeros() };
        copy.first.copy_from(&model.first.as_vec());
        copy.second.copy_from(&model.second.as_vec());
        let mut resumed = Optimizer::new(&copy, rule).unwrap();
        resumed.load_state(&StateDict::from_safetensors(&saved).unwrap()).unwrap();
        (6..=10).for_each(|step| update(&mut model, &mut optim, step));
        assert_ne!(values(&model), values(&copy));
        (6..=10).for_each(|step| update(&mut copy, &mut resumed, step));
        assert_eq!(values(&model), values(&copy));
        assert_eq!(optim.state().unwrap(), resumed.state().unwrap());
    }
    check(AdamConfig { weight_decay: Some(WeightDecay::Decoupled(0.1)), ..Default::default() });
    check(SgdConfig { momentum: 0.9, nesterov: true, ..Default::default() });
    check(RmsPropConfig { momentum: 0.9, centered: true, ..Default::default() });
}

#[test]
fn a_state_that_does_not_fit_is_refused_with_all_differences() {
    let model = model::<f32>();
    let mut optim = Adam::new(&model, AdamConfig::default()).unwrap();
    let mut state = optim.state().unwrap();
    let inner = state.unnest("area");
    let mut wrong = StateDict::default();
    wrong.nest("arena", inner.clone());
    wrong.set("rule", "adam");
    wrong.insert("area.weight.exp_avg", &[2], &[0.0f32; 2]);
    let error = optim.load_state(&wrong).unwrap_err().to_string();
    for part in ["`area.weight.exp_avg` is F32 [2]", "no `area.recurrence.exp_avg_sq`", "has `arena.weight.exp_avg`"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let sgd = Sgd::new(&model, SgdConfig::default()).unwrap().state().unwrap();
    let error = optim.load_state(&sgd).unwrap_err();
    assert!(matches!(&error, OptimError::State(StateError::Text { found, .. }) if found == "sgd"), "{error}");
    assert!(optim.load_state(&StateDict::default()).is_err());
}

#[test]
fn groups_scale_rates_and_freeze() {
    let mut model = model::<f64>();
    let before = values(&model);
    let groups = Groups::new([Group::named("recurrence").lr(0.25), Group::named("weight").frozen()]);
    let sgd = SgdConfig { lr: 0.5, ..Default::default() };
    let mut optim = Sgd::new(&model, sgd).unwrap().with_groups(groups).unwrap();
    let mut grads = gradients(&model, 1);
    optim.step(&mut model, &mut grads).unwrap();
    let gradient = gradient_values(1);
    let expected: Vec<f64> =
        before.iter().zip(&gradient).enumerate().map(|(i, (p, g))| if i < 3 { *p } else { p - 0.125 * g }).collect();
    assert_close(&values(&model), &expected, 1e-14);
    optim.set_groups(Groups::default()).unwrap();
    optim.set_lr(0.1).unwrap();
    optim.step(&mut model, &mut grads).unwrap();
    let expected: Vec<f64> = expected.iter().zip(&gradient).map(|(p, g)| p - 0.1 * g).collect();
    assert_close(&values(&model), &expected, 1e-14);
    assert!(optim.set_groups(Groups::new([Group::named("classifier")])).is_err());
}

/// The first update by Adam is `lr sign(g)`, whenever it comes.
#[test]
fn a_parameter_that_thaws_begins_with_its_first_update() {
    let mut model = model::<f64>();
    let config = AdamConfig { eps: 1e-14, ..Default::default() };
    let frozen = Groups::new([Group::named("weight").frozen()]);
    let mut optim = Adam::new(&model, config).unwrap().with_groups(frozen).unwrap();
    for step in 1..=7 {
        let mut grads = gradients(&model, step);
        optim.step(&mut model, &mut grads).unwrap();
    }
    let before = model.first.as_vec();
    assert_eq!(before, wave(3, 100));
    optim.set_groups(Groups::default()).unwrap();
    let mut grads = gradients(&model, 8);
    optim.step(&mut model, &mut grads).unwrap();
    let expected: Vec<f64> = before.iter().zip(wave(3, 8)).map(|(p, g)| p - 1e-3 * g.signum()).collect();
    assert_close(&model.first.as_vec(), &expected, 1e-12);
}

#[test]
fn a_missing_gradient_is_an_error_unless_frozen() {
    let mut model = model::<f64>();
    let before = values(&model);
    let adam = || AdamConfig { weight_decay: Some(WeightDecay::Decoupled(0.1)), ..Default::default() };
    let mut grads = Gradients::leaky();
    grads.get_or_alloc_mut(&model.second).unwrap().fill(1.0);
    let mut optim = Adam::new(&model, adam()).unwrap();
    let error = optim.step(&mut model, &mut grads).unwrap_err();
    assert!(matches!(&error, OptimError::NoGradient { names } if names[..] == ["area.weight"]), "{error}");
    assert!(values(&model)[..3] == before[..3] && values(&model)[3] != before[3]);
    assert!(theirs::Optimizer::update(&mut optim, &mut model, &grads).is_err());
    let frozen = Groups::new([Group::named("weight").frozen()]);
    Adam::new(&model, adam()).unwrap().with_groups(frozen).unwrap().step(&mut model, &mut grads).unwrap();
}

#[test]
fn wrong_settings_are_refused() {
    let model = model::<f32>();
    let adam = AdamConfig::default();
    for config in [
        AdamConfig { lr: -1.0, ..adam },
        AdamConfig { lr: f64::INFINITY, ..adam },
        AdamConfig { betas: [0.9, 1.0], ..adam },
        AdamConfig { eps: 0.0, ..adam },
        AdamConfig { weight_decay: Some(WeightDecay::L2(f64::NAN)), ..adam },
    ] {
        assert!(matches!(Adam::new(&model, config), Err(OptimError::Setting { .. })), "{config:?}");
    }
    let sgd = SgdConfig::default();
    for config in [SgdConfig { momentum: 1.0, ..sgd }, SgdConfig { nesterov: true, ..sgd }] {
        assert!(matches!(Sgd::new(&model, config), Err(OptimError::Setting { .. })), "{config:?}");
    }
    let rms_prop = RmsPropConfig::default();
    for config in [
        RmsPropConfig { alpha: 1.0, ..rms_prop },
        RmsPropConfig { momentum: -0.1, ..rms_prop },
        RmsPropConfig { eps: 0.0, ..rms_prop },
    ] {
        assert!(matches!(RmsProp::new(&model, config), Err(OptimError::Setting { .. })), "{config:?}");
    }
    assert!(Adam::new(&model, adam).unwrap().set_lr(f64::NAN).is_err());
}

fn grads_of(model: &Model<f64, Cpu>, grads: &Gradients<f64, Cpu>) -> Vec<f64> {
    [grads.get(&model.first).as_vec(), grads.get(&model.second).as_vec()].concat()
}

#[test]
fn clipping_by_norm_scales_all_gradients_together() {
    let model = model::<f64>();
    let all = Groups::default();
    let gradient = gradient_values(1);
    let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    let mut grads = gradients(&model, 1);
    let found = Clip::Norm(3.0).apply(&model, &mut grads, &all).unwrap();
    assert!((found - norm).abs() < 1e-12 * norm);
    let expected: Vec<f64> = gradient.iter().map(|g| g * 3.0 / (norm + 1e-6)).collect();
    assert_close(&grads_of(&model, &grads), &expected, 1e-14);
    // Below the limit nothing changes.
    for limit in [norm * 1.01, f64::INFINITY] {
        let mut grads = gradients(&model, 1);
        Clip::Norm(limit).apply(&model, &mut grads, &all).unwrap();
        assert_eq!(grads_of(&model, &grads), gradient);
    }
    // What is frozen neither counts nor changes.
    let mut grads = gradients(&model, 1);
    let frozen = Groups::new([Group::named("recurrence").frozen()]);
    let found = Clip::Norm(1e-3).apply(&model, &mut grads, &frozen).unwrap();
    assert!((found - gradient[..3].iter().map(|g| g * g).sum::<f64>().sqrt()).abs() < 1e-12);
    assert_eq!(grads_of(&model, &grads)[3..], gradient[3..]);
}

#[test]
fn clipping_by_value_limits_each_element() {
    let model = model::<f64>();
    let mut grads = gradients(&model, 1);
    Clip::Value(0.4).apply(&model, &mut grads, &Groups::default()).unwrap();
    let expected: Vec<f64> = gradient_values(1).iter().map(|g| g.clamp(-0.4, 0.4)).collect();
    assert_eq!(grads_of(&model, &grads), expected);
}

#[test]
fn gradients_that_are_not_finite_are_refused_by_name() {
    let model = model::<f64>();
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for clip in [Clip::Norm(1.0), Clip::Value(1.0)] {
            let mut grads = gradients(&model, 1);
            grads.get_or_alloc_mut(&model.second).unwrap()[39_999] = wrong;
            let error = clip.apply(&model, &mut grads, &Groups::default()).unwrap_err();
            let named =
                matches!(&error, OptimError::NotFinite { name, count: 1, of: 40_000 } if name == "area.recurrence");
            assert!(named, "{error}");
            assert_eq!(grads_of(&model, &grads)[..39_000], gradient_values(1)[..39_000]);
        }
    }
    assert!(Clip::Norm(0.0).apply(&model, &mut gradients(&model, 1), &Groups::default()).is_err());
    assert!(Clip::Value(f64::NAN).apply(&model, &mut gradients(&model, 1), &Groups::default()).is_err());
}

/// Four updates of three numbers by PyTorch 2.15, with settings of which none is a default.
#[test]
fn updates_are_those_that_pytorch_gives() {
    fn updated<R: UpdateRule>(rule: R, expected: [f64; 3]) {
        let dev = Cpu::default();
        let mut parameter = dev.tensor([1.0, -2.0, 0.5]);
        let mut optim = Optimizer::new(&parameter, rule).unwrap();
        for t in 1..5 {
            let at = f64::from(t);
            let gradient = [0.3 * at, -0.7 + 0.4 * at, if t < 3 { 0.0 } else { 1.5 }];
            let mut grads = Gradients::leaky();
            *grads.get_or_alloc_mut(&parameter).unwrap() = filled(&gradient);
            optim.step(&mut parameter, &mut grads).unwrap();
        }
        assert_close(&parameter.as_vec(), &expected, 1e-12);
    }
    let (l2, decoupled) = (Some(WeightDecay::L2(0.2)), Some(WeightDecay::Decoupled(0.2)));
    let adam = |weight_decay| AdamConfig { lr: 0.1, betas: [0.8, 0.95], eps: 1e-3, weight_decay };
    updated(adam(l2), [0.600279160669641, -1.77021940704909, 0.142071274682295]);
    updated(adam(decoupled), [0.540004000416203, -1.83632653060577, 0.309399026300078]);
    let sgd = |nesterov| SgdConfig { lr: 0.1, momentum: 0.7, nesterov, weight_decay: l2 };
    updated(sgd(true), [0.21095127884, -1.858868296776, -0.162137073032]);
    updated(sgd(false), [0.3859264, -1.83585376, 0.02607968]);
    let rms = |momentum, centered, weight_decay| RmsPropConfig {
        lr: 0.1,
        alpha: 0.8,
        eps: 1e-3,
        momentum,
        centered,
        weight_decay,
    };
    updated(rms(0.7, true, l2), [-0.79170478012469, -1.44913999384116, -1.04279019504259]);
    updated(rms(0.0, false, None), [0.213548550488835, -2.24857233509135, 0.110244352404569]);
}

/// A parameter of zeros and its gradient.
fn pair<E: Element, const N: usize>(first: [f64; N]) -> (Tensor<Rank1<N>, E, Cpu>, Gradients<E, Cpu>)
where
    Cpu: Device<E>,
{
    let dev = Cpu::default();
    let parameter = dev.zeros();
    let mut grads = Gradients::leaky();
    *grads.get_or_alloc_mut(&parameter).unwrap() =
        ParameterKernel::<E>::buffer(&dev, &first.iter().map(|x| E::narrow(*x)).collect::<Vec<_>>()).unwrap();
    (parameter, grads)
}

/// A norm whose square, or which itself, is beyond the numbers' range is a norm all the same: what is clipped keeps its direction.
#[test]
fn a_norm_beyond_the_range_clips_as_any_other() {
    fn clipped<E: Element, const N: usize>(limit: f64, gradient: [f64; N]) -> (f64, Vec<f64>)
    where
        Cpu: Device<E>,
    {
        let (parameter, mut grads) = pair::<E, N>(gradient);
        let norm = Clip::Norm(limit).apply(&parameter, &mut grads, &Groups::default()).unwrap();
        (norm, grads.get(&parameter).as_vec().iter().map(|x| x.to_f64().unwrap()).collect())
    }
    for limit in [1.0, 1e-8] {
        for scale in [1e200, 3e307] {
            let (norm, got) = clipped::<f64, _>(limit, [3.0 * scale, -4.0 * scale]);
            assert!((norm / scale - 5.0).abs() < 1e-12, "{norm}");
            assert!(
                (got[0] - 0.6 * limit).abs() < 1e-9 * limit && (got[1] + 0.8 * limit).abs() < 1e-9 * limit,
                "{got:?}"
            );
        }
        for scale in [5e18, 5e37] {
            let (norm, got) = clipped::<f32, _>(limit, [3.0 * scale, -4.0 * scale]);
            assert!((norm / scale - 5.0).abs() < 1e-6, "{norm}");
            assert!(
                (got[0] - 0.6 * limit).abs() < 1e-6 * limit && (got[1] + 0.8 * limit).abs() < 1e-6 * limit,
                "{got:?}"
            );
        }
        // the norm itself is beyond the range of f64
        let (norm, got) = clipped::<f64, _>(limit, [f64::MAX, f64::MAX, 0.0]);
        assert_eq!((norm, got[2]), (f64::INFINITY, 0.0));
        assert!((got[0] - limit * 0.5_f64.sqrt()).abs() < 1e-9 * limit && got[1] == got[0], "{got:?}");
        let (_, got) = clipped::<f32, _>(limit, [3e38; 20_000]);
        assert!((got[0] * 20_000_f64.sqrt() - limit).abs() < 1e-5 * limit, "{}", got[0]);
    }
    assert_eq!(clipped::<f64, _>(1.0, [3e-200, -4e-200]).1, [3e-200, -4e-200]);
    let (_, got) = clipped::<f32, _>(1e-10, [3e38, 0.0]);
    assert!((got[0] - 1e-10).abs() < 1e-15, "{got:?}");
    // a limit that the numbers' type takes for 0 would clear all gradients
    let (parameter, mut grads) = pair::<f32, _>([1.0]);
    for clip in [Clip::Norm(1e-50), Clip::Value(1e-50)] {
        let error = clip.apply(&parameter, &mut grads, &Groups::default()).unwrap_err().to_string();
        assert!(error.contains("limit of clipping") && error.contains("1e-50"), "{error}");
    }
}

/// The square of a finite gradient can be infinite; the parameter would then never move again.
#[test]
fn a_gradient_whose_square_is_beyond_the_range_is_refused_by_rules_that_keep_it() {
    fn step<R: UpdateRule>(rule: R, gradient: f64) -> Result<Vec<f32>, OptimError> {
        let (mut parameter, mut grads) = pair::<f32, _>([1.0, gradient]);
        let mut optim = Optimizer::new(&parameter, rule)?;
        optim.check_squares(&parameter, &mut grads, gradient.abs())?;
        optim.step(&mut parameter, &mut grads)?;
        Ok(parameter.as_vec())
    }
    for gradient in [2e19, -1e38] {
        for error in
            [step(AdamConfig::default(), gradient).unwrap_err(), step(RmsPropConfig::default(), gradient).unwrap_err()]
        {
            assert!(matches!(&error, OptimError::TooLarge { count: 1, of: 2, .. }), "{error}");
            assert!(error.to_string().contains("clip"), "{error}");
        }
        assert!(step(SgdConfig::default(), gradient).is_ok());
    }
    assert!(step(AdamConfig::default(), 1e18).is_ok());
}

#[test]
fn a_denominator_that_f32_takes_for_none_is_refused() {
    for eps in [0.0, -1.0, 1e-46, 1e39, f64::NAN, f64::INFINITY] {
        let adam = AdamConfig { eps, ..Default::default() }.check().unwrap_err().to_string();
        let rms = RmsPropConfig { eps, ..Default::default() }.check().unwrap_err().to_string();
        assert!(adam.contains("eps") && rms.contains("eps"), "{adam} {rms}");
    }
    assert!(AdamConfig { eps: 1e-30, ..Default::default() }.check().is_ok());
}

/// What a checkpoint holds beside the weights is as little believed as they are.
#[test]
fn moments_that_no_training_makes_are_refused_by_name() {
    fn check<R: UpdateRule>(rule: R, kind: &str, wrong: f32) -> String {
        let model = model::<f32>();
        let mut optim = Optimizer::new(&model, rule).unwrap();
        let before = optim.state().unwrap();
        let mut state = before.clone();
        let mut values = vec![0.0f32; 3];
        values[1] = wrong;
        state.insert(format!("area.weight.{kind}"), &[3], &values);
        let error = optim.load_state(&state).unwrap_err().to_string();
        assert_eq!(optim.state().unwrap(), before);
        error
    }
    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for error in [
            check(AdamConfig::default(), "exp_avg", wrong),
            check(AdamConfig::default(), "exp_avg_sq", wrong),
            check(SgdConfig { momentum: 0.9, ..Default::default() }, "momentum_buffer", wrong),
            check(RmsPropConfig::default(), "square_avg", wrong),
            check(RmsPropConfig::default(), "grad_avg", wrong),
        ] {
            assert!(error.contains("`area.weight.") && error.contains("1 of 3 elements"), "{error}");
        }
    }
    for error in
        [check(AdamConfig::default(), "exp_avg_sq", -1e-20), check(RmsPropConfig::default(), "square_avg", -1e-20)]
    {
        assert!(error.contains("`area.weight.") && error.contains("negative in 1 of 3"), "{error}");
    }
    // a first moment may be negative
    let model = model::<f32>();
    let mut optim = Adam::new(&model, AdamConfig::default()).unwrap();
    let mut state = optim.state().unwrap();
    state.insert("area.weight.exp_avg", &[3], &[-1.0f32; 3]);
    optim.load_state(&state).unwrap();
}

/// Least squares have a solution that is known.
#[test]
fn adam_finds_the_solution_of_least_squares() {
    let dev = Cpu::seed_from_u64(1);
    let mut model: Linear<3, 1, f64, Cpu> = dev.build_module::<dfdx::nn::builders::Linear<3, 1>, f64>();
    let x: Tensor<Rank2<64, 3>, f64, _> = dev.sample_normal();
    let y = x.clone().matmul(dev.tensor([[2.0], [-1.0], [0.5]])) + 0.25;
    let mut optim = Adam::new(&model, AdamConfig { lr: 0.05, ..Default::default() }).unwrap();
    let mut grads = model.alloc_grads();
    for _ in 0..600 {
        grads = (model.forward(x.trace(grads)) - y.clone()).square().mean().backward();
        optim.step(&mut model, &mut grads).unwrap();
        model.zero_grads(&mut grads);
    }
    assert_close(&model.weight.as_vec(), &[2.0, -1.0, 0.5], 1e-4);
    assert_close(&model.bias.as_vec(), &[0.25], 1e-4);
}
