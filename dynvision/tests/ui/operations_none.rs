//! The list of operations is empty.
//! The network computes nothing, in silence.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [])]
struct Net {
    v1: RConv2d<3, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
