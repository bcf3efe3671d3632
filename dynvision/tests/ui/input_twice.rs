//! Two inputs have one name.
//! The last wins.
use dynvision::prelude::*;

#[dyn_model(inputs(left = [3, 16, 16], left = [3, 16, 16]), operations = [layer, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
