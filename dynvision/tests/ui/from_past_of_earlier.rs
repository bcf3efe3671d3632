//! An area gets the past of an earlier one as its input.
//! The answer of a step before, without a word.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 4>,
    #[area(from = [v2, feedback(v1)])]
    v3: RConv2d<8, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
