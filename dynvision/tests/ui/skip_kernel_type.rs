//! The kernel of a skip is no `usize`.
//! It does not arise in Python.
use dynvision::prelude::*;

const KERNEL: i32 = 3;

#[dyn_model(input = [3, 16, 16], operations = [layer, skip, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    #[area(skip(from = v1, kernel = KERNEL))]
    v2: RConv2d<4, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
