//! A model has one input and several.
//! One input and one chain of areas; anything else is written by hand.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], inputs(left = [3, 16, 16], right = [3, 16, 16]), operations = [layer, nonlin, record, delay])]
struct Net {
    #[area(from = [left, right])]
    v1: RConv2d<6, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
