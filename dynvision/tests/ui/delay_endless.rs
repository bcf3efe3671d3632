//! A delay is longer than any model keeps its past.
//! Memory grows until the process is killed.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    #[area(t_feedforward = 1e18)]
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
