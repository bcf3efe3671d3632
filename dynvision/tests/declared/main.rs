//! What declarations can say beyond a chain of areas: several readouts and their training, several inputs, time constants of
//! channels, and constraints that hold through updates, checkpoints and imports.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod attention;
#[path = "../common/mod.rs"]
mod common;
mod constraints;
mod inputs;
mod readouts;
mod steps;
mod time_constants;

use dfdx::prelude::{Cpu, Gradients};
use dynvision::model::DynModel;
use dynvision::parameters::each_mut;

/// The gradients of `loss` by two elements of each trained tensor against central differences.
fn agree_with_differences<M: DynModel<f64, Cpu>>(net: &M, grads: &mut Gradients<f64, Cpu>, loss: impl Fn(&M) -> f64) {
    let step = 1e-5;
    let mut seen = 0;
    for (name, gradient) in common::gradients(net, grads) {
        for at in [0, gradient.len() / 2] {
            let moved = |by: f64| {
                let mut moved = net.clone();
                each_mut(&mut moved, |other, _, tensor| {
                    if other == name {
                        let mut values = tensor.values();
                        values[at] += by;
                        tensor.set_values(&values);
                    }
                });
                loss(&moved)
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            let (ours, scale) = (gradient[at], gradient[at].abs().max(1e-4));
            assert!((slope - ours).abs() <= 1e-4 * scale, "{name}[{at}]: {slope} by differences, {ours}");
            seen += usize::from(ours != 0.0);
        }
    }
    assert!(seen > 4, "{seen} gradients that are not 0");
}
