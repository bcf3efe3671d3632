//! What stands on a connection is no part for that.
//! The error names the trait of some function of the library.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, feedback, nonlin, record, delay])]
struct Net {
    #[area(feedback(from = v2, via = MaxPool2d<2>))]
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
