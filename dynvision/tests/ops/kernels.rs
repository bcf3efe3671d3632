//! The kernels of the CPU against the compositions that CUDA runs, both on the CPU, forward and backward, in both
//! dtypes. Gradients start from random numbers, since kernels add to them.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::geometry::{Border, Conv, Over, Window};
use dynvision::kernels::{
    Addend, Buffer, ConvKernel, Element, Filter, FilterGradient, LeakyKernel, Maps as MapsOf, PointwiseKernel,
    PoolKernel, ResizeKernel, VisionDevice, composed,
};
use proptest::prelude::*;

fn sizes([b, c, h, w]: [usize; 4]) -> Dims {
    (b, c, h, w)
}

fn tensor<S: Shape, E: Element, D: Device<E>>(dev: &D, shape: S, seed: u64) -> Tensor<S, E, D> {
    dev.tensor_from_vec(values(shape.num_elements(), seed).into_iter().map(E::narrow).collect(), shape)
}

/// Numbers among which many are equal, as behind a rectification.
fn ties<E: Element, D: Device<E>>(dev: &D, dims: [usize; 4], seed: u64) -> MapsOf<E, D> {
    let values = values(len(dims), seed).into_iter().map(|x| E::narrow((3.0 * x).round().max(0.0))).collect();
    dev.tensor_from_vec(values, sizes(dims))
}

/// A buffer of random numbers: the gradient of something that is multiplied by them.
fn buffer<E: Element, D: Device<E>>(dev: &D, len: usize, seed: u64) -> Buffer<E, D> {
    let x: Tensor<(usize,), E, D> = dev.zeros_like(&(len,));
    let mut grads = (x.leaky_trace() * tensor(dev, (len,), seed)).sum::<Rank0, _>().backward();
    grads.get_or_alloc_mut(&x).unwrap().clone()
}

fn read<E: Element, D: Device<E>>(dev: &D, buffer: &Buffer<E, D>) -> Vec<E> {
    let key: Tensor<(usize,), E, D> = dev.zeros_like(&(Storage::<E>::len(dev, buffer),));
    let mut grads = Gradients::leaky();
    *grads.get_or_alloc_mut(&key).unwrap() = buffer.clone();
    grads.get(&key).as_vec()
}

#[track_caller]
fn agree<E: Element>(one: Vec<E>, other: Vec<E>) {
    let wide = |x: Vec<E>| x.iter().map(|x| x.wide()).collect::<Vec<_>>();
    assert_near(&wide(one), &wide(other), if size_of::<E>() == 4 { 2e-5 } else { 1e-12 });
}

/// Runs `of` with two copies of a gradient that starts from random numbers, which must agree afterwards.
fn gradients_agree<E: Element, D: Device<E>>(
    dev: &D,
    len: usize,
    kernel: impl FnOnce(&mut Buffer<E, D>) -> Result<(), D::Err>,
    composition: impl FnOnce(&mut Buffer<E, D>) -> Result<(), D::Err>,
) {
    let (mut one, mut other) = (buffer(dev, len, 77), buffer(dev, len, 77));
    kernel(&mut one).unwrap();
    composition(&mut other).unwrap();
    agree(read(dev, &one), read(dev, &other));
}

