//! The default of a type parameter is not what the parameter is to be.
//! It does not arise in Python.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net<R: Recurrence = Relu> {
    v1: RConv2d<3, 4, 3, 1, R>,
    v2: RConv2d<4, 6, 3, 1, R>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net<Full>, f32>();
}
