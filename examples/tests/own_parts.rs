//! A crate outside of the library brings a part of every kind of its own: a recurrence, a solver, a nonlinearity, an
//! operation, a layer, an integration and a loss. The model of them runs as a plain loop over numbers says, its gradients are
//! the differences of its loss, and it learns. Only what the library makes public is used, without its prelude.
#![allow(clippy::unwrap_used, missing_docs)] // a failing test may panic

use dfdx::nn::{DeviceBuildExt, ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::prelude::{
    AsArray, Axes3, Axes4, Backward, Const, ConstShape, Cpu, Device, Dim, Dtype, Gradients, HasShape, Rank0, Rank1,
    Shape, Tape, Tensor, TensorFromVec, ZeroGrads,
};
use dfdx::tensor_ops::{BroadcastTo, MeanTo, TryAdd, TryDiv, TryMul, TrySub};
use dynvision::autograd::Graph;
use dynvision::error::{Error, Result};
use dynvision::geometry::{Geometry, Window};
use dynvision::interop::{StateDict, Weights};
use dynvision::kernels::{Element, Maps, VisionDevice};
use dynvision::loss::{Labels, Loss, Output};
use dynvision::model::DynModel;
use dynvision::nn::{Classifier, Connection, Empty, Integration, Layer, Nonlinearity, Operation, RConv2d, Solver};
use dynvision::ops;
use dynvision::optim::{Optimizer, SgdConfig};
use dynvision::unroll::{Context, Past, Stimulus};

// ------------------------------------------------------------------------------------------------------------- weights

/// One tensor of weights, beginning at 1/2.
#[derive(Clone, Debug)]
struct Weight<Z: ConstShape, E: Dtype, D: Device<E>> {
    weight: Tensor<Z, E, D>,
}

impl<Z: ConstShape, E: Dtype, D: Device<E>> TensorCollection<E, D> for Weight<Z, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Weight<Z, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> std::result::Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let half = |t: &mut Tensor<Z, E, D>| {
            t.try_fill_with_ones()?;
            *t = t.clone().try_mul(E::from_f64(0.5).unwrap_or_default())?;
            Ok(())
        };
        let weight = Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_with(half));
        visitor.visit_fields(weight, |weight| Weight { weight })
    }
}

// --------------------------------------------------------------------------------------------------------------- parts

/// Recurrence `w h²`, with one weight.
#[derive(Clone, Debug)]
struct Squares;
dynvision::spec!(impl Squares => Weight<(), E, D>);
impl Connection for Squares {
    const SAME_CHANNELS: bool = true;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Weight<(), E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let (weight, shape) = (weights.weight.retaped::<T>(), *h.shape());
        let y =
            cx.run(h.clone(), |h| h.try_square()?.try_mul(weight.try_broadcast_like::<_, Axes4<0, 1, 2, 3>>(&shape)?))?;
        ops::add_onto(onto, y, cx)
    }
}

/// The exact step of `tau dy/dt = x - y` under a constant drive: `y = x + (h - x) exp(-dt / tau)`.
#[derive(Clone, Debug)]
struct Exact;
dynvision::spec!(impl Exact => Empty);
impl Solver for Exact {
    fn solve<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        h: Option<&Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let decay = (-cx.area().dt / cx.area().tau).exp();
        let [decay, rest] = [decay, 1.0 - decay].map(|number| E::from_f64(number).unwrap_or_default());
        let x = cx.run(x, |x| x.try_mul(rest))?;
        let Some(h) = h else { return Ok(x) };
        let x = x.retaped::<T>();
        cx.run(h.clone(), |h| h.try_mul(decay)?.try_add(x))
    }
}

/// `ln(1 + exp x)`.
#[derive(Clone, Debug)]
struct Softplus;
dynvision::spec!(impl Softplus => Empty);
impl Operation for Softplus {
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        cx.run(x, |x| x.try_exp()?.try_add(E::one())?.try_ln())
    }
}
impl Nonlinearity for Softplus {}

/// `g x`, with a gain for each of `C` channels.
#[derive(Clone, Debug)]
struct Gain<const C: usize>;
dynvision::spec!(impl [const C: usize] Gain<C> => Weight<Rank1<C>, E, D>);
impl<const C: usize> Operation for Gain<C> {
    const CHANNELS: Option<usize> = Some(C);

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        gain: &Weight<Rank1<C>, E, D>,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let (gain, (b, _, h, w)) = (gain.weight.retaped::<T>(), *x.shape());
        // dfdx's own shape check: a tensor of constant channels
        let x = ops::restore::<(usize, Const<C>, usize, usize), _, _>("a gain", x)?;
        let y = cx.run(x, |x| x.try_mul(gain.try_broadcast_like::<_, Axes3<0, 2, 3>>(&(b, Const, h, w))?))?;
        ops::erase(y)
    }
}

