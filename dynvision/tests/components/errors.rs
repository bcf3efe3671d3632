//! What fails in a run says where.

use dfdx::prelude::*;
use dynvision::error::Result;
use dynvision::geometry::Features;
use dynvision::kernels::{Element, Maps, Matrix, VisionDevice};
use dynvision::nn::{Classifier, Empty, Operation, RConv2d, Readout};
use dynvision::ops;
use dynvision::prelude::{DynModel, Stimulus, dyn_model};
use dynvision::stream::Stream;
use dynvision::unroll::Context;

/// An operation that does not keep the shape, against what is asked of it.
struct Cropped;
dynvision::spec!(impl Cropped => Empty);
impl Operation for Cropped {
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        ops::slice(3, 0..2, &x, cx)
    }
}

/// A readout with as many logits as there are units.
struct Units;
dynvision::spec!(impl Units => Empty);
impl Readout for Units {
    const FEATURES: Features = Features::Channels(2);
    type Classes = Const<3>;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Matrix<E, D>> {
        ops::flatten(x, cx)
    }
}

#[dyn_model(input = [1, 4, 4], operations = [layer, cropped, tstep, record, delay])]
struct Crops {
    v1: RConv2d<1, 2>,
    #[area(apply(cropped = Cropped))]
    v2: RConv2d<2, 2>,
    #[readout]
    classifier: Classifier<2, 2>,
}

#[dyn_model(input = [1, 4, 4], operations = [layer, tstep, record, delay])]
struct Reads {
    v1: RConv2d<1, 2>,
    #[readout]
    units: Units,
}

type Frames = Tensor<(usize, Const<1>, Const<4>, Const<4>), f64, Cpu>;

fn frames(batch: usize) -> Frames {
    Cpu::default().zeros_like(&(batch, Const, Const, Const))
}

fn says<Y>(result: Result<Y>, parts: &[&str]) {
    let Err(error) = result else { panic!("this cannot work") };
    let text = error.to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn a_part_that_fails_is_named_by_its_area_and_step() {
    let net = Cpu::default().build_module::<Crops, f64>();
    let where_and_what = ["area `v2` at step 0: ", "expected", "[1, 2, 4, 2]"];
    says(net.try_run(Stimulus::constant(frames(1), 3)), &where_and_what);
    says(net.try_step(frames(1), &mut net.reset()), &where_and_what);
    says(Stream::new(&net, net.reset()).unwrap().try_step(frames(1)), &where_and_what);
    let mut idle = net.clone();
    idle.dynamics_mut().idle_steps = 2;
    says(idle.try_run(Stimulus::constant(frames(1), 3)), &["area `v2` before the stimulus: "]);
    let net = Cpu::default().build_module::<Reads, f64>();
    says(net.try_run(Stimulus::constant(frames(1), 3)), &["the readout: its logits: ", "[1, 32]"]);
}

#[test]
fn frames_of_several_batch_sizes_are_named_before_the_run() {
    let net = Cpu::default().build_module::<Crops, f64>();
    let two = Stimulus::constant(frames(3), 2).then(frames(2), 1);
    says(net.try_run(two), &["step 2", "3 images", "step 0"]);
}