fn convolution<E: Element, D: VisionDevice<E>>(dev: &D, shown: &Shown, biased: bool, add: bool, with_gx: bool) {
    let (conv, seed) = (&shown.conv, shown.seed);
    let (x, w): (MapsOf<E, D>, MapsOf<E, D>) =
        (tensor(dev, sizes(shown.x), seed), tensor(dev, sizes(shown.w), seed ^ 1));
    let bias: Option<Tensor<(usize,), E, D>> = biased.then(|| tensor(dev, (shown.w[0],), seed ^ 2));
    let onto: Option<MapsOf<E, D>> = add.then(|| tensor(dev, sizes(shown.y), seed ^ 3));
    let cache = Default::default();
    let own = || onto.clone().map(Addend::Owned);
    let y = dev.conv2d(conv, &x, &w, bias.as_ref(), &cache, own(), None).unwrap();
    let want = composed::conv2d(dev, conv, &x, &w, bias.as_ref(), own()).unwrap();
    agree(y.as_vec(), want.as_vec());
    // in the place of maps that another handle holds, which keeps their values, and not in that of maps of other sizes
    let held: MapsOf<E, D> = tensor(dev, sizes(shown.y), seed ^ 5);
    let values = held.as_vec();
    let other: MapsOf<E, D> = tensor(dev, (1, 1, 1, len(shown.y) + 1), seed);
    for out in [held.clone(), other] {
        let onto = onto.as_ref().map(Addend::Borrowed);
        let beside = dev.conv2d(conv, &x, &w, bias.as_ref(), &cache, onto, Some(out)).unwrap();
        agree(beside.as_vec(), y.as_vec());
        assert_eq!((*beside.shape(), held.as_vec() == values), (*y.shape(), true));
    }
    agree(
        composed::conv2d(dev, conv, &x, &w, bias.as_ref(), onto.as_ref().map(Addend::Borrowed)).unwrap().as_vec(),
        want.as_vec(),
    );

    let gy = buffer(dev, len(shown.y), seed ^ 4);
    let start = || [len(shown.x), len(shown.w), shown.w[0]].map(|len| buffer(dev, len, 77));
    let ([mut gx, mut gw, mut gb], [mut hx, mut hw, mut hb]) = (start(), start());
    let (sized, gb_, hb_) = (sizes(shown.y), biased.then_some(&mut gb), biased.then_some(&mut hb));
    dev.conv2d_backward(conv, &x, &w, &cache, sized, &gy, with_gx.then_some(&mut gx), &mut gw, gb_, false).unwrap();
    composed::conv2d_backward(dev, conv, &x, &w, sized, &gy, with_gx.then_some(&mut hx), &mut hw, hb_).unwrap();
    agree(read(dev, &gx), read(dev, &hx));
    agree(read(dev, &gw), read(dev, &hw));
    agree(read(dev, &gb), read(dev, &hb));
}

/// A convolution of each channel, then one of single places to `outs` channels.
fn separable<E: Element, D: VisionDevice<E>>(dev: &D, xd: [usize; 4], outs: usize, biased: bool, seed: u64) {
    let [images, ins, h, w] = xd;
    let convs = [Conv::new(Window::same(3, 1)).grouped(ins), Conv::new(Window::new(1, 1, 0))];
    let (yd, wd) = ([images, outs, h, w], [[ins, 1, 3, 3], [outs, ins, 1, 1]]);
    let x: MapsOf<E, D> = tensor(dev, sizes(xd), seed);
    let weights: [MapsOf<E, D>; 2] = [0, 1].map(|i| tensor(dev, sizes(wd[i]), seed ^ (i as u64 + 1)));
    let biases: [Option<Tensor<(usize,), E, D>>; 2] =
        [0, 1].map(|i| biased.then(|| tensor(dev, (wd[i][0],), seed ^ (i as u64 + 3))));
    let caches: [D::WeightCache; 2] = Default::default();
    let filters =
        || [0, 1].map(|i| Filter { conv: &convs[i], w: &weights[i], bias: biases[i].as_ref(), cache: &caches[i] });
    let y = dev.separable_conv2d(filters(), &x, None, None).unwrap();
    agree(y.as_vec(), composed::separable_conv2d(dev, filters(), &x, None, None).unwrap().as_vec());
    let gy = buffer(dev, len(yd), seed ^ 5);
    let gradients = |kernel: bool| {
        let mut gx = buffer(dev, len(xd), 77);
        let mut gw = [0, 1].map(|i| buffer(dev, len(wd[i]), 78));
        let mut gb = [0, 1].map(|i| buffer(dev, wd[i][0], 79));
        let [b, c] = gb.each_mut().map(|gb| biased.then_some(gb));
        let [v, u] = gw.each_mut();
        let into = [FilterGradient { w: v, bias: b }, FilterGradient { w: u, bias: c }];
        if kernel {
            dev.separable_conv2d_backward(filters(), &x, sizes(yd), &gy, &mut gx, into).unwrap();
        } else {
            composed::separable_conv2d_backward(dev, filters(), &x, sizes(yd), &gy, &mut gx, into).unwrap();
        }
        caches.iter().zip(&mut gw).for_each(|(cache, gw)| dev.conv2d_collect(cache, gw).unwrap());
        [gx].into_iter().chain(gw).chain(gb).map(|g| read(dev, &g)).collect::<Vec<_>>()
    };
    gradients(true).into_iter().zip(gradients(false)).for_each(|(one, other)| agree(one, other));
}