/// A layer without a convolution: `w x + h / 4`, where `h` is the area's response of `t_recurrence` ago.
#[derive(Clone, Debug)]
struct Echo<const C: usize>;
dynvision::spec!(impl [const C: usize] Echo<C> => Weight<Rank1<C>, E, D>);
impl<const C: usize> Layer for Echo<C> {
    const GEOMETRY: Geometry = Geometry::conv(C, C, Window::POINT);

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Weight<Rank1<C>, E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let x = <Gain<C> as Operation>::forward(built, x, cx)?;
        let Some(h) = own.ago(cx.area().recurrence) else { return Ok(Some(x)) };
        let x = x.retaped::<T>();
        cx.run(h.clone(), |h| h.try_mul(E::from_f64(0.25).unwrap_or_default())?.try_add(x)).map(Some)
    }
}

/// `x / (1 + h²)`.
#[derive(Clone, Debug)]
struct Divisive;
impl Integration for Divisive {
    fn integrate<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        x: Maps<E, D>,
        h: &Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let x = x.retaped::<T>();
        let by = cx.run(h.clone(), |h| h.try_square()?.try_add(E::one()))?;
        cx.run(by, |by| x.try_div(by))
    }
}

/// The mean over all logits of `(y - target)²`, where the target is 1 for the label of a step and else 0.
struct OneHot;
impl<M: DynModel<E, D>, E: Element, D: VisionDevice<E>> Loss<M, E, D> for OneHot {
    fn name(&self) -> String {
        "one_hot".into()
    }

    fn needs_responses(&self) -> bool {
        false
    }

    fn loss<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<M, B, E, D>,
        labels: &Labels,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        let y = &output.logits;
        let [batch, steps, classes] = y.shape().concrete();
        let hot = |i: usize| labels.get(i / (steps * classes), i / classes % steps) == Some(i % classes);
        let values = (0..batch * steps * classes).map(|i| if hot(i) { E::one() } else { E::zero() });
        let mut target = y.device().try_zeros_like(y.shape()).map_err(Error::device)?;
        target.copy_from(&values.collect::<Vec<E>>());
        graph.run(y.clone(), |y| y.try_sub(target)?.try_square()?.try_mean())
    }
}

// --------------------------------------------------------------------------------------------------------------- model

#[dynvision::dyn_model(
    input = [1, 1, 2],
    operations = [layer, skip, gain, tstep, nonlin, record, delay],
    solver = Exact,
    nonlin = Softplus,
    dynamics(dt = 1.0, tau = 2.0, t_recurrence = 1.0),
)]
struct Own {
    #[area(apply(gain = Gain<2>))]
    v1: RConv2d<1, 2, 1, 1, Squares>,
    #[area(skip(from = v1, integration = Divisive))]
    v2: Echo<2>,
    #[readout]
    head: Classifier<2, 2>,
}

type Net = OwnModel<f64, Cpu>;

const STEPS: usize = 4;
const FRAMES: [[f64; 2]; 2] = [[0.7, -0.4], [1.5, 0.2]];

fn build() -> Net {
    let mut net = Cpu::seed_from_u64(5).build_module::<Own, f64>();
    // weights that all differ
    let mut state = StateDict::default();
    for (i, parameter) in dynvision::parameters::parameters(&net).iter().enumerate() {
        let values: Vec<f64> =
            (0..parameter.len()).map(|j| 0.6 * (1.3 * i as f64 + 0.7 * j as f64 + 0.4).sin()).collect();
        state.insert(&parameter.name, &parameter.shape, &values);
    }
    net.set_weights(&state).unwrap();
    net
}

fn frames() -> Tensor<(usize, Const<1>, Const<1>, Const<2>), f64, Cpu> {
    Cpu::default().tensor_from_vec(FRAMES.concat(), (2, Const, Const, Const))
}

