//! Where no gradient is recorded, results take the place of maps that nobody needs any more: nothing that anybody reads changes.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use dfdx::prelude::{Axes4, NoneTape, OwnedTape, PermuteTo, SplitTape, Tape};
use dynvision::error::Result;
use dynvision::geometry::{Conv, Geometry, Window};
use dynvision::kernels::{Element, Maps, VisionDevice};
use dynvision::model::{Frame, FrameShape};
use dynvision::nn::{Empty, Layer, Operation};
use dynvision::ops;
use dynvision::prelude::*;
use dynvision::unroll::{Context, Past};

#[dyn_model(input = [3, 16, 16], operations = [layer, skip, feedback, tstep, nonlin, record, delay, pool])]
struct Net<R: Recurrence = Full> {
    #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = v2))]
    v1: RConv2d<3, 4, 3, 1, R>,
    #[area(skip(from = v1), tau = 8.0)]
    v2: RConv2d<4, 6, 3, 1, R>,
    #[readout]
    classifier: Classifier<6, 5>,
}

/// Results take the place of what nobody reads any more; what somebody holds stays.
#[test]
fn what_is_held_outlives_the_steps_that_reuse_memory() {
    fn holds<R: Recurrence>(
        dev: &Cpu,
        mut film: impl FnMut() -> Tensor<(usize, Const<3>, Const<16>, Const<16>), f32, Cpu>,
    ) {
        let net = dev.build_module::<Net<R>, f32>();
        let frames: Vec<_> = (0..12).map(|_| film()).collect();
        let stimulus = || Stimulus::frames(frames.clone(), NoneTape);
        let (logits, responses) = net.try_record(stimulus()).unwrap();
        assert_eq!(net.try_run(stimulus()).unwrap().as_vec(), logits.as_vec());
        let last = |area: &[f32], units: usize| area[area.len() - units..].to_vec();
        let mut stream = dynvision::stream::Stream::new(&net, net.reset()).unwrap();
        let mut held = Vec::new();
        for frame in &frames {
            stream.try_step(frame.clone()).unwrap();
            let state = stream.state();
            held.extend([state.v1.ago(1), state.v2.ago(1)].map(|maps| maps.map(|maps| (maps.clone(), maps.as_vec()))));
        }
        assert!(held.iter().flatten().all(|(maps, values)| maps.as_vec() == *values));
        let [v1, v2] = [responses.v1.values.as_vec(), responses.v2.values.as_vec()];
        let [.., Some((_, of_v1)), Some((_, of_v2))] = &held[..] else { panic!("areas without response") };
        assert_eq!((last(&v1, of_v1.len()), last(&v2, of_v2.len())), (of_v1.clone(), of_v2.clone()));
    }
    let dev = Cpu::seed_from_u64(3);
    let frame = || dev.sample_normal_like(&(1, Const, Const, Const));
    holds::<Full>(&dev, frame);
    holds::<SelfRecurrence>(&dev, frame);
    holds::<DepthPointwise>(&dev, frame);
    holds::<PointDepthwise>(&dev, frame);
}

/// Runs with memory that is used again, without (every response is kept), and with a tape agree.
fn agrees<M: DynModel<f32, Cpu>, const N: usize>(net: &M, frames: &[Frame<M, Const<N>, f32, Cpu>], constant: bool) {
    let stimulus = |steps: usize| -> Stimulus<FrameShape<M, Const<N>, f32, Cpu>, f32, Cpu> {
        match constant {
            true => Stimulus::constant(frames[0].clone(), steps),
            false => Stimulus::frames(frames[..steps].to_vec(), NoneTape),
        }
    };
    let steps = frames.len();
    let (kept, _) = net.try_record(stimulus(steps)).unwrap();
    assert!(kept.as_vec().iter().any(|&v| v != 0.0));
    assert_eq!(net.try_run(stimulus(steps)).unwrap().as_vec(), kept.as_vec());
    let taped: Stimulus<FrameShape<M, Const<N>, f32, Cpu>, f32, Cpu, OwnedTape<f32, Cpu>> = match constant {
        true => Stimulus::constant(frames[0].clone().traced(net.try_alloc_grads().unwrap()), steps),
        false => Stimulus::frames(frames.to_vec(), OwnedTape::default()),
    };
    let (taped, _) = net.try_run(taped).unwrap().split_tape();
    let largest = kept.as_vec().iter().fold(0.0f32, |max, v| max.max(v.abs()));
    let far = taped.as_vec().iter().zip(kept.as_vec()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far <= 1e-5 * largest, "{far} of {largest}");
}

