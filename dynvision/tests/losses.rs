//! Losses against numbers that the original (DynVision 0.1.0 in Python) computed, against their definitions written out, and
//! their gradients through a whole model against central differences.
//!
//! The goldens of activity losses are compared by the goldens test.

#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod common;
#[path = "common/golden.rs"]
mod golden;

use common::gradients;
use dfdx::prelude::{Device, Dim, Dtype, Gradients, PutTape, Rank0, SplitTape, SumTo, Tape, TryAdd, TryMul, TrySub};
use dynvision::autograd::Graph;
use dynvision::error::Result;
use dynvision::interop::Weights;
use dynvision::kernels::{Element, VisionDevice};
use dynvision::loss::{
    Activity, BinaryCrossEntropy, CrossEntropy, HasLabels, Labels, Loss, Measure, Output, Place, Reduction, Responses,
    SquaredError, TemporalSmoothness, Weighted,
};
use dynvision::prelude::*;
use golden::Golden;

// ------------------------------------------------------------------------------------- cross-entropy, goldens

fn assert_close(what: &str, found: &[f32], expected: &[f32], within: f32) {
    let scale = expected.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    assert_eq!(found.len(), expected.len(), "{what}");
    let far = found.iter().zip(expected).map(|(a, b)| (a - b).abs() / scale).fold(0.0, f32::max);
    assert!(far <= within, "{what}: {far} of its largest value away");
}

/// The original's losses know no time axis: its rows are the steps of one image here.
fn cross_entropy_matches(name: &str, loss: &CrossEntropy, ignored: i64) {
    let golden = Golden::load("goldens", name);
    let dev = Cpu::default();
    let logits: Tensor<(usize, usize, Const<5>), f32, _> =
        dev.tensor_from_vec(golden.values("outputs"), (1, 12, Const));
    let labels = Labels::from_numbers(1, 12, &golden.integers("labels"), ignored).unwrap();
    let y = loss.of_logits(logits.leaky_trace(), &labels).unwrap();
    assert_close(name, &[y.array()], &golden.values("loss"), 1e-5);
    if golden.has("grad_outputs") {
        let gradient = y.backward().get(&logits).as_vec();
        assert_close(name, &gradient, &golden.values("grad_outputs"), 1e-4);
    }
}

#[test]
fn cross_entropy_is_the_originals() {
    let plain = CrossEntropy::default();
    cross_entropy_matches("loss_ce", &plain, -1);
    cross_entropy_matches("loss_ce_masked", &plain, -1);
    cross_entropy_matches("loss_ce_all_masked", &plain, -1);
    cross_entropy_matches("loss_ce_ignore100", &plain, -100);
    let weighted = CrossEntropy { class_weights: Some(vec![1., 2., 3., 4., 5.]), ..Default::default() };
    cross_entropy_matches("loss_ce_class_weight", &weighted, -1);
}

#[test]
fn cross_entropy_in_time_is_the_originals() {
    let golden = Golden::load("goldens", "loss_ce_masked_none");
    let dev = Cpu::default();
    let logits: Tensor<(usize, usize, Const<5>), f32, _> = dev.tensor_from_vec(golden.values("outputs"), (3, 4, Const));
    let labels = Labels::from_numbers(3, 4, &golden.integers("labels"), -1).unwrap();
    let tape = logits.leaky_trace().split_tape().1;
    let mut graph = Graph::new(tape);
    let terms = CrossEntropy::default().terms_in_time(&logits, &labels, &mut graph).unwrap();
    assert_eq!(*terms.shape(), (3, 4));
    assert_close("terms", &terms.as_vec(), &golden.values("loss"), 1e-5);
    // the golden's gradient is that of the sum of the terms by weights of seed 3
    let weights: Tensor<(usize, usize), f32, _> = dev.tensor_from_vec(golden::hash_uniform(12, 3, 1.0, 0.0), (3, 4));
    let grads = (terms.put_tape(graph.tape) * weights).sum::<Rank0, _>().backward();
    assert_close("gradient", &grads.get(&logits).as_vec(), &golden.values("grad_outputs"), 1e-4);
}