fn pooling<E: Element, D: VisionDevice<E>>(dev: &D, window: Window, x: &MapsOf<E, D>, seed: u64) {
    let (y, chosen) = dev.max_pool2d(window, x, true, None).unwrap();
    let z = composed::max_pool2d(dev, window, x).unwrap();
    agree(y.as_vec(), z.as_vec());
    let held: MapsOf<E, D> = tensor(dev, *y.shape(), seed);
    let values = held.as_vec();
    let (only, none) = dev.max_pool2d(window, x, false, Some(held.clone())).unwrap();
    assert!(none.is_none() && only.as_vec() == y.as_vec() && held.as_vec() == values);
    let (gy, to, from) = (buffer(dev, y.shape().num_elements(), seed), *y.shape(), *x.shape());
    gradients_agree(
        dev,
        x.shape().num_elements(),
        |gx| dev.max_pool2d_backward(window, x, &chosen.unwrap(), to, &gy, gx),
        |gx| composed::max_pool2d_backward(dev, window, x, &gy, gx),
    );
    agree(dev.avg_pool2d(window, x).unwrap().as_vec(), composed::avg_pool2d(dev, window, x).unwrap().as_vec());
    gradients_agree(
        dev,
        x.shape().num_elements(),
        |gx| dev.avg_pool2d_backward(window, from, to, &gy, gx),
        |gx| composed::avg_pool2d_backward(dev, window, from, to, &gy, gx),
    );
    agree(dev.global_avg(x).unwrap().as_vec(), composed::global_avg(dev, x).unwrap().as_vec());
    let gy = buffer(dev, from.0 * from.1, seed);
    gradients_agree(
        dev,
        x.shape().num_elements(),
        |gx| dev.global_avg_backward(from, &gy, gx),
        |gx| composed::global_avg_backward(dev, from, &gy, gx),
    );
}

fn resizing<E: Element, D: VisionDevice<E>>(dev: &D, from: [usize; 4], [h, w]: [usize; 2], add: bool, seed: u64) {
    let (x, to) = (tensor(dev, sizes(from), seed), [from[0], from[1], h, w]);
    let onto = add.then(|| tensor(dev, sizes(to), seed ^ 1));
    let y = dev.resize(&x, h, w, onto.clone()).unwrap();
    agree(y.as_vec(), composed::resize(dev, &x, h, w, onto).unwrap().as_vec());
    let (gy, from, to) = (buffer(dev, len(to), seed ^ 2), sizes(from), sizes(to));
    gradients_agree(
        dev,
        x.shape().num_elements(),
        |gx| dev.resize_backward(from, to, &gy, gx),
        |gx| composed::resize_backward(dev, from, to, &gy, gx),
    );
}

fn leaking<E: Element, D: VisionDevice<E>>(dev: &D, rate: f64, with_h: bool, relu: bool, seed: u64) {
    let (rate, dims) = (E::narrow(rate), (2, 3, 4, 5));
    let (x, h): (MapsOf<E, D>, MapsOf<E, D>) = (tensor(dev, dims, seed), tensor(dev, dims, seed ^ 1));
    let h = with_h.then_some(&h);
    let y = dev.leaky(rate, x.clone(), h, relu).unwrap();
    agree(y.as_vec(), composed::leaky(dev, rate, x.clone(), h, relu).unwrap().as_vec());
    let (y, gy, scale) = (relu.then_some(&y), buffer(dev, 120, seed ^ 2), E::narrow(-0.3));
    gradients_agree(
        dev,
        1,
        |grate| dev.leaky_backward_rate(scale, &x, h, y, &gy, grate),
        |grate| composed::leaky_backward_rate(dev, scale, &x, h, y, &gy, grate),
    );
    let (mut gh, mut hh) = (buffer(dev, 120, 5), buffer(dev, 120, 5));
    let (gh_, hh_) = (with_h.then_some(&mut gh), with_h.then_some(&mut hh));
    gradients_agree(
        dev,
        120,
        |g| dev.leaky_backward(rate, y, g, gh_),
        |g| composed::leaky_backward(dev, rate, y, g, hh_),
    );
    agree(read(dev, &gh), read(dev, &hh));
}

