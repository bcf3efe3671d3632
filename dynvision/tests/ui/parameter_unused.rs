//! A type parameter that nothing mentions.
//! It does not arise in Python.
use dynvision::{nn::Solver, prelude::*};

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net<R: Recurrence = Full, S: Solver = Euler> {
    v1: RConv2d<3, 4, 3, 1, R>,
    v2: RConv2d<4, 6, 3, 1, R>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