#[test]
fn all_reductions_agree() {
    let dev = Cpu::seed_from_u64(3);
    let logits: Tensor<(usize, usize, Const<7>), f64, _> = dev.sample_normal_like(&(4, 5, Const));
    let labels = Labels::counted(&[0, 6, 2, 2], &[false, true, false, true, true]);
    let ce = |reduction| CrossEntropy { reduction, ..Default::default() }.of_logits(logits.clone(), &labels).unwrap();
    let mut graph = Graph::new(dfdx::prelude::NoneTape);
    let terms = CrossEntropy::default().terms_in_time(&logits, &labels, &mut graph).unwrap().as_vec();
    // written out
    let values = logits.as_vec();
    for (row, (term, label)) in terms.iter().zip(labels.as_slice()).enumerate() {
        let row = &values[row * 7..][..7];
        let expected = label.map_or(0.0, |label| (row.iter().map(|x| x.exp()).sum::<f64>() / row[label].exp()).ln());
        assert!((term - expected).abs() < 1e-12);
    }
    let sum: f64 = terms.iter().sum();
    assert!((ce(Reduction::Sum).array() - sum).abs() < 1e-12);
    assert!((ce(Reduction::Mean).array() - sum / 12.0).abs() < 1e-12);
}

// ------------------------------------------------------------------------------------- losses over a whole model

#[dyn_model(input = [2, 6, 6], operations = [layer, skip, feedback, tstep, nonlin, record, delay, pool])]
struct Net {
    #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = v2))]
    v1: RConv2d<2, 3>,
    #[area(skip(from = v1))]
    v2: RConv2d<3, 2>,
    #[readout]
    classifier: Classifier<2, 4>,
}

/// The guide's `SpatioTemporalLoss`: cross-entropy, and a tenth of the change of `v1`, which it reads by its field.
struct SpatioTemporalLoss;

impl<E: Element, D: VisionDevice<E>, Y: HasLabels> Loss<NetModel<E, D>, E, D, Y> for SpatioTemporalLoss {
    fn name(&self) -> String {
        "spatio_temporal".into()
    }

    fn loss<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<NetModel<E, D>, B, E, D>,
        labels: &Y,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        let ce = CrossEntropy::default().loss(output, labels, graph)?;
        let v1 = &output.responses()?.v1.values;
        let [batch, time, c, h, w] = dfdx::prelude::Shape::concrete(v1.shape());
        let units = batch * c * h * w;
        let steps = |from: usize| (0..batch).flat_map(|_| from..from + time - 1).collect::<Vec<_>>();
        let index = |from| v1.device().tensor_from_vec(steps(from), (batch, time - 1));
        let flat = dynvision::ops::reshaped(v1.clone(), &(batch, time, c * h * w))?;
        let now: Tensor<(usize, usize, usize), E, D> = graph.run(flat.clone(), |v1| gathered(v1, index(0)))?;
        let next = graph.run(flat, |v1| gathered(v1, index(1)))?;
        let weight = E::from_f64(0.1 / (units * (time - 1)) as f64).unwrap();
        let smooth = graph.run(next, |next| next.try_sub(now)?.try_square()?.try_sum::<Rank0, _>()?.try_mul(weight))?;
        graph.run(ce, |ce| ce.try_add(smooth))
    }
}

fn gathered<E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize, usize), E, D, T>,
    steps: Tensor<(usize, usize), usize, D>,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, D::Err> {
    use dfdx::prelude::GatherTo;
    x.try_gather(steps)
}

