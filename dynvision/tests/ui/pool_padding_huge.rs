//! A pooling has more padding than memory.
//! An error at the first run.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay, pool])]
struct Net {
    #[area(pool = MaxPool2d<3, 1, 18446744073709551615>)]
    v1: RConv2d<3, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
