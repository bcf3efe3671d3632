//! An argument of a part is not there.
//! `NameError`, when the model is built.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net<R: Recurrence = Full> {
    v1: RConv2d<3, 4, 3, 1, R>,
    v2: RConv2d<4, { CHANELS }, 3, 1, R>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