fn elementwise<E: Element, D: VisionDevice<E>>(dev: &D, k: f64, n: f64, seed: u64) {
    let (k, n, dims) = (E::narrow(k), E::narrow(n), (2, 3, 4, 5));
    let (x, h): (MapsOf<E, D>, MapsOf<E, D>) = (tensor(dev, dims, seed), tensor(dev, dims, seed ^ 1));
    let gy = buffer(dev, 120, seed ^ 2);
    agree(dev.add(x.clone(), &h).unwrap().as_vec(), composed::add(dev, x.clone(), &h).unwrap().as_vec());
    let y = dev.relu(x.clone()).unwrap();
    agree(y.as_vec(), composed::relu(dev, x.clone()).unwrap().as_vec());
    agree(dev.gain(&x, &h).unwrap().as_vec(), composed::gain(dev, &x, &h).unwrap().as_vec());
    agree(dev.supralinear(k, n, &x).unwrap().as_vec(), composed::supralinear(dev, k, n, &x).unwrap().as_vec());
    gradients_agree(dev, 120, |g| dev.accumulate(k, &gy, g), |g| composed::accumulate(dev, k, &gy, g));
    gradients_agree(dev, 120, |g| dev.relu_backward(&y, g), |g| composed::relu_backward(dev, &y, g));
    gradients_agree(
        dev,
        120,
        |g| dev.supralinear_backward(k, n, &x, &gy, g),
        |g| composed::supralinear_backward(dev, k, n, &x, &gy, g),
    );
    let (mut gh, mut hh) = (buffer(dev, 120, 5), buffer(dev, 120, 5));
    gradients_agree(
        dev,
        120,
        |g| dev.gain_backward(&x, &h, &gy, g, &mut gh),
        |g| composed::gain_backward(dev, &x, &h, &gy, g, &mut hh),
    );
    agree(read(dev, &gh), read(dev, &hh));
}

fn biasing<E: Element, D: VisionDevice<E>>(dev: &D, [b, c, h, w]: [usize; 4], seed: u64) {
    let y: MapsOf<E, D> = tensor(dev, (b, c, h, w), seed);
    let gy = buffer(dev, b * c * h * w, seed ^ 2);
    for (len, run) in [(1, b * c * h * w), (c, h * w), (c * h * w, 1)] {
        let bias: Tensor<(usize,), E, D> = tensor(dev, (len,), seed ^ 1);
        let one = dev.add_bias(y.clone(), &bias, run).unwrap();
        agree(one.as_vec(), composed::add_bias(dev, y.clone(), &bias, run).unwrap().as_vec());
        gradients_agree(
            dev,
            len,
            |gb| dev.add_bias_backward(len, run, (b, c, h, w), &gy, gb),
            |gb| composed::add_bias_backward(dev, len, run, (b, c, h, w), &gy, gb),
        );
    }
}

