//! The solvers on their own.

use crate::golden::{FORWARD, GRADIENT, Golden};
use dfdx::prelude::*;
use dynvision::cx::Cx;
use dynvision::nn::{Euler, MapOf, RungeKutta4, Solver, Spec, TrainedTau, built};
use dynvision::time::{AreaPlan, Plan};

type Maps = MapOf<usize, usize, usize, usize, f32, Cpu>;

/// The steps of a recorded run, as maps of one row.
fn steps(golden: &Golden, tensor: &str) -> Vec<Maps> {
    let &[time, b, c, w] = golden.shape(tensor) else { panic!("{tensor} is no run") };
    let all = golden.values(tensor);
    let len = all.len() / time;
    all.chunks(len).map(|x| Cpu::default().tensor_from_vec(x.to_vec(), (b, c, 1, w))).collect()
}

fn joined(steps: &[Maps], of: impl Fn(&Maps) -> Vec<f32>) -> Vec<f32> {
    steps.iter().flat_map(of).collect()
}

/// A run of the solver, from its own state or from the recorded ones, which begin with the second step.
fn run<P: Solver + Spec<Built<f32, Cpu> = built::Tau<f32, Cpu>>>(name: &'static str, given: bool) {
    let golden = Golden::read(name);
    let dev = Cpu::default();
    let tau = built::Tau { tau: dev.tensor(5.0f32) };
    let plan = Plan { dt: 2.0, areas: vec![AreaPlan { dt: 2.0, ..AreaPlan::DEFAULT }], ..Plan::default() };
    let xs = steps(&golden, "input");
    let mut cx = Cx::new(OwnedTape::default(), plan);
    let mut ys: Vec<Maps> = Vec::new();
    let hs = if given { steps(&golden, "h") } else { Vec::new() };
    for (t, x) in xs.iter().enumerate() {
        let h = if given { hs.get(t).filter(|_| t > 0) } else { ys.last() };
        ys.push(P::solve(&tau, x.clone(), h, &mut cx).unwrap());
    }
    golden.near("output", &joined(&ys, |y| y.as_vec()), FORWARD);
    let mut loss = dev.zeros().put_tape(cx.tape);
    for (y, g) in ys.iter().zip(steps(&golden, "grad_output")) {
        let part = (y.retaped::<OwnedTape<f32, Cpu>>() * g).sum::<Rank0, _>();
        loss = loss + part;
    }
    let grads = loss.backward();
    golden.near("grad_input", &joined(&xs, |x| grads.get(x).as_vec()), GRADIENT);
    if given {
        golden.near("grad_h", &by_state(&hs, &grads), GRADIENT);
    }
    golden.near("grad_tau", &[grads.get(&tau.tau).array()], GRADIENT);
}

#[test]
fn euler() {
    run::<Euler<TrainedTau>>("comp_euler_own_state", false);
    run::<Euler<TrainedTau>>("comp_euler_given_h", true);
}

#[test]
fn runge_kutta() {
    run::<RungeKutta4<TrainedTau>>("comp_rk4_own_state", false);
    run::<RungeKutta4<TrainedTau>>("comp_rk4_given_h", true);
}

/// The gradients of the given states, of which the first is not read.
fn by_state(hs: &[Maps], grads: &Gradients<f32, Cpu>) -> Vec<f32> {
    let later = hs[1..].iter().flat_map(|h| grads.get(h).as_vec());
    vec![0.0; hs[0].shape().num_elements()].into_iter().chain(later).collect()
}
