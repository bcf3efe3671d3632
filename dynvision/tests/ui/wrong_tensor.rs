//! A tensor of the wrong shape is handed to the model.
//! It is accepted where the convolutions allow it.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: RConv2d<4, 6>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let images: Tensor<(usize, Const<3>, Const<32>, Const<32>), f32, _> = dev.zeros_like(&(2, Const, Const, Const));
    let _ = net.try_run(Stimulus::constant(images, 20));
}
