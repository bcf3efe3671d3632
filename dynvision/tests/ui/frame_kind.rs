//! A dimension of the frame is no whole number.
//! An error of the first layer.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16.0, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
