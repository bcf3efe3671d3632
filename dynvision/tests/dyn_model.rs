//! Models that `#[dyn_model]` writes.
#![allow(clippy::unwrap_used)] // a failing test may panic

use dynvision::geometry::Map;
use dynvision::nn::InputAdaption;
use dynvision::prelude::*;

/// The model of `by_hand.rs`.
#[dyn_model(input = [3, 16, 16], operations = [layer, skip, feedback, tstep, nonlin, record, delay, pool])]
pub struct Net<R: Recurrence = Full> {
    #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = v2))]
    v1: RConv2d<3, 4, 3, 1, R>,
    #[area(skip(from = v1), tau = 8.0)]
    v2: RConv2d<4, 6, 3, 1, R>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[test]
fn shapes_are_constants_and_types() {
    assert_eq!((Net::INPUT, Net::V1, Net::V1_POOL), (Map::new(3, 16, 16), Map::new(4, 16, 16), Map::new(4, 8, 8)));
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let images: Tensor<(usize, Const<3>, Const<16>, Const<16>), f32, _> = dev.zeros_like(&(2, Const, Const, Const));
    let (logits, responses) = net.try_record(Stimulus::constant(images, 3)).unwrap();
    let logits: Tensor<(usize, usize, Const<5>), f32, _> = logits;
    assert_eq!(logits.shape().0, 2);
    let v2: Tensor<(usize, usize, Const<6>, Const<8>, Const<8>), f32, _> = responses.v2.values;
    assert_eq!(v2.shape().1, 3);
}

/// Every key at once: own operations and orders, parts that are switched off, several connections of one kind, a frame that
/// adapts and goes through a retina.
#[dyn_model(
    input = [2, 12, 10],
    operations = [addext, layer, feedback, double, tstep, nonlin, double, record, delay, pool, norm],
    solver = RungeKutta4<TrainedTau>,
    adaption = InputAdaption,
    retina = RConv2d<2, 3, 3, 1, NoRecurrence>,
    dynamics(dt = 1.0, tau = 4, t_recurrence = 2.0),
)]
struct Rich<R: Recurrence = Full, const N: usize = 7> {
    #[area(pool = AvgPool2d<2>, norm = Identity, feedback(from = v4, integration = Multiplicative), tau = 9.0)]
    v1: RConv2d<3, 4, 3, 1, R>,
    #[area(solver = none, nonlin = Identity, apply(double = Double), addext, feedback(from = v4))]
    v2: RConv2d<4, 6, 3, 1, R>,
    #[area(operations = [skip, layer, pool, record, delay], skip(from = v1, kernel = 3, stride = 2, force_conv),
        skip(from = v2, delay = 3.0), pool = MaxPool2d<2>)]
    v4: RConv2d<6, 5, 3, 1, NoRecurrence>,
    #[readout(skip(from = v2))]
    classifier: Classifier<5, N>,
}

/// `2 x`.
#[derive(Clone, Debug)]
struct Double;
dynvision::spec!(impl Double => dynvision::nn::Empty);
impl dynvision::nn::Operation for Double {
    fn forward<E, D, T>(
        _: &dynvision::nn::Empty,
        x: dynvision::kernels::Maps<E, D>,
        cx: &mut dynvision::unroll::Context<E, D, T>,
    ) -> dynvision::error::Result<dynvision::kernels::Maps<E, D>>
    where
        E: dynvision::kernels::Element,
        D: dynvision::kernels::VisionDevice<E>,
        T: dfdx::prelude::Tape<E, D>,
    {
        cx.run(x, |x| dfdx::prelude::TryMul::try_mul(x, E::from_f64(2.0).unwrap()))
    }
}

