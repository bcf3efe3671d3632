//! The components in models: their gradients through time are differences, and their rules of time hold.

use crate::differences::{parameters_are_differences, perturb};
use dfdx::prelude::{BroadcastTo, Const, Cpu, SampleTensor, SumTo, Tensor};
use dynvision::nn::{
    BatchNorm, DepthPointwise, Dropout, ExternalInput, Flatten, GroupNorm, HGru, Identity, InputAdaption, Linear,
    Local, LocalDepthwise, Mlp, OwnKernel, PointDepthwise, RConv2dx2, Retina, ScalarBias, SpatialBias, SupraLinearity,
    TrainedFrom, Unbiased, Uniform, WeightNorm, ZeroFill,
};
use dynvision::prelude::*;

type Frames<const H: usize, const W: usize> = Tensor<(usize, Const<2>, Const<H>, Const<W>), f64, Cpu>;

fn frames<const H: usize, const W: usize>(batch: usize) -> Frames<H, W> {
    Cpu::seed_from_u64(8).sample_normal_like(&(batch, Const, Const, Const))
}

/// A retina, fading input, two-stage areas with a recurrence between the stages, norms, biases, a power law, a weight
/// norm, local recurrence on channels that are no square, and a readout with a hidden layer and a skip.
#[dyn_model(
    input = [2, 6, 5],
    operations = [layer, addbias, skip, tstep, nonlin, norm, supralin, record, delay, pool],
    adaption = InputAdaption<TrainedFrom<800>>,
    retina = Retina<2, 3, 2, 3>,
    dynamics(t_feedforward = 2.0, t_recurrence = 2.0, t_skip = 2.0),
)]
struct Everything {
    #[area(norm = GroupNorm<2, 4>, supralin = SupraLinearity<1500>, apply(addbias = SpatialBias<4, 3, 3>))]
    v1: RConv2dx2<3, 4, 4, 3, 3, 2, 1, DepthPointwise<OwnKernel<1>>, ToMiddle, GroupNorm<2, 4>>,
    #[area(apply(addbias = ScalarBias), skip(from = v1), pool = AvgPool2d<3, 2, 1>)]
    v2: RConv2d<4, 5, 3, 1, Local, ToOutput, WeightNorm>,
    #[readout(skip(from = v2))]
    head: Flatten<Mlp<20, 6, Linear<6, 3, WeightNorm>>>,
}

#[test]
fn gradients_through_time_are_differences() {
    let dev = Cpu::default();
    let mut net = dev.build_module::<Everything, f64>();
    let x = frames::<6, 5>(2);
    parameters_are_differences(&mut net, |net, tape| {
        let stimulus = Stimulus::constant(x.clone(), 5);
        net.try_run(stimulus.traced(tape))
    });
}

#[test]
fn other_recurrences_through_time() {
    #[dyn_model(
        input = [2, 6, 5],
        operations = [layer, tstep, nonlin, record, delay, pool],
        dynamics(t_recurrence = 2.0),
    )]
    struct Net<R: Recurrence = Full> {
        #[area(pool = MaxPool2d<2>)]
        v1: RConv2d<2, 4, 3, 1, R>,
        #[readout]
        head: Classifier<4, 3>,
    }
    fn of<R: Recurrence>() {
        let mut net = Cpu::default().build_module::<Net<R>, f64>();
        parameters_are_differences(&mut net, |net, tape| net.try_run(Stimulus::constant(frames(2), 3).traced(tape)));
    }
    of::<DepthPointwise>();
    of::<PointDepthwise>();
    of::<LocalDepthwise>();
    of::<Full<OwnKernel<1>, WeightNorm<NoBias<Uniform<100>>>>>();
}