fn net(t_feedforward: f64) -> NetModel<f64, Cpu> {
    let mut net = Cpu::seed_from_u64(5).build_module::<Net, f64>();
    let dynamics = Dynamics { t_feedforward, t_recurrence: 2.0, t_skip: 2.0, t_feedback: 2.0, ..Default::default() };
    *net.dynamics_mut() = dynamics;
    // links as large as the rest, so that their gradients count
    let mut weights = net.weights();
    for (at, parameter) in dynvision::parameters::parameters(&net).iter().enumerate() {
        let mut values: Vec<f64> = weights.get(&parameter.name, &parameter.shape).unwrap();
        values.iter_mut().enumerate().for_each(|(i, v)| *v += 0.2 * ((i * 7 + at) as f64 * 1.3).sin());
        weights.insert(parameter.name.clone(), &parameter.shape, &values);
    }
    net.set_weights(&weights).unwrap();
    net
}

type Images = Tensor<(usize, Const<2>, Const<6>, Const<6>), f64, Cpu>;

fn images() -> Images {
    Cpu::seed_from_u64(9).sample_normal_like(&(3, Const, Const, Const))
}

fn labels() -> Labels {
    Labels::counted(&[0, 3, 1], &[false, false, true, true, true])
}

fn stimulus<T: Tape<f64, Cpu>>(
    images: Tensor<(usize, Const<2>, Const<6>, Const<6>), f64, Cpu, T>,
) -> Stimulus<(usize, Const<2>, Const<6>, Const<6>), f64, Cpu, T> {
    Stimulus::constant(images, 3).then_blank(2, 0.0).unwrap()
}

/// Probabilities for the readout and values for `v2`, with weights, of which some are 0.
fn responses() -> Responses {
    let wave = |i: usize| (i as f64 * 0.7).sin();
    let weights = |n: usize| (0..n).map(|i| (i % 4) as f64 / 2.0).collect::<Vec<_>>();
    let probabilities: Vec<f64> = (0..3 * 5 * 4).map(|i| 0.5 + 0.5 * wave(i)).collect();
    let values: Vec<f64> = (0..3 * 5 * 18).map(|i| if i % 5 == 0 { f64::NAN } else { wave(i) }).collect();
    let all = Responses::new(3, 5).with_weights(Place::Readout, 4, probabilities, weights(60)).unwrap();
    all.with_weights(Place::area("v2"), 18, values, weights(270)).unwrap()
}

type Both = (Labels, Responses);

fn value<L: Loss<NetModel<f64, Cpu>, f64, Cpu, Both>>(net: &NetModel<f64, Cpu>, loss: &L) -> f64 {
    let (logits, answers) = net.try_record(stimulus(images())).unwrap();
    loss.try_forward(net, logits, Some(answers), &(labels(), responses())).unwrap().array()
}

/// The gradient of every parameter against central differences.
fn gradients_are_differences<L: Loss<NetModel<f64, Cpu>, f64, Cpu, Both>>(t_feedforward: f64, loss: &L) {
    let mut net = net(t_feedforward);
    let (logits, answers) = net.try_record(stimulus(images().traced(net.alloc_grads()))).unwrap();
    let y = loss.try_forward(&net, logits, Some(answers), &(labels(), responses())).unwrap();
    let mut grads: Gradients<f64, Cpu> = y.backward();
    let exact = gradients(&net, &mut grads);
    let scale = exact.values().flatten().fold(0.0f64, |m, v| m.max(v.abs()));
    assert!(scale > 0.0);
    let saved = net.weights();
    for parameter in dynvision::parameters::parameters(&net) {
        let values: Vec<f64> = saved.get(&parameter.name, &parameter.shape).unwrap();
        for i in (0..values.len()).step_by(3) {
            let mut at = |by: f64| {
                let (mut moved, mut values) = (saved.clone(), values.clone());
                values[i] += by;
                moved.insert(parameter.name.clone(), &parameter.shape, &values);
                net.set_weights(&moved).unwrap();
                value(&net, loss)
            };
            let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
            let exact = exact[&parameter.name][i];
            assert!((difference - exact).abs() < 1e-7 * scale, "{} {i}: {exact} {difference}", parameter.name);
        }
    }
}

