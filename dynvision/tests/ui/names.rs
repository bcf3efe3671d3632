//! Names of areas collide with each other or with names that the macro needs.
//! The later attribute replaces the earlier.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    input: RConv2d<3, 4>,
    V2: RConv2d<4, 6>,
    v2: RConv2d<6, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
