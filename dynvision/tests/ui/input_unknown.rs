//! An area gets its input from an input that is not there.
//! One input and one chain of areas; anything else is written by hand.
use dynvision::prelude::*;

#[dyn_model(inputs(left = [3, 16, 16], right = [3, 16, 16]), operations = [layer, nonlin, record, delay])]
struct Net {
    #[area(from = [left, rihgt])]
    v1: RConv2d<6, 4>,
    #[area(from = [v1, right])]
    v2: RConv2d<7, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