#[test]
fn gradients_reach_the_weights_through_logits_and_responses() {
    let activity = |measure| Activity { measure, areas: vec![] };
    for t_feedforward in [0.0, 2.0] {
        gradients_are_differences(t_feedforward, &CrossEntropy::default());
        gradients_are_differences(t_feedforward, &activity(Measure::Absolute(2.0)));
        gradients_are_differences(t_feedforward, &activity(Measure::Signed));
        gradients_are_differences(t_feedforward, &TemporalSmoothness::of(["v2"]));
        gradients_are_differences(t_feedforward, &SquaredError::default());
        gradients_are_differences(t_feedforward, &SquaredError::of([Place::Readout]));
        gradients_are_differences(t_feedforward, &BinaryCrossEntropy::default());
    }
    let sum = (
        CrossEntropy::default(),
        Weighted::new(0.3, activity(Measure::Absolute(1.5))),
        Weighted::new(0.2, TemporalSmoothness::default()),
    );
    gradients_are_differences(0.0, &sum);
    gradients_are_differences(0.0, &SpatioTemporalLoss);
}

#[test]
fn the_guides_loss_is_a_weighted_sum() {
    let net = net(0.0);
    let sum = (CrossEntropy::default(), Weighted::new(0.1, TemporalSmoothness::of(["v1"])));
    assert!((value(&net, &SpatioTemporalLoss) - value(&net, &sum)).abs() < 1e-12);
}

/// Of each area the mean over its steps, images and units, written out.
#[test]
fn losses_of_areas_are_what_they_say() {
    let net = net(2.0);
    let (_, responses) = net.try_record(stimulus(images())).unwrap();
    let areas = [
        (responses.v1.values.as_vec(), 3 * 36, responses.v1.onset().unwrap()),
        (responses.v2.values.as_vec(), 2 * 9, responses.v2.onset().unwrap()),
    ];
    assert_eq!((areas[0].2, areas[1].2), (0, 1));
    let mean = |v: &mut dyn Iterator<Item = f64>| {
        let (sum, n) = v.fold((0.0, 0), |(sum, n), v| (sum + v, n + 1));
        sum / f64::from(n)
    };
    let activity = |(values, units, _): &(Vec<f64>, usize, usize)| {
        mean(&mut values.chunks(*units).map(|a| (a.iter().map(|a| a * a).sum::<f64>() / *units as f64).sqrt()))
    };
    let expected = (activity(&areas[0]) + activity(&areas[1])) / 2.0;
    let loss = Activity { measure: Measure::Absolute(2.0), areas: vec![] };
    assert!((value(&net, &loss) - expected).abs() < 1e-12);
    // from the onset on
    let change = |(values, units, onset): &(Vec<f64>, usize, usize)| {
        let at = |b: usize, t: usize, u: usize| values[(b * 5 + t) * units + u];
        let all = (0..3).flat_map(|b| (*onset..4).flat_map(move |t| (0..*units).map(move |u| (b, t, u))));
        mean(&mut all.map(|(b, t, u)| (at(b, t + 1, u) - at(b, t, u)).powi(2)))
    };
    for (i, name) in ["v1", "v2"].iter().enumerate() {
        assert!((value(&net, &TemporalSmoothness::of([*name])) - change(&areas[i])).abs() < 1e-12);
    }
}

