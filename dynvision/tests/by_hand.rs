//! What `#[dyn_model]` writes, written by hand: the template of the macro, and a test of the library under it.
//!
//! ```ignore
//! #[dyn_model(input = [3, 16, 16], operations = [layer, skip, feedback, tstep, nonlin, record, delay, pool])]
//! pub struct Net<R: Recurrence = Full> {
//!     #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = v2))]
//!     v1: RConv2d<3, 4, 3, 1, R>,
//!     #[area(skip(from = v1), tau = 8.0)]
//!     v2: RConv2d<4, 6, 3, 1, R>,
//!     #[readout]
//!     classifier: Classifier<6, 5>,
//! }
//! ```
#![allow(clippy::unwrap_used, missing_docs)] // a failing test may panic

use dfdx::prelude::*;
use dv::DynModel as _;
use dynvision::__private as dv;
use dynvision::nn::{Classifier, Euler, Full, MaxPool2d, NoRecurrence, RConv2d, Recurrence, Relu, SelfRecurrence};
use dynvision::time::Dynamics;
use dynvision::unroll::Stimulus;
use dynvision::unroll::{Discard, Stacked, State};

// ---- the specification: the user's own struct, and its shapes

#[derive(Clone, Debug)]
pub struct Net<R: Recurrence = Full> {
    pub v1: RConv2d<3, 4, 3, 1, R>,
    pub v2: RConv2d<4, 6, 3, 1, R>,
    pub classifier: Classifier<6, 5>,
}

impl Net {
    /// A frame.
    pub const INPUT: dv::Map = dv::Map::new(3, 16, 16);
    /// What `v1` answers.
    pub const V1: dv::Map = <RConv2d<3, 4, 3, 1, Full> as dv::Layer>::GEOMETRY.apply(Net::INPUT);
    /// What `v1` sends on.
    pub const V1_POOL: dv::Map = <MaxPool2d<3, 2, 1> as dv::Pool>::GEOMETRY.apply(Net::V1);
    /// What `v2` answers.
    pub const V2: dv::Map = <RConv2d<4, 6, 3, 1, Full> as dv::Layer>::GEOMETRY.apply(Net::V1_POOL);
    /// The areas and how they are connected.
    pub const WIRING: dv::Wiring = dv::Wiring {
        name: "Net",
        input: Net::INPUT,
        areas: &[
            dv::Area {
                name: "v1",
                layer: "RConv2d<3, 4, 3, 1, R>",
                operations: &["layer", "feedback", "tstep", "nonlin", "record", "delay", "pool"],
                input: Net::INPUT,
                response: Net::V1,
                output: Net::V1_POOL,
                times: dv::AreaDynamics { tau: None, t_feedforward: None, t_recurrence: None },
                numbers: &[],
            },
            dv::Area {
                name: "v2",
                layer: "RConv2d<4, 6, 3, 1, R>",
                operations: &["layer", "skip", "tstep", "nonlin", "record", "delay"],
                input: Net::V1_POOL,
                response: Net::V2,
                output: Net::V2,
                times: dv::AreaDynamics { tau: Some(8.0), t_feedforward: None, t_recurrence: None },
                numbers: &[],
            },
        ],
        links: &[
            dv::Link { kind: dv::LinkKind::Feedback, from: 1, into: 0, delay: None },
            dv::Link { kind: dv::LinkKind::Skip, from: 0, into: 1, delay: None },
        ],
    };
}

/// The shape of a batch of what `v1` answers.
pub type NetV1<B> = (B, Const<{ Net::V1.c }>, Const<{ Net::V1.h }>, Const<{ Net::V1.w }>);
/// The shape of a batch of what `v1` sends on.
pub type NetV1Pool<B> = (B, Const<{ Net::V1_POOL.c }>, Const<{ Net::V1_POOL.h }>, Const<{ Net::V1_POOL.w }>);
/// The shape of a batch of what `v2` answers.
pub type NetV2<B> = (B, Const<{ Net::V2.c }>, Const<{ Net::V2.h }>, Const<{ Net::V2.w }>);

// ---- the weights

