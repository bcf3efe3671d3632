//! An area gets its input elsewhere, so that nothing sees what the one before it sends.
//! The area before is computed for nothing.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    dorsal: RConv2d<4, 4>,
    #[area(from = v1)]
    ventral: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
