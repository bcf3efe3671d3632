//! The frame is not given.
//! A default is used.
use dynvision::prelude::*;

#[dyn_model(operations = [layer, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