/// The losses of real values against their definitions, written out; logits of 0 and large ones too.
#[test]
fn losses_of_real_values_are_what_they_say() {
    let net = net(2.0);
    let (logits, answers) = net.try_record(stimulus(images())).unwrap();
    let (expected, dev) = (responses(), Cpu::default());
    let wave = |i: usize| (i as f64 * 0.7).sin();
    let (mut sum, mut count) = (0.0, 0.0);
    let (x, a) = (logits.as_vec(), answers.v2.values.as_vec());
    for (i, x) in x.iter().enumerate() {
        let w = (i % 4) as f64 / 2.0;
        (sum, count) = (sum + w * (x - 0.5 - 0.5 * wave(i)).powi(2), count + w);
    }
    for (i, a) in a.iter().enumerate().filter(|(i, _)| i % 5 != 0) {
        let w = (i % 4) as f64 / 2.0;
        (sum, count) = (sum + w * (a - wave(i)).powi(2), count + w);
    }
    assert!((value(&net, &SquaredError::default()) - sum / count).abs() < 1e-12);
    assert!((expected.count() - count).abs() < 1e-12);
    // the original's formula overflows at 800; the gradient at 0 is that of the logistic function
    let x: Tensor<(usize, usize, Const<4>), f64, _> = dev.tensor_from_vec(vec![0.0, 2.0, -800.0, 800.0], (1, 1, Const));
    let p = [0.25, 1.0, 0.0, 0.5];
    let target = Responses::new(1, 1).with(Place::Readout, 4, p.to_vec()).unwrap();
    let y = BinaryCrossEntropy::default().try_forward(&net, x.leaky_trace(), None, &target).unwrap();
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let expected = (2f64.ln() + -logistic(2.0).ln() + 0.0 + 400.0) / 4.0;
    assert!((y.array() - expected).abs() < 1e-12, "{} {expected}", y.array());
    let gradient = y.backward().get(&x).as_vec();
    for ((found, x), p) in gradient.iter().zip([0.0, 2.0, -800.0, 800.0]).zip(p) {
        assert!((found - (logistic(x) - p) / 4.0).abs() < 1e-12, "{x}: {found}");
    }
    // nothing that counts is 0 without a gradient, and is not divided by
    let none = Responses::new(1, 1).with(Place::Readout, 4, vec![f64::NAN; 4]).unwrap();
    assert_eq!(BinaryCrossEntropy::default().try_forward(&net, x, None, &none).unwrap().array(), 0.0);
}

#[test]
fn mistakes_are_named() {
    let net = net(0.0);
    let (logits, responses) = net.try_record(stimulus(images())).unwrap();
    let says = |loss: &dyn Fn() -> Result<Tensor<Rank0, f64, Cpu>>| loss().unwrap_err().to_string();
    let run = |responses: bool, l: &Activity| {
        let answers = responses.then(|| net.try_record(stimulus(images())).unwrap().1);
        l.try_forward(&net, logits.clone(), answers, &labels())
    };
    drop(responses);
    assert!(says(&|| run(false, &Activity::default())).contains("try_record"));
    let unknown = Activity { areas: vec!["v9".into()], ..Default::default() };
    let text = says(&|| run(true, &unknown));
    assert!(text.contains("`v9`") && text.contains("v1, v2"), "{text}");
    let order = Activity { measure: Measure::Absolute(0.5), areas: vec![] };
    assert!(says(&|| run(true, &order)).contains("0.5"));
    let weight = Weighted::new(-1.0, CrossEntropy::default());
    let text = says(&|| weight.try_forward(&net, logits.clone(), None, &labels()));
    assert!(text.contains("-1") && text.contains("cross_entropy"), "{text}");
    let classes = CrossEntropy { class_weights: Some(vec![1.0; 3]), ..Default::default() };
    assert!(says(&|| classes.of_logits(logits.clone(), &labels())).contains("4 classes"));
    let short = Labels::constant(&[0, 1, 2], 4);
    assert!(says(&|| CrossEntropy::default().of_logits(logits.clone(), &short)).contains("labels"));
    let unused = (Weighted::new(0.0, Activity::default()), CrossEntropy::default());
    unused.try_forward(&net, logits.clone(), None, &labels()).unwrap();
    assert!(!Loss::<NetModel<f64, Cpu>, f64, Cpu>::needs_responses(&unused));
}
