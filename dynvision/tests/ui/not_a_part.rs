//! Parts of other kinds stand for a pooling, a solver and a nonlinearity.
//! It is not checked when the model is declared.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay, pool])]
struct Net {
    #[area(pool = Relu)]
    v1: RConv2d<3, 4>,
    #[area(solver = MaxPool2d<2>, nonlin = Full)]
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
