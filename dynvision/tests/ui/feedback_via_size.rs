//! What stands on a feedback brings a map of another size than it meets.
//! The step fails when it is added.
use dynvision::nn::ConvTranspose2d;
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, feedback, nonlin, record, delay, pool])]
struct Net {
    #[area(feedback(from = v2, via = ConvTranspose2d<6, 4, 3, 4>), pool = MaxPool2d<2>)]
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
