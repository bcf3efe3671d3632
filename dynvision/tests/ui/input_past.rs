//! An area gets the past of an input.
//! One input and one chain of areas; anything else is written by hand.
use dynvision::prelude::*;

#[dyn_model(inputs(left = [3, 16, 16], right = [3, 16, 16]), operations = [layer, nonlin, record, delay])]
struct Net {
    #[area(from = [left, feedback(right)])]
    v1: RConv2d<6, 4>,
    #[area(from = [v1, right])]
    v2: RConv2d<7, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
