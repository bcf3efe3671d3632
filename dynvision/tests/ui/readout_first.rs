//! The readout is not the last field.
//! The order of declaration does not matter there.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    #[readout]
    head: Classifier<6, 5>,
    v2: RConv2d<4, 6>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
