//! An area gets its input from a later one.
//! There is no such output yet when the area runs.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, nonlin, record, delay])]
struct Net {
    #[area(from = v2)]
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
