//! Several inputs are announced and none is named.
//! One input and one chain of areas; anything else is written by hand.
use dynvision::prelude::*;

#[dyn_model(inputs(), operations = [layer, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
