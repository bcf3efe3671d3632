//! A readout has the name of an area, but for the case of its letters.
//! The last wins.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    it: RConv2d<4, 6>,
    #[readout]
    what: Classifier<6, 5>,
    #[readout(from = v1)]
    IT: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