#[derive(Clone, Debug)]
pub struct NetModel<R: Recurrence, E: Dtype, D: Device<E>> {
    pub v1: dv::Built<RConv2d<3, 4, 3, 1, R>, E, D>,
    pub v1_feedback_v2: dv::Built<dv::LinkConv<{ Net::V2.c }, { Net::V1.c }>, E, D>,
    pub v1_tstep: dv::Built<Euler, E, D>,
    pub v1_nonlin: dv::Built<Relu, E, D>,
    pub v2: dv::Built<RConv2d<4, 6, 3, 1, R>, E, D>,
    pub v2_skip_v1: dv::Built<dv::LinkConv<{ Net::V1.c }, { Net::V2.c }>, E, D>,
    pub v2_tstep: dv::Built<Euler, E, D>,
    pub v2_nonlin: dv::Built<Relu, E, D>,
    pub classifier: dv::Built<Classifier<6, 5>, E, D>,
    pub dynamics: dv::Setting<dv::Dynamics>,
}

impl<R: Recurrence, E: Dtype, D: Device<E>> dv::BuildOnDevice<D, E> for Net<R> {
    type Built = NetModel<R, E, D>;

    fn try_build_on_device(device: &D) -> std::result::Result<Self::Built, D::Err> {
        let mut net: Self::Built = dv::BuildModule::try_build(device)?;
        net.dynamics = dv::Dynamics::DEFAULT.into();
        <Euler as dv::Solver>::set_tau::<E, D>(&mut net.v1_tstep, net.dynamics.tau);
        <Euler as dv::Solver>::set_tau::<E, D>(&mut net.v2_tstep, 8.0);
        Ok(net)
    }
}

impl<R: Recurrence, E: Dtype, D: Device<E>> dv::TensorCollection<E, D> for NetModel<R, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = NetModel<R, E2, D2>;

    fn iter_tensors<V: dv::ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> std::result::Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                (
                    Self::module("v1", |s| &s.v1, |s| &mut s.v1),
                    Self::module("v1_feedback_v2", |s| &s.v1_feedback_v2, |s| &mut s.v1_feedback_v2),
                    Self::module("v1_tstep", |s| &s.v1_tstep, |s| &mut s.v1_tstep),
                    Self::module("v1_nonlin", |s| &s.v1_nonlin, |s| &mut s.v1_nonlin),
                ),
                (
                    Self::module("v2", |s| &s.v2, |s| &mut s.v2),
                    Self::module("v2_skip_v1", |s| &s.v2_skip_v1, |s| &mut s.v2_skip_v1),
                    Self::module("v2_tstep", |s| &s.v2_tstep, |s| &mut s.v2_tstep),
                    Self::module("v2_nonlin", |s| &s.v2_nonlin, |s| &mut s.v2_nonlin),
                ),
                Self::module("classifier", |s| &s.classifier, |s| &mut s.classifier),
                Self::module("dynamics", |s| &s.dynamics, |s| &mut s.dynamics),
            ),
            |(
                (v1, v1_feedback_v2, v1_tstep, v1_nonlin),
                (v2, v2_skip_v1, v2_tstep, v2_nonlin),
                classifier,
                dynamics,
            )| NetModel {
                v1: dv::converted::<RConv2d<3, 4, 3, 1, R>, E, D, V::E2, V::D2>(v1),
                v1_feedback_v2: dv::converted::<dv::LinkConv<{ Net::V2.c }, { Net::V1.c }>, E, D, V::E2, V::D2>(
                    v1_feedback_v2,
                ),
                v1_tstep: dv::converted::<Euler, E, D, V::E2, V::D2>(v1_tstep),
                v1_nonlin: dv::converted::<Relu, E, D, V::E2, V::D2>(v1_nonlin),
                v2: dv::converted::<RConv2d<4, 6, 3, 1, R>, E, D, V::E2, V::D2>(v2),
                v2_skip_v1: dv::converted::<dv::LinkConv<{ Net::V1.c }, { Net::V2.c }>, E, D, V::E2, V::D2>(v2_skip_v1),
                v2_tstep: dv::converted::<Euler, E, D, V::E2, V::D2>(v2_tstep),
                v2_nonlin: dv::converted::<Relu, E, D, V::E2, V::D2>(v2_nonlin),
                classifier: dv::converted::<Classifier<6, 5>, E, D, V::E2, V::D2>(classifier),
                dynamics,
            },
        )
    }
}