/// Of one channel, the kernel is its own transpose.
#[test]
fn a_horizontal_unit_of_one_channel() {
    #[dyn_model(input = [1, 4, 5], operations = [layer, record, delay])]
    struct Net {
        h: HGru<1, 3>,
        #[readout]
        head: Classifier<1, 2>,
    }
    let mut net = Cpu::default().build_module::<Net, f64>();
    let x: Tensor<(usize, Const<1>, Const<4>, Const<5>), f64, _> =
        Cpu::seed_from_u64(5).sample_normal_like(&(2, Const, Const, Const));
    parameters_are_differences(&mut net, |net, tape| net.try_run(Stimulus::constant(x.clone(), 3).traced(tape)));
}

#[test]
fn only_the_first_frame_of_the_stimulus_is_seen_through_input_adaption() {
    #[dyn_model(
        input = [2, 4, 4],
        operations = [layer, record, delay],
        adaption = InputAdaption<Fixed<500>>,
    )]
    struct Fading {
        v1: RConv2d<2, 3, 3, 1, NoRecurrence>,
        #[readout]
        head: Classifier<3, 2>,
    }
    let mut net = Cpu::default().build_module::<Fading, f64>();
    net.dynamics.idle_steps = 3;
    net.dynamics.non_input = 7.0;
    let first = frames::<4, 4>(1);
    let stimulus = Stimulus::constant(first.clone(), 2).then(first.clone() * 9.0, 2);
    let (_, responses) = net.try_record(stimulus).unwrap();
    let seen = responses.input.values.as_vec();
    let fades = (0..4).flat_map(|t| first.as_vec().into_iter().map(move |x| x * 0.5f64.powi(t)));
    assert!(seen.iter().zip(fades).all(|(a, b)| (a - b).abs() < 1e-12));
}

#[test]
fn a_frame_that_is_shown_again_is_seen_as_if_it_were_new() {
    #[dyn_model(input = [2, 4, 4], operations = [layer, record, delay], retina = Retina<2, 3, 2, 3>)]
    struct Seeing {
        v1: RConv2d<3, 3>,
        #[readout]
        head: Classifier<3, 2>,
    }
    let net = Cpu::default().build_module::<Seeing, f64>();
    let frame = frames::<4, 4>(2);
    let copies = (0..3).map(|_| frame.clone() + 0.0).collect();
    let once = net.try_run(Stimulus::constant(frame, 3)).unwrap();
    let anew = net.try_run(Stimulus::frames(copies, dfdx::prelude::NoneTape)).unwrap();
    assert_eq!(once.as_vec(), anew.as_vec());
}

#[test]
fn an_area_rests_until_it_has_an_input() {
    #[dyn_model(
        input = [2, 4, 4],
        operations = [layer, nonlin, record, delay],
        dynamics(t_feedforward = 2.0, t_recurrence = 2.0),
    )]
    struct Corners {
        v1: RConv2d<2, 3>,
        v2: RConv2dx2<
            3,
            4,
            4,
            3,
            3,
            1,
            1,
            SelfRecurrence<Unbiased>,
            ToMiddle,
            GroupNorm<2, 4>,
            DefaultOptions,
            DefaultOptions,
            Additive,
            ZeroFill,
        >,
        v3: RConv2dx2<4, 4, 4>,
        #[readout]
        head: Classifier<4, 2>,
    }
    use dynvision::nn::DefaultOptions;
    let mut net = Cpu::default().build_module::<Corners, f64>();
    net.v2.feedforward.conv2.bias.as_mut().unwrap().copy_from(&[1.0, -1.0, 2.0, 0.5]);
    let (_, responses) = net.try_record(Stimulus::constant(frames::<4, 4>(2), 3)).unwrap();
    // zeros between the stages: the second one answers with its bias, rectified
    let first: Vec<f64> = responses.v2.values.as_vec()[..64].to_vec();
    assert!(first.iter().enumerate().all(|(i, &v)| v == [1.0, 0.0, 2.0, 0.5][i / 16]));
    assert_eq!((responses.v1.onset(), responses.v2.onset(), responses.v3.onset()), (Some(0), Some(0), Some(1)));
}