fn normalizing<E: Element, D: VisionDevice<E>>(dev: &D, over: Over, [b, c, h, w]: [usize; 4], seed: u64) {
    let (x, eps): (MapsOf<E, D>, f64) = (tensor(dev, (b, c, h, w), seed), 1e-2);
    let [weight, bias]: [Tensor<(usize,), E, D>; 2] = [1, 2].map(|salt| tensor(dev, (c,), seed ^ salt));
    let (ours, theirs) = (dev.moments(over, &x).unwrap(), composed::moments(dev, over, &x).unwrap());
    agree(ours.mean.as_vec(), theirs.mean.as_vec());
    agree(ours.variance.as_vec(), theirs.variance.as_vec());
    let y = dev.normalize(over, eps, &x, &ours, &weight, &bias).unwrap();
    agree(y.as_vec(), composed::normalize(dev, over, eps, &x, &ours, &weight, &bias).unwrap().as_vec());
    let gy = buffer(dev, b * c * h * w, seed ^ 3);
    let start = || [b * c * h * w, c, c].map(|len| buffer::<E, D>(dev, len, 77));
    let ([mut gx, mut gw, mut gb], [mut hx, mut hw, mut hb]) = (start(), start());
    dev.normalize_backward(over, eps, &x, &ours, &weight, &gy, &mut gx, &mut gw, &mut gb).unwrap();
    composed::normalize_backward(dev, over, eps, &x, &ours, &weight, &gy, &mut hx, &mut hw, &mut hb).unwrap();
    agree(read(dev, &gx), read(dev, &hx));
    agree(read(dev, &gw), read(dev, &hw));
    agree(read(dev, &gb), read(dev, &hb));
    let ([mut gx, mut gw, mut gb], [mut hx, mut hw, mut hb]) = (start(), start());
    dev.normalize_given_backward(over, eps, &x, &ours, &weight, &gy, &mut gx, &mut gw, &mut gb).unwrap();
    composed::normalize_given_backward(dev, over, eps, &x, &ours, &weight, &gy, &mut hx, &mut hw, &mut hb).unwrap();
    agree(read(dev, &gx), read(dev, &hx));
    agree(read(dev, &gw), read(dev, &hw));
    agree(read(dev, &gb), read(dev, &hb));
}

fn stacking<E: Element, D: VisionDevice<E>>(dev: &D, [batch, len, first, steps]: [usize; 4], seed: u64) {
    let time = first + steps;
    let given: Vec<Tensor<(usize, usize), E, D>> =
        (0..steps as u64).map(|step| tensor(dev, (batch, len), seed ^ step)).collect();
    let y = dev.stack_time(first, &given, (batch, time, len)).unwrap();
    agree(y.as_vec(), composed::stack_time(dev, first, &given, (batch, time, len)).unwrap().as_vec());
    let gy = buffer(dev, batch * time * len, seed);
    for step in 0..time {
        gradients_agree(
            dev,
            batch * len,
            |gx| dev.unstack_time([batch, time, len], step, &gy, gx),
            |gx| composed::unstack_time(dev, [batch, time, len], step, &gy, gx),
        );
    }
}

