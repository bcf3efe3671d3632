//! An area gets its input from an area that is not there.
//! A name is not found, somewhere in generated code.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 4>,
    #[area(from = v3)]
    v4: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