#[test]
fn every_key_has_its_effect() {
    assert_eq!((Rich::RETINA, Rich::V1, Rich::V1_POOL), (Map::new(3, 12, 10), Map::new(4, 12, 10), Map::new(4, 6, 5)));
    assert_eq!((Rich::V4_LAYER, Rich::V4), (Map::new(5, 6, 5), Map::new(5, 3, 2)));
    let dev = Cpu::default();
    let net = dev.build_module::<Rich<SelfRecurrence, 3>, f64>();
    assert_eq!(net.dynamics.dt, 1.0);
    assert_eq!(net.dynamics.t_recurrence, 2.0);
    assert_eq!(net.v1_tstep.tau.array(), 9.0);
    assert!(net.v4_skip_v1.conv.is_some());
    assert!(net.v2_feedback_v4.conv.is_some());
    let frame: Tensor<(usize, Const<2>, Const<12>, Const<10>), f64, _> =
        dfdx::prelude::OnesTensor::ones_like(&dev, &(1, Const, Const, Const));
    let (logits, responses) = net.try_record(Stimulus::constant(frame, 4)).unwrap();
    let logits: Tensor<(usize, usize, Const<3>), f64, _> = logits;
    assert!(logits.as_vec().iter().all(|x| x.is_finite()));
    // the first frame fades
    let w = net.adaption.weight.array();
    let input: Vec<f64> = responses.input.values.as_vec().into_iter().step_by(2 * 12 * 10).collect();
    assert!(input.iter().zip([1.0, w, w * w, w * w * w]).all(|(a, b)| (a - b).abs() < 1e-12), "{input:?} {w}");
    let [v1, v2, v4] = Rich::WIRING.areas else { panic!("three areas") };
    assert_eq!(v1.operations, ["layer", "feedback", "tstep", "nonlin", "record", "delay", "pool", "norm"]);
    assert_eq!(v2.operations, ["addext", "layer", "feedback", "double", "nonlin", "double", "record", "delay"]);
    assert_eq!(v4.operations, ["skip", "layer", "pool", "record", "delay"]);
    let links: Vec<_> = Rich::WIRING.links.iter().map(|link| (link.from, link.into, link.delay)).collect();
    assert_eq!(links, [(2, 0, None), (2, 1, None), (0, 2, None), (1, 2, Some(3.0)), (1, 3, None)]);
    assert_eq!(v1.layer, "RConv2d<3, 4, 3, 1, R>");
    assert_eq!((v1.times.tau, Rich::WIRING.input), (Some(9.0), Map::new(2, 12, 10)));
    // what runs, by its type, where the numbers of a step would not tell
    let solver = std::any::type_name::<__RichV1Tstep>();
    assert!(solver.contains("RungeKutta4") && solver.contains("TrainedTau"), "{solver}");
    let feedback = std::any::type_name_of_val(&net.v1_feedback_v4);
    assert!(feedback.contains("Multiplicative"), "{feedback}");
    assert_eq!(net.v4_skip_v1.conv.as_ref().unwrap().weight.shape().concrete()[2..], [3, 3]);
    let is_rectified = |values: Vec<f64>| values.iter().all(|x| *x >= 0.0);
    assert!(is_rectified(responses.v1.values.as_vec()) && !is_rectified(responses.v2.values.as_vec()));
}

/// Names that are words of the language, a solver and a nonlinearity that the model's parameters choose, a switch with a value.
#[dyn_model(
    input = [1, 6, 6],
    operations = [layer, skip, tstep, nonlin, record, delay],
    solver = S,
    nonlin = none,
    dynamics(t_recurrence = 2.0),
)]
struct Chosen<
    S: dynvision::nn::Solver + Clone + std::fmt::Debug + 'static = Euler,
    A: dynvision::nn::Nonlinearity + Clone + std::fmt::Debug + 'static = Relu,
> {
    r#in: RConv2d<1, 2>,
    #[area(nonlin = A, skip(from = in, force_conv = true))]
    r#type: RConv2d<2, 2>,
    #[readout]
    r#final: Classifier<2, 3>,
}

#[test]
fn parameters_choose_what_keys_name() {
    let dev = Cpu::default();
    let net = dev.build_module::<Chosen<RungeKutta4, Identity>, f64>();
    assert!(net.type_skip_in.conv.is_some());
    let frame: Tensor<(usize, Const<1>, Const<6>, Const<6>), f64, _> =
        dfdx::prelude::OnesTensor::ones_like(&dev, &(1, Const, Const, Const));
    let (_, responses) = net.try_record(Stimulus::constant(frame, 3)).unwrap();
    assert!(responses.r#type.values.as_vec().iter().any(|x| *x < 0.0), "`Identity` stands for `Relu`");
    assert_eq!(Chosen::<Euler, Relu>::WIRING.areas[0].name, "in");
    assert_eq!(Chosen::<Euler, Relu>::WIRING.areas[0].operations, ["layer", "tstep", "record", "delay"]);
}

/// The same weights, pooled by a window that keeps the shape before `delay`, and not pooled.
#[test]
fn a_pool_before_delay_that_keeps_the_shape_keeps_the_recurrence() {
    #[dyn_model(input = [1, 6, 6], operations = [layer, pool, tstep, record, delay], dynamics(t_recurrence = 2.0))]
    struct Pooled<R: Recurrence = Full> {
        #[area(pool = MaxPool2d<1, 1, 0>)]
        v1: RConv2d<1, 2, 3, 1, R>,
        #[readout]
        head: Classifier<2, 3>,
    }
    #[dyn_model(input = [1, 6, 6], operations = [layer, tstep, record, delay], dynamics(t_recurrence = 2.0))]
    struct Unpooled {
        v1: RConv2d<1, 2>,
        #[readout]
        head: Classifier<2, 3>,
    }
    let dev = Cpu::default();
    let (pooled, mut unpooled) = (dev.build_module::<Pooled, f64>(), dev.build_module::<Unpooled, f64>());
    unpooled.v1 = pooled.v1.clone();
    let frame: Tensor<(usize, Const<1>, Const<6>, Const<6>), f64, _> =
        dfdx::prelude::OnesTensor::ones_like(&dev, &(1, Const, Const, Const));
    let (_, with) = pooled.try_record(Stimulus::constant(frame.clone(), 4)).unwrap();
    let (_, without) = unpooled.try_record(Stimulus::constant(frame, 4)).unwrap();
    assert_eq!(with.v1.values.as_vec(), without.v1.values.as_vec());
}
