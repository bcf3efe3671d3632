//! `pool` before `delay` leaves a state that the recurrence cannot read.
//! The recurrence fails on the shape, or resizes the state.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, pool, tstep, nonlin, record, delay])]
struct Net {
    #[area(pool = MaxPool2d<2>)]
    v1: RConv2d<3, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
