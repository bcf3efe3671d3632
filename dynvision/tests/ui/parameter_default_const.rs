//! The default of a constant parameter is no number.
//! It does not arise in Python.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net<R: Recurrence = Full, const N: usize = "5"> {
    v1: RConv2d<3, 4, 3, 1, R>,
    v2: RConv2d<4, 6, 3, 1, R>,
    #[readout]
    head: Classifier<6, N>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net<Full, 5>, f32>();
}