#[dyn_model(
    input = [2, 4, 4],
    operations = [layer, addext, nonlin, record, delay],
    dynamics(t_feedforward = 2.0),
)]
struct Stimulated {
    #[area(nonlin = Identity)]
    v1: RConv2d<2, 3, 3, 1, NoRecurrence>,
    #[area(addext = ExternalInput, nonlin = Identity)]
    v2: RConv2d<3, 3, 3, 1, NoRecurrence>,
    #[readout]
    head: Classifier<3, 2>,
}

#[test]
fn a_current_is_added_at_its_steps_and_is_a_signal_of_its_own() {
    let dev = Cpu::default();
    let net = dev.build_module::<Stimulated, f64>();
    let x = frames::<4, 4>(2);
    let current: Tensor<(usize, Const<3>, Const<4>, Const<4>), f64, Cpu> =
        dev.sample_normal_like(&(2, Const, Const, Const));
    let (_, without) = net.try_record(Stimulus::constant(x.clone(), 4)).unwrap();
    let stimulus = Stimulus::constant(x, 4).inject("v2", current.clone(), 0..2).unwrap();
    let (_, with) = net.try_record(stimulus).unwrap();
    assert_eq!(without.v2.present, [false, true, true, true]);
    assert_eq!(with.v2.present, [true; 4]);
    let at = |r: &dynvision::unroll::Response<_, f64, Cpu>, b: usize, t: usize| {
        let values: Vec<f64> = r.values.as_vec();
        values[(b * 4 + t) * 48..][..48].to_vec()
    };
    for (b, t) in (0..2).flat_map(|b| (0..4).map(move |t| (b, t))) {
        let added = at(&with.v2, b, t).into_iter().zip(at(&without.v2, b, t)).map(|(a, b)| a - b);
        let want = current.as_vec()[b * 48..][..48].iter().map(|&c| if t < 2 { c } else { 0.0 }).collect::<Vec<_>>();
        assert!(added.zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "step {t}");
    }
}

#[test]
fn a_stream_takes_currents_step_by_step_as_a_run_does_at_once() {
    let dev = Cpu::default();
    let net = dev.build_module::<Stimulated, f64>();
    let x = frames::<4, 4>(2);
    // one number for each channel, which lies only once in memory
    let channels: Tensor<(Const<3>,), f64, Cpu> = dev.sample_normal();
    let current: Tensor<(usize, Const<3>, Const<4>, Const<4>), f64, Cpu> =
        channels.broadcast_like(&(2, Const, Const, Const));
    let stimulus = Stimulus::constant(x.clone(), 4).inject("v2", current.clone(), 1..3).unwrap();
    let at_once: Vec<f64> = net.try_run(stimulus).unwrap().as_vec();
    let mut stream = dynvision::stream::Stream::new(&net, net.reset()).unwrap();
    for step in 0..4 {
        if (1..3).contains(&step) {
            stream.inject("v2", current.clone()).unwrap();
        }
        let logits = stream.try_step(x.clone()).unwrap().as_vec();
        let want: Vec<f64> = (0..2).flat_map(|b| at_once[(b * 4 + step) * 2..][..2].to_vec()).collect();
        assert_eq!(logits, want, "step {step}");
    }
    // what nothing adds is told once, and the stream goes on
    stream.inject("v1", current.clone()).unwrap();
    assert!(stream.try_step(x.clone()).unwrap_err().to_string().contains("`ExternalInput`"));
    assert!(stream.try_step(x).is_ok());
    assert!(stream.inject("it", current).unwrap_err().to_string().contains("its areas are v1, v2"));
}

#[test]
fn a_current_that_nothing_would_add_is_refused() {
    let dev = Cpu::default();
    let net = dev.build_module::<Stimulated, f64>();
    let x = frames::<4, 4>(2);
    let into = |area: &str, rows: usize| {
        let current: Tensor<(usize, usize, usize, usize), f64, Cpu> = dev.sample_normal_like(&(2, 3, rows, 4));
        let stimulus = Stimulus::constant(x.clone(), 3).inject(area, current, 0..1).unwrap();
        net.try_run(stimulus).unwrap_err().to_string()
    };
    assert!(into("v1", 4).contains("none of its operations is an `ExternalInput`"));
    assert!(into("it", 4).contains("its areas are v1, v2"));
    assert!(into("v2", 3).contains("external current"));
}

