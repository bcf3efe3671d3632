//! A key is given twice.
//! A SyntaxError.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay, pool])]
struct Net {
    #[area(pool = MaxPool2d<2>, pool = MaxPool2d<3>)]
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
