//! One of several inputs has two dimensions.
//! A shape error in the first forward pass.
use dynvision::prelude::*;

#[dyn_model(inputs(left = [3, 16, 16], right = [16, 16]), operations = [layer, nonlin, record, delay])]
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