fn picking<E: Element, D: VisionDevice<E>>(dev: &D, [b, c, h, w]: [usize; 4], picks: usize, seed: u64) {
    let (x, units) = (tensor::<_, E, D>(dev, (b, c, h, w), seed), c * h * w);
    let index: Vec<u32> = (0..picks as u64).map(|i| (seed.wrapping_mul(i + 1) % units as u64) as u32).collect();
    let to = (b, 1, 1, picks);
    let y = dev.gather(&index, &x, to).unwrap();
    agree(y.as_vec(), composed::gather(dev, &index, &x, to).unwrap().as_vec());
    let gy = buffer(dev, b * picks, seed);
    gradients_agree(
        dev,
        b * units,
        |gx| dev.gather_backward(&index, (b, c, h, w), &gy, gx),
        |gx| composed::gather_backward(dev, &index, (b, c, h, w), &gy, gx),
    );
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn separable_convolutions_agree(
        xd in [1usize..10, 1usize..20, 1usize..9, 1usize..20], outs in 1usize..20, biased: bool, seed in 0u64..999,
    ) {
        separable::<f32, _>(&device(), xd, outs, biased, seed);
        separable::<f64, _>(&device(), xd, outs, biased, seed);
    }

    #[test]
    fn convolutions_agree(shown in convolutions(), biased: bool, add: bool, with_gx: bool) {
        convolution::<f32, _>(&device(), &shown, biased, add, with_gx);
        convolution::<f64, _>(&device(), &shown, biased, add, with_gx);
    }

    #[test]
    fn pools_agree((window, dims) in pools(), seed: u64) {
        pooling::<f32, _>(&device(), window, &ties(&device(), dims, seed), seed);
        pooling::<f64, _>(&device(), window, &ties(&device(), dims, seed), seed);
        pooling::<f64, _>(&device(), window, &tensor(&device(), sizes(dims), seed), seed);
    }

    #[test]
    fn resizes_agree(
        b in 1usize..3, c in 1usize..3, h in 1usize..8, w in 1usize..8, rows in 1usize..12, columns in 1usize..12,
        add: bool, seed: u64,
    ) {
        resizing::<f32, _>(&device(), [b, c, h, w], [rows, columns], add, seed);
        resizing::<f64, _>(&device(), [b, c, h, w], [rows, columns], add, seed);
    }

    #[test]
    fn leaky_steps_agree(rate in 0.01f64..1.0, with_h: bool, relu: bool, seed: u64) {
        leaking::<f32, _>(&device(), rate, with_h, relu, seed);
        leaking::<f64, _>(&device(), rate, with_h, relu, seed);
    }

    #[test]
    fn elementwise_operations_agree(k in 0.1f64..2.0, n in 0.5f64..3.0, seed: u64) {
        elementwise::<f32, _>(&device(), k, n, seed);
        elementwise::<f64, _>(&device(), k, n, seed);
    }

    #[test]
    fn picks_agree(b in 1usize..3, c in 1usize..4, h in 1usize..5, w in 1usize..5, picks in 1usize..40, seed: u64) {
        picking::<f32, _>(&device(), [b, c, h, w], picks, seed);
        picking::<f64, _>(&device(), [b, c, h, w], picks, seed);
    }

    #[test]
    fn biases_and_norms_agree(
        b in 1usize..4, groups in 1usize..3, c in 1usize..3, h in 1usize..5, w in 1usize..5, whole: bool, seed: u64,
    ) {
        let (dims, over) = ([b, groups * c, h, w], if whole { Over::Batch } else { Over::Groups(groups) });
        biasing::<f32, _>(&device(), dims, seed);
        biasing::<f64, _>(&device(), dims, seed);
        normalizing::<f32, _>(&device(), over, dims, seed);
        normalizing::<f64, _>(&device(), over, dims, seed);
    }

    #[test]
    fn stacks_agree(b in 1usize..4, len in 1usize..6, first in 0usize..3, steps in 1usize..4, seed: u64) {
        stacking::<f32, _>(&device(), [b, len, first, steps], seed);
        stacking::<f64, _>(&device(), [b, len, first, steps], seed);
    }
}

/// Wide enough for the kernels that small convolutions do not reach.
#[test]
fn wide_convolutions_agree() {
    let same = Conv::new(Window::same(3, 1));
    let convs = [same, Conv::new(Window::same(3, 2)), Conv::new(Window::same(5, 1)), Conv::new(Window::POINT)];
    for (seed, conv) in (0..).zip(convs.into_iter().chain([same.bordered(Border::Reflect), same.grouped(2)])) {
        let shown = Shown::new(conv, [2, 9, 13], 36, 34, seed);
        convolution::<f32, _>(&device(), &shown, true, true, true);
        convolution::<f64, _>(&device(), &shown, true, true, true);
    }
}

#[test]
fn numbers_at_the_edge_agree() {
    let dev = device();
    let edge = [0.0, -0.0, 1e-7, -1e-7, 2e6, -2e6, 1e-6, f64::NAN, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY];
    let x: Maps = dev.tensor_from_vec(edge.to_vec(), (1, 2, 2, 3));
    let same = |a: &[f64], b: &[f64]| {
        assert!(a.iter().zip(b).all(|(a, b)| a == b || a.is_nan() && b.is_nan()), "{a:?} is not {b:?}");
    };
    same(&dev.relu(x.clone()).unwrap().as_vec(), &composed::relu(&dev, x.clone()).unwrap().as_vec());
    let (y, z) = (dev.supralinear(0.8, 2.0, &x).unwrap(), composed::supralinear(&dev, 0.8, 2.0, &x).unwrap());
    same(&y.as_vec(), &z.as_vec());
    let step = |relu| dev.leaky(0.5, x.clone(), None, relu).unwrap();
    same(&step(true).as_vec(), &composed::leaky(&dev, 0.5, x.clone(), None, true).unwrap().as_vec());
    let window = Window::same(3, 1);
    let (y, _) = dev.max_pool2d(window, &x, false, None).unwrap();
    same(&y.as_vec(), &composed::max_pool2d(&dev, window, &x).unwrap().as_vec());
    let (mut g, mut h) = (buffer::<f64, Dev>(&dev, 12, 3), buffer::<f64, Dev>(&dev, 12, 3));
    dev.relu_backward(&x, &mut g).unwrap();
    composed::relu_backward(&dev, &x, &mut h).unwrap();
    same(&read::<f64, _>(&dev, &g), &read::<f64, _>(&dev, &h));
}

