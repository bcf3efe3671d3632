//! Finite differences, naive loops and random numbers for the tests of operations.

use crate::device::share;
pub(crate) use crate::device::{Dev, device, seeded};
use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::error::Result;
use dynvision::geometry::{Border, Conv, Window};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

pub(crate) type Flat = Tensor<(usize,), f64, Dev>;
pub(crate) type Dims = (usize, usize, usize, usize);
pub(crate) type Maps = Tensor<Dims, f64, Dev>;
pub(crate) type Recorded = OwnedTape<f64, Dev>;

/// A fixed sequence of `cases` cases, so that a run tells the code and not the day.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases: share(cases),
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(2026),
        ..ProptestConfig::default()
    }
}

pub(crate) fn cx<T: Default>() -> Graph<f64, Dev, T> {
    Graph::new(T::default())
}

/// Numbers between -1 and 1.
pub(crate) fn values(len: usize, seed: u64) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..len).map(|_| rng.gen_range(-1.0..1.0)).collect()
}

/// Numbers between -1 and 1, none near another one or 0, so that no difference steps over a kink.
pub(crate) fn apart(len: usize, seed: u64) -> Vec<f64> {
    let mut grid: Vec<f64> = (0..len).map(|i| (i as f64 + 0.5) / len as f64 * 2.0 - 1.0 + 1e-3).collect();
    grid.shuffle(&mut StdRng::seed_from_u64(seed));
    grid
}

pub(crate) fn flat(values: &[f64]) -> Flat {
    device().tensor_from_vec(values.to_vec(), (values.len(),))
}

pub(crate) fn maps(x: &Flat, dims: [usize; 4]) -> Maps {
    x.clone().reshape_like(&(dims[0], dims[1], dims[2], dims[3]))
}

pub(crate) fn len(dims: [usize; 4]) -> usize {
    dims.iter().product()
}

/// What an operation makes of `inputs`, and the gradients of the inputs, after both have been checked: the gradients
/// against finite differences of a random objective that also reads the inputs themselves, the values against those
/// without a tape. `check!` calls it with one body for both tapes.
pub(crate) fn checked<Y1: Shape, Y2: Shape>(
    inputs: &[Vec<f64>],
    taped: impl Fn(&[Flat], &mut Graph<f64, Dev, Recorded>) -> Result<Tensor<Y1, f64, Dev>>,
    untaped: impl Fn(&[Flat], &mut Graph<f64, Dev, NoneTape>) -> Result<Tensor<Y2, f64, Dev>>,
) -> Vec<f64> {
    let tensors: Vec<Flat> = inputs.iter().map(|x| flat(x)).collect();
    let mut context = cx();
    let y = taped(&tensors, &mut context).unwrap();
    let found = y.as_vec();
    let weights = values(found.len(), 1);
    let own: Vec<Vec<f64>> = inputs.iter().enumerate().map(|(i, x)| values(x.len(), 2 + i as u64)).collect();

    let mut loss = (y.reshape_like(&(found.len(),)).put_tape(context.tape) * flat(&weights)).sum::<Rank0, _>();
    for (x, own) in tensors.iter().zip(&own) {
        loss = loss + (x.retaped::<Recorded>() * flat(own)).sum::<Rank0, _>();
    }
    let grads = loss.backward();

    let objective = |inputs: &[Vec<f64>]| {
        let tensors: Vec<Flat> = inputs.iter().map(|x| flat(x)).collect();
        let y = untaped(&tensors, &mut cx()).unwrap();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let read: f64 = inputs.iter().zip(&own).map(|(x, own)| dot(x, own)).sum();
        let y = y.as_vec();
        (dot(&y, &weights) + read, y)
    };
    assert_eq!(objective(inputs).1, found, "the values without a tape");
    for (tensor, values) in tensors.iter().zip(inputs) {
        assert_eq!(&tensor.as_vec(), values, "an input has been changed");
    }
    let mut moved = inputs.to_vec();
    let mut rng = StdRng::seed_from_u64(3);
    for (i, x) in inputs.iter().enumerate() {
        let gradient = grads.get(&tensors[i]).as_vec();
        for _ in 0..x.len().min(12) {
            let (at, eps) = (rng.gen_range(0..x.len()), 1e-5);
            let mut side = |by: f64| {
                moved[i][at] = x[at] + by;
                objective(&moved).0
            };
            let want = (side(eps) - side(-eps)) / (2.0 * eps);
            moved[i][at] = x[at];
            let off = (gradient[at] - want).abs();
            assert!(off < 1e-7 * (1.0 + want.abs()), "gradient {at} of input {i}: {} is not {want}", gradient[at]);
        }
    }
    found
}

