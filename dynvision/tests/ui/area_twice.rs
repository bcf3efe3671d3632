//! Two areas have one name.
//! The second replaces the first, in silence.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v2: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
