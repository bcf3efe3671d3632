//! Backpropagation through time with recomputed answers against the plain one: the same gradients, less memory.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]
#![allow(unsafe_code, reason = "an allocator that counts")]

mod common;

use common::gradients;
use dfdx::prelude::{PutTape, Rank0, SplitTape, SumTo};
use dynvision::error::Result;
use dynvision::interop::Weights;
use dynvision::loss::{Activity, CrossEntropy, Labels, Loss, Measure, TemporalSmoothness, Weighted};
use dynvision::model::GeneratedModel as _;
use dynvision::nn::{BatchNorm, Dropout, InputAdaption};
use dynvision::parameters::parameters;
use dynvision::prelude::*;
use dynvision::unroll::History;
use dynvision::unroll::{Context, Discard, MapAreas, State, Steps, Timed};
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[dyn_model(
    input = [2, 6, 6],
    adaption = InputAdaption,
    operations = [layer, skip, feedback, tstep, nonlin, norm, record, dropout, delay, pool],
)]
struct Net {
    #[area(pool = MaxPool2d<3, 2, 1>, norm = BatchNorm<3>, apply(dropout = Dropout<30>), feedback(from = v2))]
    v1: RConv2d<2, 3>,
    #[area(skip(from = v1))]
    v2: RConv2d<3, 2>,
    #[readout]
    classifier: Classifier<2, 4>,
}

#[dyn_model(input = [1, 6, 6], operations = [layer, tstep, nonlin, record, delay])]
struct OneArea {
    #[area]
    v1: RConv2d<1, 2>,
    #[readout]
    classifier: Classifier<2, 3>,
}

/// The tests of this file run one after the other, so that one of them can count what is allocated.
static ALONE: Mutex<()> = Mutex::new(());

type Model = NetModel<f64, Cpu>;

fn net(dynamics: Dynamics) -> Model {
    let mut net = Cpu::seed_from_u64(5).build_module::<Net, f64>();
    *net.dynamics_mut() = dynamics;
    let mut weights = net.weights();
    for (at, parameter) in parameters(&net).iter().enumerate().filter(|(_, p)| !p.name.contains("running")) {
        let mut values: Vec<f64> = weights.get(&parameter.name, &parameter.shape).unwrap();
        values.iter_mut().enumerate().for_each(|(i, v)| *v += 0.2 * ((i * 7 + at) as f64 * 1.3).sin());
        weights.insert(parameter.name.clone(), &parameter.shape, &values);
    }
    net.set_weights(&weights).unwrap();
    net
}

/// Logits, gradients and the model with the moments that its batch norm saw, of a run with its own frame at some steps.
fn run<L: Loss<Model, f64, Cpu>>(
    dynamics: &Dynamics,
    recompute_steps: usize,
    loss: &L,
) -> (Vec<f64>, BTreeMap<String, Vec<f64>>, Model) {
    let mut net = net(Dynamics { recompute_steps, ..dynamics.clone() });
    let dev = Cpu::seed_from_u64(9);
    let frame = || dev.sample_normal_like(&(3, Const, Const, Const));
    let stimulus = Stimulus::constant(frame(), 5).then_blank(2, 0.1).unwrap().then(frame(), 3).then_again(1);
    let stimulus = stimulus.seeded(11).training().traced(net.alloc_grads());
    let mut state = net.reset();
    let (logits, responses, cx) = if loss.needs_responses() {
        let (logits, responses) = net.try_record(stimulus).unwrap();
        let (logits, tape) = logits.split_tape();
        (logits, Some(responses), Context::new(tape, dynvision::time::Plan::default()))
    } else {
        let (logits, mut cx) = net.try_observe::<Discard, _, _>(stimulus, &mut state, &mut net.observers()).unwrap();
        let observed = cx.take_statistics();
        assert!(!observed.is_empty());
        observed.absorb(&mut net).unwrap();
        (logits, None, cx)
    };
    let values = logits.as_vec();
    let labels = Labels::counted(&[0, 3, 1], &[false, false, true, true, true, true, true, false, true, true, true]);
    let y = loss.try_forward(&net, logits.put_tape(cx.into_tape()), responses, &labels).unwrap();
    let gradients = gradients(&net, &mut y.backward());
    (values, gradients, net)
}