/// `check!(inputs, |x, cx| operation)`: see [`checked`].
macro_rules! check {
    ($inputs:expr, |$x:ident, $cx:ident| $body:expr) => {
        crate::check::checked(
            $inputs,
            |$x: &[crate::check::Flat],
             $cx: &mut dynvision::autograd::Graph<f64, crate::check::Dev, crate::check::Recorded>| $body,
            |$x: &[crate::check::Flat],
             $cx: &mut dynvision::autograd::Graph<f64, crate::check::Dev, dfdx::prelude::NoneTape>| $body,
        )
    };
}

#[track_caller]
pub(crate) fn assert_near(found: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(found.len(), want.len());
    for (i, (f, w)) in found.iter().zip(want).enumerate() {
        assert!(f == w || (f - w).abs() <= tolerance * (1.0 + w.abs()), "element {i}: {f} is not {w}");
    }
}

/// A convolution with all its sizes.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) conv: Conv,
    pub(crate) x: [usize; 4],
    pub(crate) w: [usize; 4],
    pub(crate) y: [usize; 4],
    pub(crate) seed: u64,
}

impl Shown {
    pub(crate) fn new(conv: Conv, [b, h, w]: [usize; 3], ins: usize, outs: usize, seed: u64) -> Self {
        let (window, k) = (conv.window, conv.window.kernel);
        let y = [b, outs, window.output_len(h), window.output_len(w)];
        Shown { conv, x: [b, ins, h, w], w: [outs, ins / conv.groups, k, k], y, seed }
    }

    /// The definition, in seven loops.
    pub(crate) fn naive(&self, x: &[f64], w: &[f64], bias: Option<&[f64]>) -> Vec<f64> {
        let Conv { window, groups, border } = self.conv;
        let ([b, ins, h, wd], [outs, inner, k, _], [.., rows, columns]) = (self.x, self.w, self.y);
        let mut y = Vec::with_capacity(len(self.y));
        for n in 0..b {
            for o in 0..outs {
                for place in 0..rows * columns {
                    let mut sum = bias.map_or(0.0, |bias| bias[o]);
                    for i in 0..inner {
                        let channel = n * ins + o / (outs / groups) * inner + i;
                        for tap in 0..k * k {
                            let row = source(window, border, place / columns, tap / k, h);
                            let column = source(window, border, place % columns, tap % k, wd);
                            if let (Some(row), Some(column)) = (row, column) {
                                sum += w[(o * inner + i) * k * k + tap] * x[(channel * h + row) * wd + column];
                            }
                        }
                    }
                    y.push(sum);
                }
            }
        }
        y
    }
}

/// Where along a dimension a tap reads.
pub(crate) fn source(window: Window, border: Border, place: usize, tap: usize, dim: usize) -> Option<usize> {
    let (at, last) = ((place * window.stride + tap * window.dilation) as isize, dim as isize - 1);
    let at = at - window.padding as isize;
    let at = if border == Border::Reflect { (last - (last - at.abs()).abs()).abs() } else { at };
    (0..=last).contains(&at).then_some(at as usize)
}

/// Any convolution that is small enough for the loops: grouped and depthwise, dilated, strided further than its kernel
/// reaches or less, with either border.
pub(crate) fn convolutions() -> impl Strategy<Value = Shown> {
    let window = (1usize..6, 1usize..4, 0usize..4, 1usize..3);
    let sizes = (1usize..4, 1usize..10, 1usize..10);
    let channels = (1usize..4, 1usize..4, 1usize..4);
    (window, sizes, channels, any::<bool>(), any::<u64>())
        .prop_map(|((kernel, stride, padding, dilation), (b, h, w), (groups, ins, outs), reflect, seed)| {
            let padding = if reflect { padding.min(h - 1).min(w - 1) } else { padding };
            let window = Window::new(kernel, stride, padding).dilated(dilation);
            let border = if reflect { Border::Reflect } else { Border::Zero };
            let conv = Conv::new(window).grouped(groups).bordered(border);
            Shown::new(conv, [b, h, w], ins * groups, outs * groups, seed)
        })
        .prop_filter("the window fits", |shown| len(shown.y) > 0)
}

/// Any pooling that fits, with the sizes of its input.
pub(crate) fn pools() -> impl Strategy<Value = (Window, [usize; 4])> {
    let sizes = (1usize..3, 1usize..4, 1usize..10, 1usize..10);
    (1usize..6, 1usize..5, 0usize..3, 1usize..3, sizes)
        .prop_map(|(kernel, stride, padding, dilation, (b, c, h, w))| {
            (Window::new(kernel, stride, padding.min(kernel / 2)).dilated(dilation), [b, c, h, w])
        })
        .prop_filter("the window fits", |&(window, [.., h, w])| window.output_len(h) * window.output_len(w) > 0)
}
