//! A size of the frame is no `usize`.
//! It does not arise in Python.
use dynvision::prelude::*;

const SIDE: u32 = 16;

#[dyn_model(input = [3, SIDE, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
