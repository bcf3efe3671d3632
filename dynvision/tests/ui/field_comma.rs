//! A comma is missing between two fields.
//! `SyntaxError`.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    #[area(tau = 8.0)]
    v1: RConv2d<3, 4>
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