/// A kernel trait can be called by anyone: with views it gives what the contiguous tensor gives, or an error, and reads and
/// writes nothing else.
#[test]
fn views_are_right_or_refused() {
    let dev = device();
    let one: Tensor<(usize, usize, usize, usize), f64, _> = dev.tensor_from_vec(vec![0.7], (1, 1, 1, 1));
    let one: Tensor<Rank0, f64, _> = one.reshape_like(&());
    let everywhere = one.broadcast_like::<_, Axes4<0, 1, 2, 3>>(&(2, 4, 6, 5));
    let turned = tensor::<_, f64, _>(&dev, (4, 2, 6, 5), 3).permute::<_, Axes4<1, 0, 2, 3>>();
    let (window, conv) = (Window::same(3, 2), Conv::new(Window::same(3, 1)));
    for x in [everywhere, turned] {
        #[cfg(not(feature = "cuda"))]
        assert!(dynvision::kernels::view(&x).is_none());
        let flat = x.clone().contiguous();
        let same = |a: MapsOf<f64, Dev>, b: MapsOf<f64, Dev>| assert_eq!(a.as_vec(), b.as_vec());
        same(dev.max_pool2d(window, &x, false, None).unwrap().0, dev.max_pool2d(window, &flat, false, None).unwrap().0);
        same(dev.avg_pool2d(window, &x).unwrap(), dev.avg_pool2d(window, &flat).unwrap());
        same(dev.resize(&x, 3, 9, None).unwrap(), dev.resize(&flat, 3, 9, None).unwrap());
        same(dev.relu(x.clone()).unwrap(), dev.relu(flat.clone()).unwrap());
        same(dev.add(x.clone(), &x).unwrap(), dev.add(flat.clone(), &flat).unwrap());
        same(dev.gain(&x, &x).unwrap(), dev.gain(&flat, &flat).unwrap());
        same(
            dev.leaky(0.3, x.clone(), Some(&x), true).unwrap(),
            dev.leaky(0.3, flat.clone(), Some(&flat), true).unwrap(),
        );
        let w: MapsOf<f64, Dev> = tensor(&dev, (3, 3, 4, 2), 9).permute::<_, Axes4<3, 2, 0, 1>>();
        let (cache, fresh) = Default::default();
        let y = dev.conv2d(&conv, &x, &w, None, &cache, None, None).unwrap();
        same(y, dev.conv2d(&conv, &flat, &w.clone().contiguous(), None, &fresh, None, None).unwrap());
        let (mut gx, mut gw, gy) = (buffer(&dev, 1, 1), buffer(&dev, 72, 2), buffer(&dev, 120, 3));
        let back = dev.conv2d_backward(&conv, &x, &w, &cache, (2, 2, 6, 5), &gy, Some(&mut gx), &mut gw, None, false);
        assert!(back.is_err());
        let (pooled, chosen) = dev.max_pool2d(window, &flat, true, None).unwrap();
        let gy = buffer(&dev, pooled.shape().num_elements(), 4);
        assert!(dev.max_pool2d_backward(window, &x, &chosen.unwrap(), *pooled.shape(), &gy, &mut gx).is_err());
        assert!(
            dev.avg_pool2d_backward(window, (2, 4, 6, 5), *pooled.shape(), &gy, &mut gx).is_err(),
            "a short gradient"
        );
    }
}
