//! An area gets its input from itself.
//! A name is used before it has a value, when the model runs.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    #[area(from = v2)]
    v2: RConv2d<4, 4>,
    #[area(from = [v1, v2])]
    v3: RConv2d<8, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
