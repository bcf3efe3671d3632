//! Time constants are made for another number of channels than the area has.
//! A shape error in the first forward pass.
use dynvision::nn::EulerPerChannel;
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    #[area(solver = EulerPerChannel<3>)]
    v1: RConv2d<3, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
