//! Gradients against central differences, in `f64`.

use dfdx::prelude::*;
use dynvision::error::Result;
use dynvision::kernels::Maps;
use dynvision::time::Plan;
use dynvision::unroll::Context;
use std::cell::Cell;

pub(crate) type Maps64 = Maps<f64, Cpu>;
type Tape64 = OwnedTape<f64, Cpu>;

/// Visits every element of the trained parameters: moves one, or reads its gradient.
struct Visit<'a> {
    at: usize,
    seen: usize,
    by: f64,
    grads: Option<&'a Gradients<f64, Cpu>>,
    gradient: &'a Cell<f64>,
}
impl TensorVisitor<f64, Cpu> for Visit<'_> {
    type Viewer = ViewTensorMut;
    type Err = CpuError;
    type E2 = f64;
    type D2 = Cpu;
    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, f64, Cpu>,
        t: &mut Tensor<S, f64, Cpu>,
    ) -> std::result::Result<Option<Tensor<S, f64, Cpu>>, CpuError> {
        let n = if options.do_gradient_update { t.shape().num_elements() } else { 0 };
        if (self.seen..self.seen + n).contains(&self.at) {
            let mut v = t.as_vec();
            v[self.at - self.seen] += self.by;
            if self.by != 0.0 {
                t.copy_from(&v);
            }
            if let Some(grads) = self.grads {
                self.gradient.set(grads.get(t).as_vec()[self.at - self.seen]);
            }
        }
        self.seen += n;
        Ok(None)
    }
}

fn visit<M: TensorCollection<f64, Cpu>>(net: &mut M, at: usize, by: f64, grads: Option<&Gradients<f64, Cpu>>) -> f64 {
    let gradient = Cell::new(f64::NAN);
    let mut f = Visit { at, seen: 0, by, grads, gradient: &gradient };
    M::iter_tensors(&mut RecursiveWalker { m: net, f: &mut f }).unwrap();
    gradient.get()
}

/// Compares the gradients of a fixed weighted sum of `forward`'s answer, by every parameter of `net` and by `x`, with
/// central differences.
pub(crate) fn gradients_are_differences<M, X: Shape, Y: Shape>(
    net: &mut M,
    x: &Tensor<X, f64, Cpu>,
    forward: impl Fn(&M, Tensor<X, f64, Cpu>, &mut Context<f64, Cpu, Tape64>) -> Result<Tensor<Y, f64, Cpu>>,
) where
    M: TensorCollection<f64, Cpu>,
{
    let loss = |net: &M, x: &Tensor<X, f64, Cpu>| {
        let (x, tape) = x.clone().leaky_trace().split_tape();
        let mut cx = Context::new(tape, Plan::default());
        let y = forward(net, x, &mut cx).unwrap();
        weighed(y.put_tape(cx.into_tape()))
    };
    let grads = loss(net, x).backward();
    for i in 0..net.num_trainable_params() {
        let gradient = visit(net, i, 0.0, Some(&grads));
        visit(net, i, EPS, None);
        let up = loss(net, x).array();
        visit(net, i, -2.0 * EPS, None);
        let down = loss(net, x).array();
        visit(net, i, EPS, None);
        close("parameter", i, gradient, up, down);
    }
    let (values, by_x) = (x.as_vec(), grads.get(x).as_vec());
    for i in 0..values.len() {
        let moved = |by: f64| {
            let mut values = values.clone();
            values[i] += by;
            let mut x = x.device().zeros_like(x.shape());
            x.copy_from(&values);
            loss(net, &x).array()
        };
        close("input", i, by_x[i], moved(EPS), moved(-EPS));
    }
}

/// The same for the parameters of a model alone. `forward` gets gradients to record with.
pub(crate) fn parameters_are_differences<M, Y: Shape>(
    net: &mut M,
    forward: impl Fn(&M, Gradients<f64, Cpu>) -> Result<Tensor<Y, f64, Cpu, Tape64>>,
) where
    M: TensorCollection<f64, Cpu>,
{
    perturb(net);
    let loss = |net: &M| weighed(forward(net, Gradients::leaky()).unwrap());
    let grads = loss(net).backward();
    for i in 0..net.num_trainable_params() {
        let gradient = visit(net, i, 0.0, Some(&grads));
        visit(net, i, EPS, None);
        let up = loss(net).array();
        visit(net, i, -2.0 * EPS, None);
        let down = loss(net).array();
        visit(net, i, EPS, None);
        close("parameter", i, gradient, up, down);
    }
}

/// Moves every parameter by a little of its own, so that none is 0 and no two are equal.
pub(crate) fn perturb<M: TensorCollection<f64, Cpu>>(net: &mut M) {
    for i in 0..net.num_trainable_params() {
        visit(net, i, 0.2 * (0.9 * i as f64 + 0.4).sin(), None);
    }
}

const EPS: f64 = 1e-5;

fn close(what: &str, i: usize, gradient: f64, up: f64, down: f64) {
    let difference = (up - down) / (2.0 * EPS);
    let scale = gradient.abs().max(1.0);
    assert!((gradient - difference).abs() < 1e-7 * scale, "{what} {i}: {gradient} but difference {difference}");
}

/// A fixed weighted sum.
fn weighed<Y: Shape>(y: Tensor<Y, f64, Cpu, Tape64>) -> Tensor<Rank0, f64, Cpu, Tape64> {
    let weights = (0..y.shape().num_elements()).map(|i| (1.7 * i as f64 + 0.3).sin()).collect::<Vec<_>>();
    let mut weigh = y.device().zeros_like(y.shape());
    weigh.copy_from(&weights);
    (y * weigh).sum()
}

/// Maps drawn from a normal distribution.
pub(crate) fn drawn<const C: usize>(batch: usize, rows: usize, columns: usize) -> Maps64 {
    Cpu::seed_from_u64(11).sample_normal_like(&(batch, C, rows, columns))
}
