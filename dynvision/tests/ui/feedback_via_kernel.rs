//! A connection has a part of its own, and a kernel of the convolution that this part replaces.
//! The kernel is ignored.
use dynvision::nn::ConvTranspose2d;
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, feedback, nonlin, record, delay, pool])]
struct Net {
    #[area(feedback(from = v2, kernel = 3, via = ConvTranspose2d<6, 4>), pool = MaxPool2d<2>)]
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
