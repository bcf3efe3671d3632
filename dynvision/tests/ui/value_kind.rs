//! Values are of the wrong kind.
//! It fails where they are used, or converts them.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, skip, tstep, nonlin, record, delay, pool])]
struct Net {
    #[area(pool = 2, tau = "slow")]
    v1: RConv2d<3, 4>,
    #[area(skip(v1))]
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
