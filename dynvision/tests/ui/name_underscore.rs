//! An area is called `_`.
//! Accepted: one more name.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    _: RConv2d<3, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