#[dyn_model(
    input = [2, 4, 4],
    operations = [layer, norm, nonlin, drop, record, delay],
    dynamics(t_recurrence = 2.0),
)]
struct Trained {
    #[area(norm = BatchNorm<3>, apply(drop = Dropout<40>))]
    v1: RConv2d<2, 3, 3, 1, NoRecurrence>,
    #[area(norm = BatchNorm<3>)]
    v2: RConv2d<3, 3>,
    v3: RConv2d<3, 3, 3, 1, NoRecurrence>,
    #[readout]
    head: Flatten<Mlp<48, 5, Linear<5, 2>, 25>>,
}

/// With running moments that are not those of the beginning.
fn trained() -> TrainedModel<f64, Cpu> {
    let mut net = Cpu::default().build_module::<Trained, f64>();
    perturb(&mut net);
    for norm in [&mut net.v1_norm, &mut net.v2_norm] {
        norm.running_mean.copy_from(&[0.3, -0.2, 0.1]);
        norm.running_var.copy_from(&[2.0, 0.5, 1.5]);
    }
    net
}

#[test]
fn a_tape_does_not_change_what_a_model_answers() {
    let net = trained();
    let stimulus = || Stimulus::constant(frames(3), 3).seeded(4);
    let traced = || stimulus().traced(net.alloc_grads());
    let evaluated = net.try_run(stimulus()).unwrap().as_vec();
    assert_eq!(net.try_run(traced()).unwrap().as_vec(), evaluated);
    let trains = net.try_run(stimulus().training()).unwrap().as_vec();
    assert_ne!(trains, evaluated);
    assert_eq!(net.try_run(traced().training()).unwrap().as_vec(), trains);
    assert_eq!(net.try_run(stimulus().training().traced(net.alloc_grads())).unwrap().as_vec(), trains);
    // step by step
    let (mut state, mut taped) = (net.reset(), net.reset());
    for t in 0..3 {
        let step = net.try_step(frames(3), &mut state).unwrap().as_vec();
        assert_eq!(net.try_step(frames(3).traced(net.alloc_grads()), &mut taped).unwrap().as_vec(), step);
        let of_run = (0..3).flat_map(|b| evaluated[(b * 3 + t) * 2..][..2].to_vec()).collect::<Vec<_>>();
        assert_eq!(step, of_run);
    }
}

/// What a saliency map needs: by the frame of every step on its own, through running moments; also where answers are
/// computed again.
#[test]
fn the_gradient_of_a_logit_by_each_frame_is_a_difference() {
    let mut net = trained();
    let steps: Vec<Frames<4, 4>> = {
        let dev = Cpu::seed_from_u64(2);
        (0..3).map(|_| dev.sample_normal_like(&(2, Const, Const, Const))).collect()
    };
    // logit 1 of sample 0 at the last step
    let weigh = |y: &[f64]| y[2 * 2 + 1];
    for recompute in [0, 2] {
        net.dynamics.recompute_steps = recompute;
        let traced = Stimulus::frames(steps.clone(), dfdx::prelude::NoneTape).traced(dfdx::prelude::Gradients::leaky());
        let logits = net.try_run(traced).unwrap();
        let mask = Cpu::default().tensor_from_vec((0..12).map(|i| f64::from(i == 5)).collect(), (2, 3, Const::<2>));
        let gradients = (logits * mask).sum::<dfdx::prelude::Rank0, _>().backward();
        let mut largest = 0.0f64;
        for t in 0..3 {
            let gradient = gradients.get(&steps[t]).as_vec();
            for i in 0..64 {
                let moved = |by: f64| {
                    let mut steps = steps.clone();
                    let mut values = steps[t].as_vec();
                    values[i] += by;
                    steps[t] = Cpu::default().tensor_from_vec(values, *steps[t].shape());
                    weigh(&net.try_run(Stimulus::frames(steps, dfdx::prelude::NoneTape)).unwrap().as_vec())
                };
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((gradient[i] - difference).abs() < 1e-7, "step {t}, {i}: {} but {difference}", gradient[i]);
                assert!(i < 32 || gradient[i] == 0.0, "the gradient of sample 0 has reached sample 1");
                largest = largest.max(difference.abs());
            }
        }
        assert!(largest > 1e-3, "{largest}");
    }
}

