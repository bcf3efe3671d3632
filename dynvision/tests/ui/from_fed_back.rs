//! An area gets the past of a later one as its input and by a feedback.
//! Both are added.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, feedback, nonlin, record, delay])]
struct Net {
    #[area(from = [input, feedback(v2)], feedback(from = v2))]
    v1: RConv2d<9, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
