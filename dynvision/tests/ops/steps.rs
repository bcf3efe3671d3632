//! A leaky step that is taken together with the convolution that makes its drive: against finite differences, and against the two
//! operations one after the other.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::error::Result;
use dynvision::geometry::{Conv, Window};
use dynvision::kernels::{Element, VisionDevice};
use dynvision::ops::{self, Filter, Rate, Step};
use proptest::prelude::*;

type MapsOf<E, D> = Tensor<Dims, E, D>;

/// What makes the drive. All keep the size of a map of two channels.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Drive {
    Full,
    Depthwise,
    Separable,
    Scaled,
}
const DRIVES: [Drive; 4] = [Drive::Full, Drive::Depthwise, Drive::Separable, Drive::Scaled];

const C: usize = 2;

/// The weights of all drives.
struct Weights<E: Element, D: VisionDevice<E>> {
    full: MapsOf<E, D>,
    each: MapsOf<E, D>,
    point: MapsOf<E, D>,
    bias: Tensor<(usize,), E, D>,
    one: Tensor<(), E, D>,
}

/// One step of `h` under the drive that is made of `x` and added to `onto`, in one operation or in two.
#[allow(clippy::too_many_arguments)]
fn step<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    drive: Drive,
    in_one: bool,
    weights: &Weights<E, D>,
    x: &MapsOf<E, D>,
    onto: Option<MapsOf<E, D>>,
    step: Step<'_, E, D>,
    cx: &mut Graph<E, D, T>,
) -> Result<MapsOf<E, D>> {
    let Weights { full, each, point, bias, one } = weights;
    let same = Conv::new(Window::same(3, 1));
    let (by_channel, mixing, bias) = (same.grouped(C), Conv::new(Window::POINT), Some(bias));
    let filter = |conv, w| Filter { conv, w, bias };
    let separable = [filter(&by_channel, each), filter(&mixing, point)];
    match (drive, in_one) {
        (Drive::Full, true) => ops::conv2d_leaky(filter(&same, full), x, onto, step, cx),
        (Drive::Full, false) => step.take(ops::conv2d(&same, x, full, bias, onto, cx)?, cx),
        (Drive::Depthwise, true) => ops::conv2d_leaky(filter(&by_channel, each), x, onto, step, cx),
        (Drive::Depthwise, false) => step.take(ops::conv2d(&by_channel, x, each, bias, onto, cx)?, cx),
        (Drive::Separable, true) => ops::separable_conv2d_leaky(separable, x, onto, step, cx),
        (Drive::Separable, false) => step.take(ops::separable_conv2d(separable, x, onto, cx)?, cx),
        (Drive::Scaled, true) => ops::scale_shift_leaky(x, one, Some(one), onto, step, cx),
        (Drive::Scaled, false) => step.take(ops::scale_shift(x, one, Some(one), onto, cx)?, cx),
    }
}

/// What the drive is added to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Onto {
    Nothing,
    /// Maps that nobody else holds.
    Owned,
    /// Maps that others hold.
    Shared,
    /// Maps that other steps of the unroll read.
    Frame,
}

fn onto() -> impl Strategy<Value = Onto> {
    prop_oneof![Just(Onto::Nothing), Just(Onto::Owned), Just(Onto::Shared), Just(Onto::Frame)]
}

/// Which tensor is the state.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Absent,
    Input,
    Other,
    /// What the drive is added to.
    Onto,
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![Just(State::Absent), Just(State::Input), Just(State::Other), Just(State::Onto)]
}

/// Steps that share weights, and what they share of their operands.
#[derive(Clone, Copy, Debug)]
struct Unroll {
    drive: Drive,
    onto: Onto,
    state: State,
    relu: bool,
    trained: bool,
    steps: usize,
    /// Whether the last step is rectified as well.
    to_the_end: bool,
}

impl Unroll {
    /// `x`, what is added and another state are the first of the tensors; then the time constant.
    fn run<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        self,
        in_one: bool,
        weights: &Weights<E, D>,
        [x, more, other]: [&MapsOf<E, D>; 3],
        tau: &Tensor<(), E, D>,
        cx: &mut Graph<E, D, T>,
    ) -> Result<MapsOf<E, D>> {
        let value = tau.as_vec()[0].to_f64().unwrap_or(f64::NAN);
        let rate = match self.trained {
            true => Rate { value: 2.0 / value, trained: Some((tau.clone(), -2.0 / (value * value))) },
            false => Rate::fixed(0.6),
        };
        let mut x = x.clone();
        for number in 1..=self.steps {
            let added = match self.onto {
                Onto::Nothing => None,
                Onto::Owned => Some(ops::add(more.clone(), &more.clone(), cx)?),
                Onto::Shared => Some(more.clone()),
                Onto::Frame => {
                    cx.show(more);
                    Some(ops::conv2d_once(&Conv::new(Window::POINT), more, &weights.point, None, cx)?)
                }
            };
            let h = match self.state {
                State::Absent => None,
                State::Input => Some(x.clone()),
                State::Other => Some(other.clone()),
                State::Onto => added.clone(),
            };
            let relu = self.relu && (self.to_the_end || number < self.steps);
            let taken = Step { rate: &rate, h: h.as_ref(), relu };
            x = step(self.drive, in_one, weights, &x, added, taken, cx)?;
        }
        Ok(x)
    }
}

fn two_steps(drive: Drive, onto: Onto, state: State, relu: bool, trained: bool) -> Unroll {
    Unroll { drive, onto, state, relu, trained, steps: 2, to_the_end: true }
}

