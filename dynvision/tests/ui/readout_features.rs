//! The second of two readouts reads another number of units than its area has.
//! A shape error in the first forward pass.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    what: Classifier<6, 5>,
    #[readout(from = v1)]
    whereabouts: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