#[test]
fn gradients_by_running_moments_are_differences() {
    let mut net = trained();
    let x = frames::<4, 4>(3);
    parameters_are_differences(&mut net, |net, tape| net.try_run(Stimulus::constant(x.clone(), 2).traced(tape)));
    let training = |net: &TrainedModel<f64, Cpu>, tape| {
        net.try_run(Stimulus::constant(x.clone(), 2).seeded(1).training().freeze_statistics(["v1"]).traced(tape))
    };
    parameters_are_differences(&mut net, training);
}

#[test]
fn statistics_are_frozen_by_the_names_of_areas() {
    let mut net = trained();
    let x = frames::<4, 4>(3);
    let stimulus =
        |areas: &[&str]| Stimulus::constant(x.clone(), 2).seeded(1).training().freeze_statistics(areas.iter().copied());
    let run = |areas: &[&str]| net.try_run(stimulus(areas)).map(|y| y.as_vec());
    assert_ne!(run(&["v1"]).unwrap(), run(&[]).unwrap());
    assert_ne!(run(&["v1"]).unwrap(), run(&["v1", "v2"]).unwrap());
    let error = run(&["v7"]).unwrap_err().to_string();
    assert!(error.contains("`v7`") && error.contains("v1, v2, v3"), "{error}");
    let error = run(&["v3"]).unwrap_err().to_string();
    assert!(error.contains("`v3`") && error.contains("no `BatchNorm`"), "{error}");

    let (mut state, mut silent) = (net.reset(), net.observers());
    let (_, mut cx) =
        net.try_observe::<dynvision::unroll::Discard, _, _>(stimulus(&["v1"]), &mut state, &mut silent).unwrap();
    let before = (net.v1_norm.running_mean.as_vec(), net.v2_norm.running_mean.as_vec());
    cx.take_statistics().absorb(&mut net).unwrap();
    assert_eq!(net.v1_norm.running_mean.as_vec(), before.0);
    assert_ne!(net.v2_norm.running_mean.as_vec(), before.1);
}

#[test]
fn norms_and_dropout_differ_between_training_and_running() {
    let mut net = Cpu::default().build_module::<Trained, f64>();
    let x = frames::<4, 4>(3);
    let gradients = dfdx::nn::ZeroGrads::alloc_grads(&net);
    let stimulus = Stimulus::constant(x.clone(), 2).training().traced(gradients);
    let (mut state, mut silent) = (net.reset(), net.observers());
    let (_, mut cx) = net.try_observe::<dynvision::unroll::Discard, _, _>(stimulus, &mut state, &mut silent).unwrap();
    let before = net.try_run(Stimulus::constant(x.clone(), 2)).unwrap().as_vec();
    assert_eq!(before, net.try_run(Stimulus::constant(x.clone(), 2)).unwrap().as_vec());
    let statistics = cx.take_statistics();
    assert!(!statistics.is_empty());
    statistics.absorb(&mut net).unwrap();
    assert_ne!(before, net.try_run(Stimulus::constant(x, 2)).unwrap().as_vec());
    assert!(net.v1_norm.running_mean.as_vec().iter().all(|&m| m != 0.0));
}