// ---- the activity

/// What is kept of each area: see [`NetState`] and [`NetResponses`].
#[derive(Clone, Debug)]
pub struct NetAreas<K: dv::PerArea, B: Dim, E: Dtype, D: Device<E>> {
    pub v1: K::Value<NetV1<B>, E, D>,
    pub v2: K::Value<NetV2<B>, E, D>,
}
/// What each area remembers.
pub type NetState<B, E, D> = NetAreas<State, B, E, D>;
/// What each area answered over time.
pub type NetResponses<B, E, D> = NetAreas<Stacked, B, E, D>;

// ---- the step

impl<R: Recurrence, E: dv::Element, D: dv::VisionDevice<E>> dv::GeneratedModel<E, D> for NetModel<R, E, D> {
    type Channels = Const<{ Net::INPUT.c }>;
    type Height = Const<{ Net::INPUT.h }>;
    type Width = Const<{ Net::INPUT.w }>;
    type Classes = <Classifier<6, 5> as dv::Readout>::Classes;
    type Areas<K: dv::PerArea, B: Dim> = NetAreas<K, B, E, D>;
    const WIRING: dv::Wiring = Net::WIRING;

    fn get_dynamics(&self) -> &dv::Dynamics {
        &self.dynamics
    }

    fn get_dynamics_mut(&mut self) -> &mut dv::Dynamics {
        &mut self.dynamics
    }

    fn initial<K: dv::Initial, B: Dim>() -> NetAreas<K, B, E, D> {
        NetAreas { v1: K::initial(), v2: K::initial() }
    }

    fn map_areas<F: dv::PerArea, G: dv::PerArea, B: Dim>(
        areas: NetAreas<F, B, E, D>,
        f: &mut impl dv::MapAreas<F, G, E, D>,
    ) -> dv::Result<NetAreas<G, B, E, D>> {
        Ok(NetAreas { v1: f.area("v1", areas.v1)?, v2: f.area("v2", areas.v2)? })
    }

    fn visit_areas<F: dv::PerArea, B: Dim>(
        areas: &NetAreas<F, B, E, D>,
        f: &mut impl dv::VisitAreas<F, E, D>,
    ) -> dv::Result<()> {
        f.area::<NetV1<B>>("v1", &areas.v1)?;
        f.area::<NetV2<B>>("v2", &areas.v2)
    }

    fn advance<K: dv::Observer, B: Dim, T: Tape<E, D>>(
        &self,
        frame: dv::Frame<Self, B, E, D>,
        state: &mut NetState<B, E, D>,
        observed: &mut NetAreas<K, B, E, D>,
        cx: &mut dv::Context<E, D, T>,
    ) -> dv::Result<dv::Logits<Self, B, E, D>> {
        let device = frame.device().clone();
        let x = dv::begin(frame, cx);

        // v1
        let x: dv::Signal<NetV1Pool<B>, E, D> = {
            let x = dv::erase(x)?;
            cx.enter(0);
            let x = dv::layer::<RConv2d<3, 4, 3, 1, R>, E, D, T>(&self.v1, x, Net::INPUT, &state.v1, cx)?;
            cx.set_input(Net::V1);
            let x = self.v1_feedback_v2.join(x, &state.v2, 0, cx)?;
            let x = dv::tstep_nonlin::<Euler, Relu, E, D, T>(&self.v1_tstep, &self.v1_nonlin, x, &state.v1, cx)?;
            K::observe::<NetV1<B>, E, D>(&mut observed.v1, x.as_ref())?;
            let x = state.v1.delay(x, cx.area())?;
            let x = dv::pool::<MaxPool2d<3, 2, 1>, E, D, T>(x, cx)?;
            dv::restore("the output of `v1`", x)?
        };

        // v2
        let x: dv::Signal<NetV2<B>, E, D> = {
            let x = dv::erase(x)?;
            cx.enter(1);
            let x = dv::layer::<RConv2d<4, 6, 3, 1, R>, E, D, T>(&self.v2, x, Net::V1_POOL, &state.v2, cx)?;
            cx.set_input(Net::V2);
            let x = self.v2_skip_v1.join(x, &state.v1, 1, cx)?;
            let x = dv::tstep_nonlin::<Euler, Relu, E, D, T>(&self.v2_tstep, &self.v2_nonlin, x, &state.v2, cx)?;
            K::observe::<NetV2<B>, E, D>(&mut observed.v2, x.as_ref())?;
            let x = state.v2.delay(x, cx.area())?;
            dv::restore("the output of `v2`", x)?
        };

        let x = dv::erase(x)?;
        dv::readout::<Classifier<6, 5>, B, E, D, T>(&self.classifier, x, &device, cx)
    }
}