fn unrolls() -> impl Strategy<Value = Unroll> {
    let drive = (0..DRIVES.len()).prop_map(|i| DRIVES[i]);
    (drive, onto(), state(), any::<bool>(), any::<bool>())
        .prop_map(|(drive, onto, state, relu, trained)| two_steps(drive, onto, state, relu, trained))
}

/// The sizes of the tensors of an unroll with maps of `dims`.
fn sizes(dims: [usize; 4]) -> [usize; 9] {
    let maps = len(dims);
    [maps, maps, maps, C * C * 9, C * 9, C * C, C, 1, 1]
}

/// The unroll with these for its tensors.
fn taken<T: Tape<f64, Dev>>(
    unroll: Unroll,
    in_one: bool,
    dims: [usize; 4],
    x: &[Flat],
    cx: &mut Graph<f64, Dev, T>,
) -> Result<Maps> {
    let [a, b, c] = [0, 1, 2].map(|i| maps(&x[i], dims));
    let [full, each, point] =
        [(3, [C, C, 3, 3]), (4, [C, 1, 3, 3]), (5, [C, C, 1, 1])].map(|(i, dims)| maps(&x[i], dims));
    let [one, tau] = [7, 8].map(|i| x[i].clone().reshape_like(&()));
    unroll.run(in_one, &Weights { full, each, point, bias: x[6].clone(), one }, [&a, &b, &c], &tau, cx)
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn gradients_of_steps_are_differences(
        unroll in unrolls(), (n, h, w) in (1usize..3, 1usize..5, 1usize..5), seed: u64,
    ) {
        let dims = [n, C, h, w];
        let mut all: Vec<Vec<f64>> = sizes(dims).iter().zip(seed >> 1..).map(|(&len, seed)| values(len, seed)).collect();
        all[8] = vec![3.0 + all[8][0]];
        // no difference steps over a kink
        let near_kinks = |steps: usize| {
            let unroll = Unroll { steps, to_the_end: false, ..unroll };
            let x: Vec<Flat> = all.iter().map(|x| flat(x)).collect();
            taken(unroll, false, dims, &x, &mut cx::<NoneTape>()).unwrap().as_vec().iter().any(|y| y.abs() < 1e-3)
        };
        prop_assume!(!unroll.relu || !near_kinks(1) && !near_kinks(2));
        let one = check!(&all, |x, cx| taken(unroll, true, dims, x, cx));
        let two = check!(&all, |x, cx| taken(unroll, false, dims, x, cx));
        prop_assert_eq!(one, two);
    }
}

/// In `f32`, where devices have kernels of their own: the bits of two operations, forward and backward.
#[test]
fn a_step_in_one_has_the_bits_of_two_operations() {
    let dev = seeded(6);
    let normal = |[b, c, h, w]: [usize; 4]| -> MapsOf<f32, Dev> { dev.sample_normal_like(&(b, c, h, w)) };
    for dims in [[3, C, 9, 16], [20, C, 8, 8], [1, C, 5, 4]] {
        let maps = [normal(dims), normal(dims), normal(dims)];
        let weights = Weights {
            full: normal([C, C, 3, 3]),
            each: normal([C, 1, 3, 3]),
            point: normal([C, C, 1, 1]),
            bias: dev.sample_normal_like(&(C,)),
            one: dev.tensor(0.7f32).realize(),
        };
        let tau = dev.tensor(3.0f32).realize();
        let run = |unroll: Unroll, in_one: bool| {
            let mut cx = Graph::new(OwnedTape::default());
            let operands = maps.each_ref();
            let y = unroll.run(in_one, &weights, operands, &tau, &mut cx).unwrap();
            let untaped = unroll.run(in_one, &weights, operands, &tau, &mut Graph::new(NoneTape)).unwrap();
            let values = y.as_vec();
            assert_eq!(values, untaped.as_vec(), "{unroll:?}");
            let Weights { full, each, point, bias, one } = &weights;
            let mut grads = (y.put_tape(std::mem::take(&mut cx.tape)) * maps[1].clone()).sum::<Rank0, _>().backward();
            let mut all = vec![values];
            for t in operands.into_iter().chain([full, each, point]) {
                grads.get_or_alloc_mut(t).unwrap();
                all.push(grads.get(t).as_vec());
            }
            grads.get_or_alloc_mut(bias).unwrap();
            all.push(grads.get(bias).as_vec());
            for t in [one, &tau] {
                grads.get_or_alloc_mut(t).unwrap();
                all.push(grads.get(t).as_vec());
            }
            all.concat().into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        for drive in DRIVES {
            for onto in [Onto::Nothing, Onto::Owned, Onto::Shared, Onto::Frame] {
                for state in [State::Absent, State::Input, State::Other, State::Onto] {
                    for (relu, trained) in [(false, false), (true, false), (true, true)] {
                        let unroll = two_steps(drive, onto, state, relu, trained);
                        assert!(run(unroll, true) == run(unroll, false), "{unroll:?} of {dims:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_state_of_another_shape_is_refused() {
    let dev = device();
    let (conv, w) = (Conv::new(Window::same(3, 1)), dev.zeros_like(&(3, 2, 3, 3)));
    let (x, h): (Maps, Maps) = (dev.zeros_like(&(1, 2, 4, 4)), dev.zeros_like(&(1, 2, 4, 4)));
    let taken = Step { rate: &Rate::fixed(0.5), h: Some(&h), relu: true };
    let error = ops::conv2d_leaky(Filter { conv: &conv, w: &w, bias: None }, &x, None, taken, &mut cx::<NoneTape>());
    assert!(error.unwrap_err().to_string().contains("state of a leaky step"));
}
