//! A comma is missing between two inputs.
//! A syntax error.
use dynvision::prelude::*;

#[dyn_model(inputs(left = [1, 8, 8] right = [1, 8, 8]), operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    #[area(from = [left, right])]
    v1: RConv2d<2, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