// ---- dfdx's own way to call it

impl<R, B, E, D, T> dv::Module<Stimulus<dv::FrameShape<Self, B, E, D>, E, D, T>> for NetModel<R, E, D>
where
    R: Recurrence,
    B: Dim,
    E: dv::Element,
    D: dv::VisionDevice<E>,
    T: Tape<E, D>,
{
    type Output = dv::LogitsInTime<Self, B, E, D, T>;
    type Error = dynvision::error::Error;

    fn try_forward(&self, stimulus: Stimulus<dv::FrameShape<Self, B, E, D>, E, D, T>) -> dv::Result<Self::Output> {
        dv::DynModel::try_run(self, stimulus)
    }
}
impl<R: Recurrence, E: Dtype, D: Device<E>> dv::NonMutableModule for NetModel<R, E, D> {}

// ------------------------------------------------------------------------------------------------------- tests

type Model<R, E> = NetModel<R, E, Cpu>;
type Images<E> = Tensor<(usize, Const<3>, Const<16>, Const<16>), E, Cpu>;

fn dynamics(t_feedforward: f64) -> Dynamics {
    Dynamics { t_feedforward, t_recurrence: 4.0, t_skip: 2.0, t_feedback: 4.0, ..Dynamics::default() }
}

/// A frame that goes on and off.
fn flash<T: Tape<f64, Cpu>>(
    images: Tensor<(usize, Const<3>, Const<16>, Const<16>), f64, Cpu, T>,
    steps: usize,
) -> Stimulus<(usize, Const<3>, Const<16>, Const<16>), f64, Cpu, T> {
    Stimulus::constant(images, steps - 3).then_blank(2, 0.25).unwrap().then_again(1)
}

fn objective<R: Recurrence>(
    steps: usize,
    net: &Model<R, f64>,
    images: &Images<f64>,
    weigh: &Tensor<(usize, usize, Const<5>), f64, Cpu>,
) -> f64 {
    let y = net.try_run(flash(images.clone(), steps)).unwrap();
    (y * weigh.clone()).sum::<Rank0, _>().array()
}

/// Moves one element of the parameters.
struct Nudge {
    at: usize,
    by: f64,
    seen: usize,
}
impl TensorVisitor<f64, Cpu> for Nudge {
    type Viewer = ViewTensorMut;
    type Err = CpuError;
    type E2 = f64;
    type D2 = Cpu;
    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, f64, Cpu>,
        t: &mut Tensor<S, f64, Cpu>,
    ) -> std::result::Result<Option<Tensor<S, f64, Cpu>>, CpuError> {
        let n = t.shape().num_elements();
        if (self.seen..self.seen + n).contains(&self.at) {
            let mut v = t.as_vec();
            v[self.at - self.seen] += self.by;
            t.copy_from(&v);
        }
        self.seen += n;
        Ok(None)
    }
}
struct Flat<'a> {
    grads: &'a Gradients<f64, Cpu>,
    out: Vec<f64>,
}
impl TensorVisitor<f64, Cpu> for Flat<'_> {
    type Viewer = ViewTensorRef;
    type Err = CpuError;
    type E2 = f64;
    type D2 = Cpu;
    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, f64, Cpu>,
        t: &Tensor<S, f64, Cpu>,
    ) -> std::result::Result<Option<Tensor<S, f64, Cpu>>, CpuError> {
        self.out.extend(self.grads.get(t).as_vec());
        Ok(None)
    }
}
fn nudge<R: Recurrence>(net: &mut Model<R, f64>, at: usize, by: f64) {
    let mut n = Nudge { at, by, seen: 0 };
    TensorCollection::iter_tensors(&mut RecursiveWalker { m: net, f: &mut n }).unwrap();
}

