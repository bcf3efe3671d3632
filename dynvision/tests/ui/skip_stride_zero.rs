//! The shape that a connection is given does not fit.
//! It fails in the first forward pass, with PyTorch's shapes of a single operation.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, skip, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    #[area(skip(from = v1, stride = 0))]
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
