//! A layer makes more channels than can be counted.
//! Allocation fails when the model is built.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 18446744073709551615>,
    #[readout]
    head: Classifier<18446744073709551615, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