/// Every element of every parameter against central differences.
fn gradients_are_differences<R: Recurrence>(t_feedforward: f64, steps: usize) {
    let dev = Cpu::seed_from_u64(1);
    let mut net = dev.build_module::<Net<R>, f64>();
    *net.dynamics = dynamics(t_feedforward);
    // larger links and recurrences than at the start of a training, so that their gradients count
    let mut at = 0;
    for tensor in [net.num_trainable_params()] {
        while at < tensor {
            nudge(&mut net, at, 0.1 * ((at * 7919 % 13) as f64 / 6.0 - 1.0));
            at += 1;
        }
    }
    let images: Images<f64> = dev.sample_normal_like(&(2, Const, Const, Const));
    let weigh = dev.sample_normal_like(&(2, steps, Const));
    let y = net.try_run(flash(images.clone().traced(net.alloc_grads()), steps)).unwrap();
    let grads = (y * weigh.clone()).sum::<Rank0, _>().backward();
    let mut flat = Flat { grads: &grads, out: vec![] };
    TensorCollection::iter_tensors(&mut RecursiveWalker { m: &net, f: &mut flat }).unwrap();
    let exact = flat.out;
    let scale = exact.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    assert!(scale > 0.0);
    for (at, &g) in exact.iter().enumerate() {
        let eps = 1e-6;
        nudge(&mut net, at, eps);
        let up = objective(steps, &net, &images, &weigh);
        nudge(&mut net, at, -2.0 * eps);
        let down = objective(steps, &net, &images, &weigh);
        nudge(&mut net, at, eps);
        let difference = (up - down) / (2.0 * eps);
        assert!((difference - g).abs() < 1e-7 * scale, "parameter {at}: {g} but difference {difference}");
    }
}

#[test]
fn gradients_full_no_delay() {
    gradients_are_differences::<Full>(0.0, 6);
}
#[test]
fn gradients_full_delay() {
    gradients_are_differences::<Full>(2.0, 8);
}
#[test]
fn gradients_self_delay() {
    gradients_are_differences::<SelfRecurrence>(2.0, 8);
}
#[test]
fn gradients_without_recurrence() {
    gradients_are_differences::<NoRecurrence>(0.0, 6);
}

