//! An argument of a part is left open.
//! It does not arise in Python.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4, _>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
