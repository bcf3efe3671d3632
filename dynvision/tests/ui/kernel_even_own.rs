//! A recurrence has an even kernel of its own.
//! The second step fails: the shapes differ by one.
use dynvision::nn::OwnKernel;
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4, 3, 1, Full<OwnKernel<2>>>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
