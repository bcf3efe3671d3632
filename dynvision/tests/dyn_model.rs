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
    fn apply<B, C, H, W, E, D, T>(
        _: &dynvision::nn::Empty,
        x: dynvision::nn::MapOf<B, C, H, W, E, D>,
        cx: &mut dynvision::cx::Cx<T>,
    ) -> dynvision::error::Result<dynvision::nn::MapOf<B, C, H, W, E, D>>
    where
        B: dfdx::prelude::Dim,
        C: dfdx::prelude::Dim,
        H: dfdx::prelude::Dim,
        W: dfdx::prelude::Dim,
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
}
