//! Five mistakes of different kinds: five errors.
//! It reports one at a time, and some never.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, skip, fedback, tstep, nonlin, record, delay, pool])]
struct Net {
    #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = it))]
    v1: RConv2d<3, 36>,
    v2: RConv2d<32, 64>,
    #[area(skip(from = v11), tau = -1.0)]
    v4: RConv2d<64, 121>,
    it: MaxPool2d<2>,
    #[readout]
    head: Classifier<121, 10>,
}

fn main() {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let images: Tensor<(usize, Const<3>, Const<16>, Const<16>), f32, _> = dev.zeros_like(&(2, Const, Const, Const));
    let mut state: NetState<usize, f32, Cpu> = net.reset();
    let _ = net.try_step(images.clone(), &mut state);
    if let Ok((_, responses)) = net.try_record(Stimulus::constant(images, 20)) {
        let responses: NetResponses<usize, f32, Cpu> = responses;
        let _ = (responses.v1.values, Net::V1, Net::V1_POOL);
    }
}
