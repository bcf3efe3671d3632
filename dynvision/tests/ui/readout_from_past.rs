//! A readout reads the past of an area.
//! The answer of a step before, without a word.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    what: Classifier<6, 5>,
    #[readout(from = feedback(v1))]
    whereabouts: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