fn frames<const N: usize, const C: usize, const H: usize>()
-> Vec<Tensor<(Const<N>, Const<C>, Const<H>, Const<H>), f32, Cpu>> {
    let dev = Cpu::seed_from_u64(5);
    (0..12).map(|_| dev.sample_normal()).collect()
}

/// Gives its input.
#[derive(Clone, Debug)]
struct Passes;
dynvision::spec!(impl Passes => Empty);
impl Layer for Passes {
    const GEOMETRY: Geometry = Geometry::pool(Window::POINT);
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Option<Maps<E, D>>,
        _: &Past<E, D>,
        _: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        Ok(x)
    }
}

#[dyn_model(input = [3, 8, 8], operations = [layer, record, delay], dynamics(dt = 1.0, t_feedforward = 1.0, t_recurrence = 2.0))]
struct Shown {
    v0: Passes,
    v1: RConv2d<3, 3>,
    v2: RConv2d<3, 4>,
    #[readout]
    classifier: Classifier<4, 3>,
}

/// A frame that is the response of an area, and forgotten as one, is still what the stimulus shows.
#[test]
fn a_frame_is_nobodys_to_give_up() {
    let net = Cpu::seed_from_u64(1).build_module::<Shown, f32>();
    agrees(&net, &frames::<2, 3, 8>(), true);
    agrees(&net, &frames::<2, 3, 8>(), false);
}

#[dyn_model(input = [3, 8, 8], operations = [layer, nonlin, record, delay, pool], dynamics(dt = 1.0))]
struct Several {
    #[area(pool = MaxPool2d<2>)]
    v1: RConv2d<3, 4>,
    v2: RConv2dx2<4, 4, 4>,
    #[area(from = [v1, v2])]
    v3: RConv2d<8, 4>,
    #[readout]
    classifier: Classifier<4, 3>,
}

#[dyn_model(
    input = [4, 8, 8], operations = [layer, nonlin, record, delay],
    dynamics(dt = 1.0, t_feedforward = 2.0, t_recurrence = 1.0),
)]
struct Alike {
    v1: RConv2d<4, 4, 3, 1, DepthPointwise>,
    v2: RConv2d<4, 4>,
    v3: RConv2d<4, 4, 3, 1, PointDepthwise>,
    #[readout]
    classifier: Classifier<4, 3>,
}

/// What is forgotten may be what is passed on in the same step, and one signal may go to several areas.
#[test]
fn a_signal_that_is_on_its_way_is_not_given_up() {
    agrees(&Cpu::seed_from_u64(2).build_module::<Several, f32>(), &frames::<2, 3, 8>(), false);
    agrees(&Cpu::seed_from_u64(3).build_module::<Alike, f32>(), &frames::<2, 4, 8>(), false);
}

/// Exchanges rows and columns, by a view.
#[derive(Clone, Debug)]
struct Turned;
dynvision::spec!(impl Turned => Empty);
impl Operation for Turned {
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        cx.run(x, |x| x.try_permute::<_, Axes4<0, 1, 3, 2>>())
    }
}

#[dyn_model(input = [3, 8, 8], operations = [layer, turn, record, delay], dynamics(dt = 1.0))]
struct Views {
    #[area(apply(turn = Turned))]
    v1: RConv2d<3, 3>,
    #[area(apply(turn = Turned))]
    v2: RConv2d<3, 3>,
    #[readout]
    classifier: Classifier<3, 3>,
}

#[test]
fn a_view_takes_no_result() {
    agrees(&Cpu::seed_from_u64(4).build_module::<Views, f32>(), &frames::<2, 3, 8>(), false);
}

/// Its last response is the kernel with which it reads its input.
#[derive(Clone, Debug)]
struct Matches;
dynvision::spec!(impl Matches => Empty);
impl Layer for Matches {
    const GEOMETRY: Geometry = Geometry::pool(Window::new(3, 1, 0));
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let window = Window::new(3, 1, 0);
        match own.ago(1) {
            Some(h) => ops::conv2d(&Conv::new(window), &x, h, None, None, cx).map(Some),
            None => ops::avg_pool2d(window, &x, cx).map(Some),
        }
    }
}

#[dyn_model(input = [2, 5, 5], operations = [layer, record, delay], dynamics(dt = 1.0, t_feedforward = 1.0, t_recurrence = 1.0))]
struct Templates {
    v1: Matches,
    v2: RConv2d<2, 1>,
    #[readout]
    classifier: Classifier<1, 3>,
}

/// What a device derives of a kernel is that of its values, also where the kernel is a response.
#[test]
fn a_response_that_is_a_kernel_is_packed_anew() {
    agrees(&Cpu::seed_from_u64(6).build_module::<Templates, f32>(), &frames::<2, 2, 5>(), false);
}