/// What the declaration says, as a loop over numbers; logits by image, step and class.
fn by_hand(net: &Net) -> Vec<f64> {
    let softplus = |x: f64| (1.0 + x.exp()).ln();
    let decay = (-1.0f64 / 2.0).exp();
    let [weight, bias] = [net.v1.feedforward.weight.as_vec(), net.v1.feedforward.bias.as_ref().unwrap().as_vec()];
    let (squares, gain) = (net.v1.recurrence.weight.array(), net.v1_gain.weight.array());
    let (echo, head, shift) = (net.v2.weight.array(), net.head.weight.array(), net.head.bias.clone());
    let shift = shift.unwrap().array();
    let mut logits = Vec::new();
    for image in FRAMES {
        let mut states = [[[0.0f64; 2]; 2]; 2]; // area, channel, place
        for step in 0..STEPS {
            let past = |h: f64, by: f64| if step > 0 { by * h } else { 0.0 };
            let mut means = [0.0; 2];
            for channel in 0..2 {
                for (place, x) in image.iter().enumerate() {
                    let [v1, v2] = [states[0][channel][place], states[1][channel][place]];
                    let drive = weight[channel] * x + bias[channel] + past(v1 * v1, squares);
                    let v1 = softplus(gain[channel] * drive * (1.0 - decay) + past(v1, decay));
                    let drive = (echo[channel] * v1 + past(v2, 0.25)) / (1.0 + v1 * v1);
                    let v2 = softplus(drive * (1.0 - decay) + past(v2, decay));
                    (states[0][channel][place], states[1][channel][place]) = (v1, v2);
                    means[channel] += v2 / 2.0;
                }
            }
            logits.extend((0..2).map(|class| head[class][0] * means[0] + head[class][1] * means[1] + shift[class]));
        }
    }
    logits
}

fn labels() -> Labels {
    Labels::constant(&[0, 1], STEPS)
}

fn loss_by_hand(net: &Net) -> f64 {
    let target = [1.0, 0.0].repeat(STEPS).into_iter().chain([0.0, 1.0].repeat(STEPS));
    let squares: Vec<f64> = by_hand(net).iter().zip(target).map(|(y, target)| (y - target) * (y - target)).collect();
    squares.iter().sum::<f64>() / squares.len() as f64
}

fn gradients(net: &Net) -> (f64, Gradients<f64, Cpu>) {
    let logits = net.try_run(Stimulus::constant(frames(), STEPS).traced(net.alloc_grads())).unwrap();
    let loss = OneHot.try_forward(net, logits, None, &labels()).unwrap();
    (loss.array(), loss.backward())
}

#[test]
fn a_model_of_own_parts_runs_as_a_loop_over_numbers() {
    let net = build();
    let found = net.try_run(Stimulus::constant(frames(), STEPS)).unwrap().as_vec();
    for (i, (found, expected)) in found.iter().zip(by_hand(&net)).enumerate() {
        assert!((found - expected).abs() < 1e-12, "logit {i}: {found}, by hand {expected}");
    }
    assert!((gradients(&net).0 - loss_by_hand(&net)).abs() < 1e-12);
}

#[test]
fn its_gradients_are_the_differences_of_the_loss() {
    let (mut net, eps) = (build(), 1e-6);
    let (_, grads) = gradients(&net);
    let by_name = [
        ("v1.conv.weight", grads.get(&net.v1.feedforward.weight).as_vec()),
        ("v1.conv.bias", grads.get(net.v1.feedforward.bias.as_ref().unwrap()).as_vec()),
        ("v1.recurrence.weight", grads.get(&net.v1.recurrence.weight).as_vec()),
        ("v1_gain.weight", grads.get(&net.v1_gain.weight).as_vec()),
        ("v2.weight", grads.get(&net.v2.weight).as_vec()),
        ("head.weight", grads.get(&net.head.weight).as_vec()),
        ("head.bias", grads.get(net.head.bias.as_ref().unwrap()).as_vec()),
    ];
    let weights = net.weights();
    assert_eq!(weights.names().count(), by_name.len());
    for (name, gradient) in by_name {
        let (shape, values) = weights.numbers(name).unwrap();
        for (i, gradient) in gradient.into_iter().enumerate() {
            let mut moved = |by: f64| {
                let (mut state, mut values) = (weights.clone(), values.clone());
                values[i] += by;
                state.insert(name, &shape, &values);
                net.set_weights(&state).unwrap();
                loss_by_hand(&net)
            };
            let difference = (moved(eps) - moved(-eps)) / (2.0 * eps);
            assert!((gradient - difference).abs() < 1e-8, "{name} {i}: {gradient}, difference {difference}");
            assert!(gradient != 0.0, "{name} {i} has no gradient");
        }
    }
}

#[test]
fn it_learns() {
    let mut net = build();
    let mut optimizer = Optimizer::new(&net, SgdConfig { lr: 0.05, ..Default::default() }).unwrap();
    let (mut losses, before) = (Vec::new(), net.v1_gain.weight.as_vec());
    for step in 0..20 {
        let (loss, mut grads) = gradients(&net);
        let gain = grads.get(&net.v1_gain.weight).as_vec();
        losses.push(loss);
        optimizer.step(&mut net, &mut grads).unwrap();
        if step == 0 {
            for ((after, before), gradient) in net.v1_gain.weight.as_vec().iter().zip(&before).zip(gain) {
                assert!((after - (before - 0.05 * gradient)).abs() < 1e-15);
            }
        }
    }
    assert!(losses.windows(2).all(|pair| pair[1] < pair[0]), "{losses:?}");
}