#[test]
fn conversions_keep_weights_and_dynamics() {
    let dev = Cpu::default();
    let mut a = dev.build_module::<Net, f32>();
    *a.dynamics = dynamics(2.0);
    let b = a.to_dtype::<f64>();
    assert_eq!(*b.dynamics, dynamics(2.0));
    assert_eq!(
        a.num_trainable_params(),
        3 * 4 * 9 + 4 + 4 * 4 * 9 + 4 + 6 * 4 + 4 + 4 * 6 * 9 + 6 + 6 * 6 * 9 + 6 + 4 * 6 + 6 + 35
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    a.save_safetensors(file.path()).unwrap();
    let mut c = dev.build_module::<Net, f32>();
    c.load_safetensors(file.path()).unwrap();
    assert_eq!(c.v2.recurrence.weight.as_vec(), a.v2.recurrence.weight.as_vec());
}

#[test]
fn steps_run_and_record_agree() {
    let dev = Cpu::seed_from_u64(2);
    let mut net = dev.build_module::<Net, f64>();
    *net.dynamics = dynamics(2.0);
    let images: Images<f64> = dev.sample_normal_like(&(2, Const, Const, Const));
    let (logits, responses) = net.try_record(Stimulus::constant(images.clone(), 5)).unwrap();
    let v1: &Tensor<(usize, usize, Const<4>, Const<16>, Const<16>), f64, Cpu> = &responses.v1.values;
    assert_eq!((responses.v1.onset(), responses.v2.onset()), (Some(0), Some(1)));
    assert!(v1.as_vec().iter().any(|&v| v > 0.0));
    let mut state = net.reset();
    for t in 0..5 {
        let y = net.try_step(images.clone(), &mut state).unwrap();
        let row: Vec<f64> = (0..2).flat_map(|b| (0..5).map(move |c| [b, t, c])).map(|i| logits[i]).collect();
        assert_eq!(y.as_vec(), row);
    }
    let one: Images<f64> = dev.sample_normal_like(&(1, Const, Const, Const));
    let error = net.try_step(one, &mut state).unwrap_err().to_string();
    assert!(error.contains("`v1` holds a batch of 2"), "{error}");
}

#[test]
fn an_area_that_never_answers_records_zeros() {
    let dev = Cpu::seed_from_u64(2);
    let mut net = dev.build_module::<Net, f64>();
    *net.dynamics = Dynamics { t_feedforward: 20.0, t_skip: 20.0, ..Dynamics::default() };
    let images: Images<f64> = dev.sample_normal_like(&(2, Const, Const, Const));
    let (logits, responses) = net.try_record(Stimulus::constant(images, 3)).unwrap();
    assert_eq!(responses.v2.onset(), None);
    assert_eq!(responses.v2.values.shape().concrete(), [2, 3, 6, 8, 8]);
    assert!(logits.as_vec().iter().all(|&v| v == 0.0));
}

#[test]
fn truncation_cuts_gradients_not_values() {
    let dev = Cpu::seed_from_u64(3);
    let mut net = dev.build_module::<Net, f64>();
    *net.dynamics = dynamics(0.0);
    let images: Images<f64> = dev.sample_normal_like(&(2, Const, Const, Const));
    let run = |net: &Model<Full, f64>| {
        let stimulus = Stimulus::constant(images.clone().traced(net.alloc_grads()), 4);
        let mut state = net.reset();
        let (y, cx) = net.try_observe::<Discard, _, _>(stimulus, &mut state, &mut net.observers()).unwrap();
        let values = y.as_vec();
        let grads = y.put_tape(cx.into_tape()).sum::<Rank0, _>().backward();
        (values, grads.get(&net.v1.recurrence.weight).as_vec())
    };
    let (whole, g_whole) = run(&net);
    net.dynamics.truncate_steps = 1;
    let (cut, g_cut) = run(&net);
    assert_eq!(whole, cut);
    assert_ne!(g_whole, g_cut);
}

#[test]
fn a_stream_computes_what_a_run_does() {
    let dev = Cpu::seed_from_u64(5);
    let mut net = dev.build_module::<Net, f64>();
    *net.dynamics = dynamics(2.0);
    let images: Images<f64> = dev.sample_normal_like(&(2, Const, Const, Const));
    let logits = net.try_run(Stimulus::constant(images.clone(), 4)).unwrap();
    let mut stream = dynvision::stream::Stream::new(&net, net.reset()).unwrap();
    for t in 0..4 {
        let y = stream.try_step(images.clone()).unwrap();
        let row: Vec<f64> = (0..2).flat_map(|b| (0..5).map(move |c| [b, t, c])).map(|i| logits[i]).collect();
        assert_eq!(y.as_vec(), row);
    }
}

#[test]
fn biological_unrolling_is_engineering_unrolling_later() {
    let dev = Cpu::seed_from_u64(6);
    let mut net = dev.build_module::<Net, f64>();
    let engineering = Dynamics { t_recurrence: 4.0, t_skip: 2.0, t_feedback: 6.0, ..Dynamics::default() };
    *net.dynamics = engineering.clone();
    let images: Images<f64> = dev.sample_normal_like(&(2, Const, Const, Const));
    let (logits, early) = net.try_record(Stimulus::constant(images.clone(), 6)).unwrap();
    *net.dynamics = engineering.biological(&Net::WIRING, 4.0).unwrap();
    let (later, late) = net.try_record(Stimulus::constant(images, 8)).unwrap();
    assert_eq!((late.v1.onset(), late.v2.onset()), (Some(0), Some(2)));
    for (b, c) in (0..2).flat_map(|b| (0..5).map(move |c| (b, c))) {
        for t in 0..6 {
            assert!((logits[[b, t, c]] - later[[b, t + 2, c]]).abs() < 1e-12);
        }
    }
    let v2 = |r: &NetResponses<usize, f64, Cpu>, t: usize| r.v2.values[[1, t, 3, 4, 4]];
    assert!((0..6).all(|t| (v2(&early, t) - v2(&late, t + 2)).abs() < 1e-12));
    let error = engineering.biological(&Net::WIRING, 6.0).unwrap_err().to_string();
    assert!(error.contains("`v1_feedback_v2` comes back after 6 ms"), "{error}");
}
