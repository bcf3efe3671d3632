//! An area is called `self`.
//! A keyword of Python is a `SyntaxError` as well.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net<R: Recurrence = Full> {
    #[area(tau = 8.0)]
    self: RConv2d<3, 4, 3, 1, R>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
