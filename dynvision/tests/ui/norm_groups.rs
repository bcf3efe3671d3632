//! The groups of a norm do not divide its channels.
//! PyTorch refuses the module when it is made.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, norm, tstep, nonlin, record, delay])]
struct Net {
    #[area(norm = GroupNorm<3, 4>)]
    v1: RConv2d<3, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
