//! Models that `#[dyn_model]` writes.
#![allow(clippy::unwrap_used)] // a failing test may panic

use dynvision::geometry::Map;
use dynvision::prelude::*;

/// The model of `by_hand.rs`.
#[dyn_model(input = [3, 16, 16], operations = [layer, skip, feedback, tstep, nonlin, record, delay, pool])]
pub struct Net<R: Recurrence = Full> {
    #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = v2))]
    v1: RConv2d<3, 4, 3, 1, R>,
    #[area(skip(from = v1), tau = 8.0)]
    v2: RConv2d<4, 6, 3, 1, R>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[test]
fn shapes_are_constants_and_types() {
    assert_eq!((Net::INPUT, Net::V1, Net::V1_POOL), (Map::new(3, 16, 16), Map::new(4, 16, 16), Map::new(4, 8, 8)));
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let images: Tensor<(usize, Const<3>, Const<16>, Const<16>), f32, _> = dev.zeros_like(&(2, Const, Const, Const));
    let (logits, responses) = net.try_record(Stimulus::constant(images, 3)).unwrap();
    let logits: Tensor<(usize, usize, Const<5>), f32, _> = logits;
    assert_eq!(logits.shape().0, 2);
    let v2: Tensor<(usize, usize, Const<6>, Const<8>, Const<8>), f32, _> = responses.v2.values;
    assert_eq!(v2.shape().1, 3);
}