fn same_as_plain<L: Loss<Model, f64, Cpu>>(dynamics: &Dynamics, loss: &L) {
    let (logits, exact, plain) = run(dynamics, 0, loss);
    for segment in [1, 2, 3, 5, 11, 100] {
        let (logits_again, again, net) = run(dynamics, segment, loss);
        assert_eq!(logits, logits_again);
        assert_eq!(plain.weights(), net.weights(), "running moments");
        assert_eq!(exact.len(), again.len());
        for (name, exact) in &exact {
            let scale = exact.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
            let far = exact.iter().zip(&again[name]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(far <= 1e-12 * scale, "{name}, segments of {segment}, {dynamics:?}: {far} of {scale}");
        }
    }
    // batch norm takes the bias before it away, all else counts
    let counts = |name: &&String| exact[*name].iter().any(|&g| g != 0.0);
    assert!(exact.keys().filter(|name| !name.ends_with("bias")).all(|name| counts(&name)), "{exact:?}");
}

#[test]
fn gradients_are_those_of_the_plain_way() {
    let _alone = ALONE.lock();
    let dynamics = |t_feedforward, idle_steps, truncate_steps| Dynamics {
        t_feedforward,
        idle_steps,
        truncate_steps,
        t_recurrence: 4.0,
        t_feedback: 4.0,
        ..Dynamics::default()
    };
    let sum = (
        CrossEntropy::default(),
        Weighted::new(0.3, Activity { measure: Measure::Absolute(2.0), areas: vec![] }),
        Weighted::new(0.2, TemporalSmoothness::default()),
    );
    for dynamics in [dynamics(0.0, 0, 0), dynamics(2.0, 2, 0), dynamics(0.0, 0, 4), dynamics(2.0, 1, 3)] {
        same_as_plain(&dynamics, &CrossEntropy::default());
        same_as_plain(&dynamics, &sum);
    }
}

// ------------------------------------------------------------------------------- truncation and recorded answers

/// Gives the state an identity of its own.
struct Detached;
impl MapAreas<State, State, f64, Cpu> for Detached {
    fn area<S: Timed>(&mut self, _: &'static str, mut past: History<S, f64, Cpu>) -> Result<History<S, f64, Cpu>> {
        past.replace(|x| {
            let mut own = Cpu::default().zeros_like(x.shape());
            own.copy_from(&x.as_vec());
            Ok(own)
        })?;
        Ok(past)
    }
}

/// With gradients cut after every step, a loss on the answers has the sum of the gradients of the steps, each from a
/// state that it takes as given.
#[test]
fn truncation_leaves_the_gradients_that_come_through_recorded_answers() {
    let _alone = ALONE.lock();
    let dev = Cpu::seed_from_u64(3);
    let mut net = dev.build_module::<OneArea, f64>();
    *net.dynamics_mut() = Dynamics { t_recurrence: 2.0, truncate_steps: 1, ..Dynamics::default() };
    let image: Tensor<(usize, Const<1>, Const<6>, Const<6>), f64, _> =
        dev.sample_normal_like(&(2, Const, Const, Const));
    let steps = 4;
    let mut state = net.reset();
    let mut sum: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..steps {
        state = OneAreaModel::map_areas(state, &mut Detached).unwrap();
        let stimulus = Stimulus::constant(image.clone(), 1).traced(net.alloc_grads());
        let mut record = net.observers::<Steps, usize>();
        let (_, cx) = net.try_observe(stimulus, &mut state, &mut record).unwrap();
        let answer = record.v1.responses().next().flatten().cloned().unwrap();
        let units = answer.shape().num_elements() * steps;
        let mut grads = (answer.put_tape(cx.into_tape()).abs().sum::<Rank0, _>() / units as f64).backward();
        for (name, gradient) in gradients(&net, &mut grads) {
            let sum = sum.entry(name).or_insert_with(|| vec![0.0; gradient.len()]);
            sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
        }
    }
    for recompute_steps in [0, 1, 3] {
        net.dynamics_mut().recompute_steps = recompute_steps;
        let stimulus = Stimulus::constant(image.clone(), steps).traced(net.alloc_grads());
        let (logits, responses) = net.try_record(stimulus).unwrap();
        let labels = Labels::constant(&[0, 0], steps);
        let loss = Activity::default().try_forward(&net, logits, Some(responses), &labels).unwrap();
        let found = gradients(&net, &mut loss.backward());
        for (name, expected) in &sum {
            let far = expected.iter().zip(&found[name]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(far < 1e-14, "{name}: {far}");
        }
    }
    assert!(sum["v1.recurrence.weight"].iter().any(|&g| g != 0.0));
}

// --------------------------------------------------------------------------------------------------------- memory

struct Counting;
static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above; the block came from there.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn memory_is_that_of_a_segment_and_of_the_states() {
    let _alone = ALONE.lock();
    let peak = |recompute_steps: usize| {
        let dev = Cpu::seed_from_u64(1);
        let mut net = dev.build_module::<Net, f32>();
        *net.dynamics_mut() = Dynamics { recompute_steps, t_recurrence: 2.0, t_feedback: 2.0, ..Dynamics::default() };
        let image: Tensor<(usize, Const<2>, Const<6>, Const<6>), f32, _> =
            dev.sample_normal_like(&(64, Const, Const, Const));
        let once = |net: &NetModel<f32, Cpu>| {
            let logits = net.try_run(Stimulus::constant(image.clone(), 36).traced(net.alloc_grads())).unwrap();
            let loss = CrossEntropy::default().of_logits(logits, &Labels::constant(&[1; 64], 36)).unwrap();
            loss.backward()
        };
        drop(once(&net)); // what is made once is there
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        drop(once(&net));
        PEAK.load(Relaxed) - before
    };
    let (plain, segments) = (peak(0), peak(6));
    assert!(segments * 3 < plain, "36 steps: {plain} bytes, in segments of 6: {segments}");
}
