//! An operation of one's own is named in quotes.
//! Operations are named in quotes there.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, gain, record, delay])]
struct Net {
    #[area(apply("gain" = Relu))]
    v1: RConv2d<3, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
