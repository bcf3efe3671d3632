//! A layer, the solver's step and a nonlinearity that follow each other are fewer passes: the bits are those of the operations one
//! after the other, which something between them keeps apart.

use crate::common::gradients;
use dfdx::prelude::{Rank0, SumTo, Tape};
use dynvision::error::Result;
use dynvision::interop::Weights;
use dynvision::kernels::{Element, Maps, VisionDevice};
use dynvision::nn::{
    Connection, DepthPointwise, Empty, Euler, EulerPerChannel, Full, Identity, Local, Nonlinearity, PerStep,
    PointDepthwise, Recurrence, RecurrenceTarget, Relu, RungeKutta4, SelfRecurrence, Solver, ToInput, ToOutput,
    TrainedTau,
};
use dynvision::ops::{self, Step};
use dynvision::prelude::*;
use dynvision::time::AreaDynamics;
use dynvision::unroll::Context;
use std::cell::Cell;

#[dyn_model(
    input = [3, 6, 6], operations = [layer, tstep, nonlin, record, delay, pool], dynamics(t_recurrence = 4.0),
)]
struct Net<R: Recurrence = Full, P: RecurrenceTarget = ToOutput, S: Solver = Euler, N: Nonlinearity = Relu> {
    #[area(solver = S, nonlin = N, pool = MaxPool2d<3, 2, 1>)]
    v1: RConv2d<3, 3, 3, 1, R, P>,
    #[area(solver = S, nonlin = N)]
    v2: RConv2d<3, 3, 3, 2, R, P>,
    #[readout]
    classifier: Classifier<3, 4>,
}

/// The same, with the identity after the layer.
#[dyn_model(
    input = [3, 6, 6], operations = [layer, between, tstep, nonlin, record, delay, pool], dynamics(t_recurrence = 4.0),
)]
struct Apart<R: Recurrence = Full, P: RecurrenceTarget = ToOutput, S: Solver = Euler, N: Nonlinearity = Relu> {
    #[area(solver = S, nonlin = N, pool = MaxPool2d<3, 2, 1>, apply(between = Identity))]
    v1: RConv2d<3, 3, 3, 1, R, P>,
    #[area(solver = S, nonlin = N, apply(between = Identity))]
    v2: RConv2d<3, 3, 3, 2, R, P>,
    #[readout]
    classifier: Classifier<3, 4>,
}

/// A layer of its own for each step.
#[dyn_model(input = [3, 6, 6], operations = [layer, tstep, nonlin, record, delay])]
struct EachStep<R: Recurrence = Full> {
    #[area]
    v1: PerStep<RConv2d<3, 3, 3, 1, R>, 7>,
    #[readout]
    classifier: Classifier<3, 4>,
}

/// Logits and gradients of a run that shows one frame for some steps and then another one.
macro_rules! run {
    ($net:expr) => {{
        let stimulus = || {
            let dev = Cpu::seed_from_u64(9);
            let [one, other] = [0, 1].map(|_| dev.sample_normal_like(&(5, Const, Const, Const)));
            Stimulus::constant(one, 4).then(other, 2).then_again(1)
        };
        let untraced = $net.try_run(stimulus()).unwrap().as_vec();
        let logits = $net.try_run(stimulus().training().traced($net.alloc_grads())).unwrap();
        let values = logits.as_vec();
        assert_eq!(values, untraced, "the values without a tape");
        (values, gradients($net, &mut logits.square().sum::<Rank0, _>().backward()))
    }};
}

macro_rules! same {
    ($($part:ty),*) => {{
        let net = Cpu::seed_from_u64(5).build_module::<Net<$($part),*>, f32>();
        let mut apart = Cpu::default().build_module::<Apart<$($part),*>, f32>();
        apart.set_weights(&net.weights()).unwrap();
        let ((values, gradients), (want, want_gradients)) = (run!(&net), run!(&apart));
        assert_eq!(values, want);
        assert!(gradients.len() > 4 && gradients.values().flatten().any(|&g| g != 0.0));
        assert_eq!(gradients, want_gradients);
    }};
}

#[test]
fn a_step_with_the_layer_has_the_bits_of_two_operations() {
    same!(Full, ToOutput, Euler, Relu);
    same!(Full, ToInput, Euler, Relu);
    same!(DepthPointwise, ToOutput, RungeKutta4, Relu);
    same!(PointDepthwise, ToOutput, Euler, Identity);
    same!(SelfRecurrence, ToOutput, Euler, Relu);
    same!(Local, ToOutput, Euler, Relu);
    same!(Full, ToOutput, Euler<TrainedTau>, Relu);
    same!(Full, ToOutput, EulerPerChannel<3>, Relu);
}

thread_local! {
    /// How often a connection was asked for its contribution alone, and together with a step.
    static ASKED: Cell<[usize; 2]> = const { Cell::new([0; 2]) };
}

/// `h`.
#[derive(Clone, Debug)]
struct Counts;
dynvision::spec!(impl Counts => Empty);
impl Connection for Counts {
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let [alone, stepped] = ASKED.get();
        ASKED.set([alone + 1, stepped]);
        ops::add_onto(onto, h.clone(), cx)
    }

    fn forward_leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        step: Step<'_, E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let [alone, stepped] = ASKED.get();
        ASKED.set([alone, stepped + 1]);
        let drive = ops::add_onto(onto, h.clone(), cx)?;
        step.take(drive, cx)
    }
}

#[test]
fn a_connection_is_asked_together_with_the_step_where_nothing_is_between_them() {
    let asked = |run: &dyn Fn()| {
        ASKED.set([0; 2]);
        run();
        ASKED.get()
    };
    macro_rules! of {
        ($net:ty) => {
            asked(&|| _ = run!(&Cpu::default().build_module::<$net, f32>()))
        };
    }
    // two areas, two runs of seven steps, of which the first two have no past
    assert_eq!(of!(Net<Counts>), [0, 20]);
    assert_eq!(of!(Net<Counts, ToOutput, EulerPerChannel<3>>), [20, 0]);
    assert_eq!(of!(Net<Counts, ToInput>), [20, 0]);
    assert_eq!(of!(Apart<Counts>), [20, 0]);
    // one area, and three steps without a past
    assert_eq!(of!(EachStep<Counts>), [0, 8]);
}

#[test]
fn a_step_that_cannot_be_taken_is_refused_when_there_is_a_drive() {
    let dynamics = || {
        let mut dynamics = Dynamics { t_feedforward: 8.0, ..Dynamics::default() };
        dynamics.areas.insert("v2".into(), AreaDynamics { tau: Some(0.9), ..AreaDynamics::DEFAULT });
        dynamics
    };
    let (mut net, mut apart) = (Cpu::default().build_module::<Net, f32>(), Cpu::default().build_module::<Apart, f32>());
    (*net.dynamics_mut(), *apart.dynamics_mut()) = (dynamics(), dynamics());
    for steps in 1..8 {
        let shown = || Stimulus::constant(Cpu::default().sample_normal_like(&(2, Const, Const, Const)), steps);
        let refused = [net.try_run(shown()).err(), apart.try_run(shown()).err()].map(|e| e.map(|e| e.to_string()));
        assert_eq!(refused[0], refused[1], "{steps} steps");
        // what the first area answers arrives four steps later
        assert_eq!(refused[0].is_some(), steps > 4, "{steps} steps: {refused:?}");
        assert!(refused[0].iter().all(|text| text.contains("area `v2` at step 4")), "{refused:?}");
    }
}
