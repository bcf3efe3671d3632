//! A frame has more units than can be counted.
//! Allocation fails at the first run.
use dynvision::prelude::*;

#[dyn_model(input = [1, 18446744073709551615, 8], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<1, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