#[test]
fn residual_blocks_in_a_chain() {
    use dynvision::nn::{BasicBlock, Chain};
    #[dyn_model(input = [2, 5, 4], operations = [layer, record, delay])]
    struct Residual {
        v1: Chain<BasicBlock<2, 3, 2>, BasicBlock<3, 3>, 3>,
        #[readout]
        head: Classifier<3, 2>,
    }
    assert_eq!(Residual::V1.to_string(), "3x3x2");
    let mut net = Cpu::default().build_module::<Residual, f64>();
    assert!(net.v1.first.downsample.is_some() && net.v1.rest[0].downsample.is_none());
    let x = frames::<5, 4>(2);
    parameters_are_differences(&mut net, |net, tape| net.try_run(Stimulus::constant(x.clone(), 2).traced(tape)));
    let names: Vec<_> = dynvision::parameters::parameters(&net).into_iter().map(|p| p.name).collect();
    assert!(names.contains(&"v1.0.downsample.1.running_var".to_string()), "{names:?}");
    assert!(names.contains(&"v1.2.conv2.weight".to_string()), "{names:?}");
}

/// Delays say how many steps pass before the readout has a signal; and without links and recurrence, an area with both
/// computes what one without them does.
#[test]
fn residual_steps_and_feedforward_only_runs() {
    #[dyn_model(input = [2, 5, 4], operations = [layer, skip, feedback, tstep, nonlin, record, delay])]
    struct Linked<R: Recurrence = Full> {
        #[area(feedback(from = v2))]
        v1: RConv2d<2, 3, 3, 1, R>,
        #[area(skip(from = v1))]
        v2: RConv2d<3, 3, 3, 1, R>,
        #[readout]
        head: Classifier<3, 2>,
    }
    #[dyn_model(input = [2, 5, 4], operations = [layer, tstep, nonlin, record, delay])]
    struct Bare {
        v1: RConv2d<2, 3, 3, 1, NoRecurrence>,
        v2: RConv2d<3, 3, 3, 1, NoRecurrence>,
        #[readout]
        head: Classifier<3, 2>,
    }
    let dev = Cpu::seed_from_u64(4);
    let (mut linked, mut bare) = (dev.build_module::<Linked, f64>(), dev.build_module::<Bare, f64>());
    perturb(&mut linked);
    (bare.v1.feedforward, bare.v2.feedforward) = (linked.v1.feedforward.clone(), linked.v2.feedforward.clone());
    bare.head = linked.head.clone();
    for times in [&mut *linked.dynamics, &mut *bare.dynamics] {
        (times.t_feedforward, times.t_recurrence, times.t_feedback, times.feedforward_only) = (4.0, 2.0, 2.0, true);
        times.area("v1").t_feedforward = Some(2.0);
    }
    let run = |steps| Stimulus::constant(frames::<5, 4>(2), steps);
    let [plain, full] = [bare.try_run(run(6)).unwrap(), linked.try_run(run(6)).unwrap()];
    assert_eq!(plain.as_vec(), full.as_vec());
    // one step behind v1, two behind v2: until then the logits are zero
    assert_eq!(bare.plan().unwrap().residual(), 3);
    let silent: Vec<bool> = plain.as_vec()[..12].chunks(2).map(|logits| logits == [0.0, 0.0]).collect();
    assert_eq!(silent, [true, true, true, false, false, false]);
    linked.dynamics.feedforward_only = false;
    assert_ne!(linked.try_run(run(6)).unwrap().as_vec(), full.as_vec());
}

/// Of maps of one place.
#[dyn_model(input = [2, 2, 2], operations = [layer, norm, nonlin, record, delay])]
struct Small {
    #[area(norm = BatchNorm<3>)]
    v1: RConv2d<2, 3, 3, 2, NoRecurrence>,
    #[readout]
    classifier: Classifier<3, 2>,
}

/// A batch norm that trains on one value for each channel would answer its shift alone, and take a variance of 0 for what it saw.
#[test]
fn one_value_has_no_variance() {
    let net = Cpu::seed_from_u64(1).build_module::<Small, f64>();
    let shown = |batch| Stimulus::constant(frames::<2, 2>(batch), 2);
    let says = net.try_run(shown(1).training()).unwrap_err().to_string();
    assert!(says.contains("`v1`") && says.contains("one value"), "{says}");
    net.try_run(shown(2).training()).unwrap();
    net.try_run(shown(1)).unwrap();
}
