//! A type computes with a parameter of the model.
//! It is computed when the model is made.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net<const C: usize = 4> {
    v1: RConv2d<3, C>,
    v2: RConv2d<C, { C * 2 }>,
    #[readout]
    head: Classifier<8, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
