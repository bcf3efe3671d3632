//! A skip comes from a later area.
//! It is accepted, and reads the state of another step than was meant.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, skip, tstep, nonlin, record, delay])]
struct Net {
    #[area(skip(from = v2))]
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
