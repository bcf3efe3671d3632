//! Two areas have their sizes from each other.
//! One input and one chain of areas; anything else is written by hand.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, nonlin, record, delay])]
struct Net {
    #[area(from = [feedback(v2), input])]
    v1: RConv2d<10, 4>,
    v2: RConv2d<4, 7>,
    #[readout]
    head: Classifier<7, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
