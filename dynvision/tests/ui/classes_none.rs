//! A readout tells no classes apart.
//! Training fails at the first label.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 0>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
