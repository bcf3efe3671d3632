//! A recurrence cannot serve the shape of its target.
//! It is accepted, and fails or broadcasts when the recurrence first acts.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6, 3, 1, SelfRecurrence, ToInput>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
