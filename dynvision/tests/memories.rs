//! What parts keep from step to step flows through time as responses do.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod common;

use common::gradients;
use dfdx::prelude::{OwnedTape, PutTape, Rank0, SumTo, Tape};
use dynvision::error::Result;
use dynvision::kernels::{Element, Maps, VisionDevice};
use dynvision::nn::{ConvGru, ConvLstm, Empty, Layer, LifNode, Operation};
use dynvision::prelude::*;
use dynvision::unroll::{Context, Discard, Past};
use std::collections::BTreeMap;

#[dyn_model(
    input = [1, 4, 5], operations = [layer, tstep, record, delay], solver = none,
    dynamics(dt = 1.0, tau = 2.0, t_feedforward = 0.0, t_recurrence = 1.0),
)]
struct Net {
    cell: ConvLstm<1, 2>,
    #[area(solver = LifNode)]
    spikes: RConv2d<2, 3, 3, 2>,
    gated: ConvGru<3, 2>,
    #[readout]
    classifier: Classifier<2, 3>,
}

type Model = NetModel<f64, Cpu>;
type Frame = Tensor<(Const<2>, Const<1>, Const<4>, Const<5>), f64, Cpu>;

fn net() -> Model {
    let mut net = Cpu::seed_from_u64(3).build_module::<Net, f64>();
    net.spikes.feedforward.bias = Some(Cpu::default().tensor([1.5, 2.5, 3.5]));
    net
}

fn frames() -> Vec<Frame> {
    let dev = Cpu::seed_from_u64(4);
    (0..6).map(|_| dev.sample_normal()).collect()
}

type Of = (Vec<f64>, BTreeMap<String, Vec<f64>>);

/// Logits, and gradients of the sum of their squares.
fn run(net: &Model, frames: &[Frame], state: &mut NetState<Const<2>, f64, Cpu>) -> Of {
    let stimulus = Stimulus::frames(frames.to_vec(), OwnedTape::default());
    let (logits, cx) = net.try_observe::<Discard, _, _>(stimulus, state, &mut net.observers()).unwrap();
    let values = logits.as_vec();
    let loss = logits.put_tape(cx.into_tape()).square().sum::<Rank0, _>();
    (values, gradients(net, &mut loss.backward()))
}

fn assert_same(a: &BTreeMap<String, Vec<f64>>, b: &BTreeMap<String, Vec<f64>>) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, a) in a {
        let largest = a.iter().fold(0.0f64, |max, v| max.max(v.abs()));
        assert!(largest > 0.0, "{name} has no gradient, so that nothing is compared");
        let far = a.iter().zip(&b[name]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(far <= 1e-9 * largest, "{name}: {far} of {largest}");
    }
}

#[test]
fn recomputing_gives_the_same_gradients() {
    let (mut net, frames) = (net(), frames());
    let plain = run(&net, &frames, &mut net.reset());
    for segment in [1, 2, 4] {
        net.dynamics_mut().recompute_steps = segment;
        let again = run(&net, &frames, &mut net.reset());
        assert_eq!(plain.0, again.0);
        assert_same(&plain.1, &again.1);
    }
}

#[test]
fn a_run_goes_on_from_the_memories_of_another() {
    let (net, frames) = (net(), frames());
    let whole = run(&net, &frames, &mut net.reset());
    let mut state = net.reset();
    let (first, second) = (run(&net, &frames[..2], &mut state), run(&net, &frames[2..], &mut state));
    let (classes, batch) = (3, 2);
    let of = |values: &[f64], image: usize| values.chunks(values.len() / batch).nth(image).unwrap().to_vec();
    for image in 0..batch {
        assert_eq!(of(&whole.0, image), [of(&first.0, image), of(&second.0, image)].concat());
    }
    assert_eq!(whole.0.len(), batch * frames.len() * classes);
    assert_eq!(state.cell.updates(), 6);
    let names: Vec<_> = state.cell.memories().chain(state.spikes.memories()).map(|(name, _)| name).collect();
    assert_eq!(names, ["cell", "membrane"]);
}

#[test]
fn truncation_cuts_memories_too() {
    let (mut net, frames) = (net(), frames());
    let whole = run(&net, &frames, &mut net.reset());
    let mut state = net.reset();
    let first = run(&net, &frames[..3], &mut state).1;
    let second = run(&net, &frames[3..], &mut state).1;
    let mut parts = first;
    for (name, grad) in &mut parts {
        grad.iter_mut().zip(&second[name]).for_each(|(a, b)| *a += b);
    }
    net.dynamics_mut().truncate_steps = 3;
    let truncated = run(&net, &frames, &mut net.reset());
    assert_same(&parts, &truncated.1);
    let differs =
        |name: &str| whole.1[name].iter().zip(&truncated.1[name]).any(|(a, b)| (a - b).abs() > 1e-6 * a.abs());
    assert!(differs("cell.weight_ih"), "nothing flowed through time before");
}

/// Keeps what it gets.
#[derive(Clone, Debug)]
struct Keeps;
dynvision::spec!(impl Keeps => Empty);
impl Operation for Keeps {
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        cx.remember("kept", &x)?;
        Ok(x)
    }
}
impl Layer for Keeps {
    const GEOMETRY: dynvision::geometry::Geometry =
        dynvision::geometry::Geometry::pool(dynvision::geometry::Window::POINT);
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Empty,
        x: Option<Maps<E, D>>,
        _: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        x.map(|x| <Keeps as Operation>::forward(built, x, cx)).transpose()
    }
}

#[dyn_model(input = [1, 4, 5], operations = [layer, keep, also, record, delay])]
struct Twice {
    #[area(apply(keep = Keeps, also = Keeps))]
    v1: RConv2d<1, 2>,
    #[readout]
    classifier: Classifier<2, 3>,
}

#[dyn_model(input = [1, 4, 5], retina = Keeps, operations = [layer, record, delay])]
struct Outside {
    v1: RConv2d<1, 2>,
    #[readout]
    classifier: Classifier<2, 3>,
}

#[test]
fn a_memory_has_one_keeper_and_a_home() {
    let (dev, frame) = (Cpu::default(), &frames()[0]);
    let twice = dev.build_module::<Twice, f64>().try_run(Stimulus::constant(frame.clone(), 1)).unwrap_err().to_string();
    assert!(twice.contains("two parts of one area keep a memory `kept`"), "{twice}");
    let outside =
        dev.build_module::<Outside, f64>().try_run(Stimulus::constant(frame.clone(), 1)).unwrap_err().to_string();
    assert!(outside.contains("is no part of an area"), "{outside}");
}
