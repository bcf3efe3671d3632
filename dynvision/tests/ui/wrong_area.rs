//! The response of an area that does not exist is asked for.
//! A KeyError after the run.
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
    let images: Tensor<(usize, Const<3>, Const<16>, Const<16>), f32, _> = dev.zeros_like(&(2, Const, Const, Const));
    if let Ok((_, responses)) = net.try_record(Stimulus::constant(images, 20)) {
        let _ = responses.v4;
    }
}
