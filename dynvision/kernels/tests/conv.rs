//! Every path against loops that are written down from the definition, in f64.
//!
//! They are here, and not beside the convolutions, so that these are compiled and optimised once.

#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use dynvision_kernels::conv::{Accumulate, Algorithm, Filter, FilterGradient, WeightCache};
use dynvision_kernels::geometry::{Border, Conv, Window};
use dynvision_kernels::leaky::Step;
use dynvision_kernels::{Kernels, isa};
use proptest::prelude::*;

/// A geometry with its numbers.
#[derive(Clone, Debug)]
struct Case {
    conv: Conv,
    xd: [usize; 4],
    wd: [usize; 4],
    yd: [usize; 4],
    seed: u64,
}

impl Case {
    fn new(conv: Conv, images: usize, ins: usize, outs: usize, dims: [usize; 2], seed: u64) -> Case {
        let (k, [h, w]) = (conv.window.kernel, dims);
        let yd = [images, outs, conv.window.output_len(h), conv.window.output_len(w)];
        Case { conv, xd: [images, ins, h, w], wd: [outs, ins / conv.groups, k, k], yd, seed }
    }

    fn values<E: Kernels>(&self, dims: [usize; 4], salt: u64) -> Vec<E> {
        let mut state = self.seed.wrapping_mul(0x9e3779b97f4a7c15) ^ salt.wrapping_mul(0xd1b54a32d192ed03);
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            E::narrow(((state >> 40) as f64 / (1u64 << 23) as f64 - 1.0) as f32 as f64)
        };
        (0..dims.iter().product()).map(|_| next()).collect()
    }

    /// Calls `each(x, w, y)` for every product that the definition sums up, with indices into the three tensors.
    fn each_product(&self, mut each: impl FnMut(usize, usize, usize)) {
        let Conv { window, groups, border } = self.conv;
        let ([images, ins, h, w], [outs, inner, k, _], [.., oh, ow]) = (self.xd, self.wd, self.yd);
        let source = |place: usize, tap: usize, dim: usize| {
            let at = (place * window.stride + tap * window.dilation) as isize - window.padding as isize;
            let last = dim as isize - 1;
            let at = match border {
                Border::Reflect if at < 0 => -at,
                Border::Reflect if at > last => 2 * last - at,
                _ => at,
            };
            (0..=last).contains(&at).then_some(at as usize)
        };
        for n in 0..images {
            for o in 0..outs {
                for i in 0..inner {
                    let channel = o / (outs / groups) * inner + i;
                    for tap in 0..k * k {
                        for place in 0..oh * ow {
                            let (row, column) = (source(place / ow, tap / k, h), source(place % ow, tap % k, w));
                            if let (Some(row), Some(column)) = (row, column) {
                                let x = ((n * ins + channel) * h + row) * w + column;
                                each(x, (o * inner + i) * k * k + tap, (n * outs + o) * oh * ow + place);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Largest deviation from the definition, relative to the size that its terms sum up to, by each of the cache.
    fn deviations<E: Kernels>(&self, cache: &[WeightCache<E>], onto: To, biased: bool) -> Vec<f64> {
        let Case { xd, wd, yd, .. } = *self;
        let bd = [wd[0], 1, 1, 1];
        let (x, w, gy) = (self.values::<E>(xd, 1), self.values::<E>(wd, 2), self.values::<E>(yd, 5));
        let bias = biased.then(|| self.values::<E>(bd, 3));
        let before = self.values::<E>(yd, 4);
        let (gx0, gw0, gb0) = (self.values::<E>(xd, 6), self.values::<E>(wd, 7), self.values::<E>(bd, 8));

        let plane = (yd[2] * yd[3]).max(1);
        let mut want_y = Sums::of(before.len(), |i| {
            let bias = bias.as_ref().map_or(0.0, |bias| bias[i / plane % yd[1]].wide());
            bias + if onto == To::Nothing { 0.0 } else { before[i].wide() }
        });
        let [mut want_gx, mut want_gw, mut want_gb] =
            [&gx0, &gw0, &gb0].map(|start| Sums::of(start.len(), |i| start[i].wide()));
        self.each_product(|xi, wi, yi| {
            want_y.add(yi, x[xi].wide() * w[wi].wide());
            want_gx.add(xi, gy[yi].wide() * w[wi].wide());
            want_gw.add(wi, gy[yi].wide() * x[xi].wide());
        });
        gy.iter().enumerate().for_each(|(i, g)| want_gb.add(i / plane % yd[1], g.wide()));

        let by = |cache: &WeightCache<E>| {
            let (mut y, onto) = onto.begin(&before);
            Kernels::conv2d(&self.conv, &x, xd, &w, wd, bias.as_deref(), cache, &mut y, yd, onto).unwrap();
            let (mut gx, mut gw, mut gb) = (gx0.clone(), gw0.clone(), gb0.clone());
            let given = (Some(&mut gx[..]), Some(&mut gw[..]), Some(&mut gb[..]));
            Kernels::conv2d_backward(&self.conv, &x, xd, &w, wd, cache, &gy, yd, given.0, given.1, given.2, false)
                .unwrap();
            // each alone
            let (mut gx1, mut gw1) = (gx0.clone(), gw0.clone());
            for (gx, gw) in [(Some(&mut gx1[..]), None), (None, Some(&mut gw1[..]))] {
                Kernels::conv2d_backward(&self.conv, &x, xd, &w, wd, cache, &gy, yd, gx, gw, None, false).unwrap();
            }
            let all = [(&want_gx, &gx), (&want_gx, &gx1), (&want_gw, &gw), (&want_gw, &gw1), (&want_gb, &gb)];
            all.iter().map(|(want, found)| want.deviation(found)).fold(want_y.deviation(&y), f64::max)
        };
        cache.iter().map(by).collect()
    }

    /// The same for one.
    fn deviation<E: Kernels>(&self, cache: WeightCache<E>, onto: To, biased: bool) -> f64 {
        self.deviations(&[cache], onto, biased)[0]
    }

    /// The largest of some algorithms with all instruction sets.
    fn worst(&self, algorithms: &[Algorithm], onto: To, biased: bool) -> f64 {
        let isas = isa::available();
        let cache = algorithms.iter().flat_map(|&a| isas.iter().map(move |&isa| WeightCache::<f32>::forced(a, isa)));
        self.deviations(&cache.collect::<Vec<_>>(), onto, biased).into_iter().fold(0.0, f64::max)
    }
}

/// What a convolution is added to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum To {
    Nothing,
    Output,
    Values,
}

impl To {
    /// What the output holds before, and what is added to it, where `before` is given.
    fn begin<E: Kernels>(self, before: &[E]) -> (Vec<E>, Accumulate<'_, E>) {
        let none = || vec![E::nan(); before.len()];
        match self {
            To::Nothing => (none(), Accumulate::Nothing),
            To::Output => (before.to_vec(), Accumulate::Output),
            To::Values => (none(), Accumulate::Values(before)),
        }
    }
}

fn to() -> impl Strategy<Value = To> {
    prop_oneof![Just(To::Nothing), Just(To::Output), Just(To::Values)]
}

/// Sums with the sums of their terms' sizes.
struct Sums(Vec<(f64, f64)>);

impl Sums {
    fn of(len: usize, start: impl Fn(usize) -> f64) -> Self {
        Sums((0..len).map(|i| (start(i), start(i).abs())).collect())
    }

    fn add(&mut self, at: usize, term: f64) {
        self.0[at].0 += term;
        self.0[at].1 += term.abs();
    }

    /// Adds a sum times a number.
    fn add_scaled(&mut self, at: usize, (sum, size): (f64, f64), by: f64) {
        self.0[at].0 += sum * by;
        self.0[at].1 += size * by.abs();
    }

    fn deviation<E: Kernels>(&self, got: &[E]) -> f64 {
        let each = self.0.iter().zip(got).map(|(&(want, size), got)| {
            let off = (got.wide() - want).abs() / size.max(1.0);
            if off.is_nan() { f64::INFINITY } else { off }
        });
        each.fold(0.0, f64::max)
    }
}

/// A step after a convolution: its rate, whether there is a state, and whether it is rectified.
#[derive(Clone, Copy, Debug)]
struct Leaky {
    rate: f64,
    has_state: bool,
    relu: bool,
}

impl Leaky {
    fn step<E: Kernels>(self, h: &[E]) -> Step<'_, E> {
        Step { rate: E::narrow(self.rate), h: self.has_state.then_some(h), relu: self.relu }
    }
}

fn leaky() -> impl Strategy<Value = Leaky> {
    (0.05f64..1.0, any::<bool>(), any::<bool>()).prop_map(|(rate, has_state, relu)| Leaky { rate, has_state, relu })
}

fn same_bits<E: Kernels>(a: &[E], b: &[E]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.wide().to_bits() == b.wide().to_bits())
}

/// All algorithms with all instruction sets, also where they are not made for a geometry.
fn all_caches() -> Vec<WeightCache<f32>> {
    let algorithms = [
        Algorithm::Auto,
        Algorithm::Portable,
        Algorithm::Implicit,
        Algorithm::Depthwise,
        Algorithm::Winograd2,
        Algorithm::Winograd2x4,
        Algorithm::Winograd4,
    ];
    let isas = isa::available();
    algorithms.iter().flat_map(|&a| isas.iter().map(move |&isa| WeightCache::forced(a, isa))).collect()
}

impl Case {
    /// Whether a step is taken with the output to the bit as it is alone.
    fn steps<E: Kernels>(&self, cache: &WeightCache<E>, onto: To, biased: bool, leaky: Leaky) -> bool {
        let Case { xd, wd, yd, ref conv, .. } = *self;
        let (x, w, before) = (self.values::<E>(xd, 1), self.values::<E>(wd, 2), self.values::<E>(yd, 4));
        let (bias, h) = (self.values::<E>([wd[0], 1, 1, 1], 3), self.values::<E>(yd, 9));
        let (bias, step) = (biased.then_some(&bias[..]), leaky.step(&h));
        let ((mut want, onto), (mut y, _)) = (onto.begin(&before), onto.begin(&before));
        Kernels::conv2d(conv, &x, xd, &w, wd, bias, cache, &mut want, yd, onto).unwrap();
        E::leaky(step.rate, &mut want, step.h, step.relu).unwrap();
        Kernels::conv2d_leaky(Filter { conv, w: &w, wd, bias, cache }, &x, xd, &mut y, yd, onto, step).unwrap();
        same_bits(&y, &want)
    }
}

/// Any geometry that is small enough for the loops.
fn cases() -> impl Strategy<Value = Case> {
    let window = (1usize..6, 1usize..4, 0usize..4, 1usize..3);
    let sizes = (1usize..4, 1usize..4, 1usize..6, 1usize..6, 1usize..14, 1usize..20);
    (window, sizes, any::<bool>(), any::<u64>()).prop_map(|(window, sizes, reflect, seed)| {
        let (kernel, stride, padding, dilation) = window;
        let (images, groups, ins, outs, h, w) = sizes;
        let padding = if reflect { padding.min(h - 1).min(w - 1) } else { padding };
        let window = Window::new(kernel, stride, padding).dilated(dilation);
        let border = if reflect { Border::Reflect } else { Border::Zero };
        let conv = Conv::new(window).grouped(groups).bordered(border);
        Case::new(conv, images, ins * groups, outs * groups, [h, w], seed)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_geometry_in_f64(case in cases(), onto in to(), biased: bool) {
        prop_assert!(case.deviation::<f64>(WeightCache::default(), onto, biased) < 1e-14);
    }

    #[test]
    fn any_geometry_by_matrix_products(case in cases(), onto in to(), biased: bool) {
        prop_assert!(case.deviation::<f32>(WeightCache::with_algorithm(Algorithm::Portable), onto, biased) < 2e-6);
    }

    #[test]
    fn any_geometry_by_implicit_products(case in cases(), onto in to(), biased: bool) {
        prop_assert!(case.worst(&[Algorithm::Implicit], onto, biased) < 2e-6);
    }
}

/// A 3x3 convolution at stride 1 or 2.
fn winograd_cases() -> impl Strategy<Value = Case> {
    let sizes = (1usize..4, 1usize..22, 1usize..22, 1usize..20, 1usize..40);
    let window = (1usize..3, 0usize..3);
    (sizes, window, any::<bool>(), any::<u64>()).prop_map(|((images, ins, outs, h, w), window, reflect, seed)| {
        let (stride, padding) = if window.0 == 2 { (2, 1) } else { window };
        let padding = if reflect { padding.min(h - 1).min(w - 1) } else { padding };
        let border = if reflect { Border::Reflect } else { Border::Zero };
        Case::new(Conv::new(Window::new(3, stride, padding)).bordered(border), images, ins, outs, [h, w], seed)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn three_by_three_by_winograd(case in winograd_cases(), onto in to(), biased: bool) {
        prop_assert!(case.worst(&[Algorithm::Winograd2, Algorithm::Winograd2x4], onto, biased) < 5e-6);
    }

    #[test]
    fn three_by_three_by_larger_tiles_of_winograd(case in winograd_cases(), onto in to(), biased: bool) {
        prop_assert!(case.worst(&[Algorithm::Winograd4], onto, biased) < 2e-5);
    }
}

/// Geometries with many channels, where blocks of channels and tiles of registers are full, at widths with and without
/// whole vectors.
#[test]
fn wide_geometries_by_every_algorithm() {
    let shapes = [(1, 36, 36, 32), (2, 64, 40, 16), (5, 121, 13, 8), (3, 17, 256, 4), (9, 20, 24, 5), (1, 19, 121, 48)];
    for (i, (images, ins, outs, side)) in shapes.into_iter().enumerate() {
        for (window, groups) in [(Window::same(3, 1), 1), (Window::same(3, 2), 1), (Window::new(1, 1, 0), 1)] {
            let case = Case::new(Conv::new(window).grouped(groups), images, ins, outs, [side, side + i % 2], i as u64);
            let algorithms = [Algorithm::Portable, Algorithm::Implicit, Algorithm::Winograd2, Algorithm::Winograd2x4];
            let onto = [To::Nothing, To::Output, To::Values][i % 3];
            let deviation = case.worst(&algorithms, onto, true);
            assert!(deviation < 2e-6, "{case:?}: {deviation}");
            let deviation = case.worst(&[Algorithm::Winograd4], onto, true);
            assert!(deviation < 6e-6, "{case:?}: {deviation}");
        }
    }
}

/// Gradients of weights of which tasks share the transformed tiles: several groups of images of which the last is smaller,
/// several chunks of an image, and more than are transformed at a time.
#[test]
fn tiles_that_tasks_share() {
    for (images, ins, outs, dims) in [(20, 40, 24, [8, 8]), (3, 16, 20, [40, 44]), (6, 64, 40, [32, 32])] {
        for stride in [1, 2] {
            let case = Case::new(Conv::new(Window::same(3, stride)), images, ins, outs, dims, 7);
            let deviation = case.worst(&[Algorithm::Winograd2, Algorithm::Winograd2x4], To::Nothing, false);
            assert!(deviation < 2e-6, "{images} images at stride {stride}: {deviation}");
        }
    }
}

/// Rounding over many channels: Winograd's tiles of 2x4 are as exact as a sum of products one after the other.
#[test]
fn tiles_of_two_by_four_round_like_a_sum_of_products() {
    let case = Case::new(Conv::new(Window::same(3, 1)), 2, 64, 16, [16, 16], 5);
    let (x, w) = (case.values::<f32>(case.xd, 1), case.values::<f32>(case.wd, 2));
    let len: usize = case.yd.iter().product();
    let (mut exact, mut one_by_one) = (vec![0.0f64; len], vec![0.0f32; len]);
    case.each_product(|xi, wi, yi| {
        exact[yi] += f64::from(x[xi]) * f64::from(w[wi]);
        one_by_one[yi] += x[xi] * w[wi];
    });
    let error = |y: &[f32]| {
        let squares: f64 = y.iter().zip(&exact).map(|(&y, exact)| (f64::from(y) - exact).powi(2)).sum();
        (squares / len as f64).sqrt()
    };
    let by = |algorithm| {
        let mut y = vec![0.0; len];
        let cache = WeightCache::with_algorithm(algorithm);
        Kernels::conv2d(&case.conv, &x, case.xd, &w, case.wd, None, &cache, &mut y, case.yd, Accumulate::Nothing)
            .unwrap();
        error(&y)
    };
    let (plain, two_by_four, four) = (error(&one_by_one), by(Algorithm::Winograd2x4), by(Algorithm::Winograd4));
    assert!(two_by_four < 1.5 * plain, "{two_by_four:e} where products one by one are off by {plain:e}");
    assert!(four < 3.0 * plain, "{four:e} where products one by one are off by {plain:e}");
}

/// A convolution with one or two kernels to each channel.
fn depthwise_cases() -> impl Strategy<Value = Case> {
    let sizes = (1usize..4, 1usize..12, 1usize..3, 1usize..20, 1usize..40);
    let window = (1usize..6, 1usize..4, 0usize..4, 1usize..3);
    (sizes, window, any::<bool>(), any::<u64>()).prop_map(|(sizes, window, reflect, seed)| {
        let ((images, channels, outs, h, w), (kernel, stride, padding, dilation)) = (sizes, window);
        let padding = if reflect { padding.min(h - 1).min(w - 1) } else { padding };
        let border = if reflect { Border::Reflect } else { Border::Zero };
        let conv = Conv::new(Window::new(kernel, stride, padding).dilated(dilation)).grouped(channels).bordered(border);
        Case::new(conv, images, channels, outs * channels, [h, w], seed)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn one_kernel_to_a_channel(case in depthwise_cases(), onto in to(), biased: bool) {
        prop_assert!(case.worst(&[Algorithm::Depthwise], onto, biased) < 2e-6);
    }
}

/// A convolution and another one of what it makes.
#[derive(Clone, Debug)]
struct Pair(Case, Case);

impl Pair {
    /// A kernel for each channel, then one of single places.
    fn separable(window: Window, images: usize, ins: usize, outs: usize, dims: [usize; 2], seed: u64) -> Pair {
        let near = Case::new(Conv::new(window).grouped(ins), images, ins, ins, dims, seed);
        let dims = [near.yd[2], near.yd[3]];
        Pair(near, Case::new(Conv::new(Window::POINT), images, ins, outs, dims, seed + 1))
    }

    /// What `write` writes of both filters, the input, and what is added to.
    fn written<E: Kernels>(
        &self,
        caches: [&WeightCache<E>; 2],
        onto: To,
        biased: [bool; 2],
        write: impl FnOnce([Filter<'_, E>; 2], &[E], &mut [E], Accumulate<'_, E>),
    ) -> Vec<E> {
        let Pair(near, point) = self;
        let (x, before) = (near.values::<E>(near.xd, 1), point.values::<E>(point.yd, 4));
        let weights =
            [near, point].map(|case| (case.values::<E>(case.wd, 2), case.values::<E>([case.wd[0], 1, 1, 1], 3)));
        let filter = |i: usize| {
            let (case, (w, bias)) = ([near, point][i], &weights[i]);
            Filter { conv: &case.conv, w, wd: case.wd, bias: biased[i].then_some(&bias[..]), cache: caches[i] }
        };
        let (mut y, onto) = onto.begin(&before);
        write([filter(0), filter(1)], &x, &mut y, onto);
        y
    }

    fn run<E: Kernels>(&self, caches: [&WeightCache<E>; 2], onto: To, biased: [bool; 2]) -> Vec<E> {
        self.written(caches, onto, biased, |filters, x, y, onto| {
            Kernels::separable_conv2d(filters, x, self.0.xd, y, self.1.yd, onto).unwrap();
        })
    }

    /// Whether a step is taken with the output to the bit as it is alone.
    fn steps<E: Kernels>(&self, caches: [&WeightCache<E>; 2], onto: To, biased: [bool; 2], leaky: Leaky) -> bool {
        let Pair(near, point) = self;
        let h = point.values::<E>(point.yd, 9);
        let step = leaky.step(&h);
        let y = self.written(caches, onto, biased, |filters, x, y, onto| {
            Kernels::separable_conv2d_leaky(filters, x, near.xd, y, point.yd, onto, step).unwrap();
        });
        let mut want = self.run(caches, onto, biased);
        E::leaky(step.rate, &mut want, step.h, step.relu).unwrap();
        same_bits(&y, &want)
    }

    /// Deviation from the definitions, one after the other, relative to the size that their terms sum up to.
    fn deviation<E: Kernels>(&self, caches: [&WeightCache<E>; 2], onto: To, biased: [bool; 2]) -> f64 {
        let Pair(near, point) = self;
        let (x, before) = (near.values::<E>(near.xd, 1), point.values::<E>(point.yd, 4));
        let [near_w, w] = [near, point].map(|case| case.values::<E>(case.wd, 2));
        let [near_bias, bias] = [near, point].map(|case| case.values::<E>([case.wd[0], 1, 1, 1], 3));
        let start = |biased: bool, bias: &[E], [.., h, w]: [usize; 4], i: usize| {
            if biased { bias[i / (h * w) % bias.len()].wide() } else { 0.0 }
        };
        let mut between = Sums::of(near.yd.iter().product(), |i| start(biased[0], &near_bias, near.yd, i));
        near.each_product(|xi, wi, yi| between.add(yi, x[xi].wide() * near_w[wi].wide()));
        let mut want = Sums::of(before.len(), |i| {
            start(biased[1], &bias, point.yd, i) + if onto == To::Nothing { 0.0 } else { before[i].wide() }
        });
        point.each_product(|xi, wi, yi| want.add_scaled(yi, between.0[xi], w[wi].wide()));
        want.deviation(&self.run(caches, onto, biased))
    }

    /// The gradients of input, weights and biases, each with what it is added to.
    fn gradients<E: Kernels>(&self, caches: [&WeightCache<E>; 2], biased: [bool; 2]) -> [Vec<E>; 5] {
        let Pair(near, point) = self;
        let (x, gy) = (near.values::<E>(near.xd, 1), point.values::<E>(point.yd, 5));
        let weights =
            [near, point].map(|case| (case.values::<E>(case.wd, 2), case.values::<E>([case.wd[0], 1, 1, 1], 3)));
        let filter = |i: usize| {
            let (case, (w, bias)) = ([near, point][i], &weights[i]);
            Filter { conv: &case.conv, w, wd: case.wd, bias: biased[i].then_some(&bias[..]), cache: caches[i] }
        };
        let [mut gx, mut gw, mut gv, mut ga, mut gb] = self.before();
        let first = FilterGradient { w: &mut gw, bias: biased[0].then_some(&mut ga[..]) };
        let second = FilterGradient { w: &mut gv, bias: biased[1].then_some(&mut gb[..]) };
        let (filters, gradients) = ([filter(0), filter(1)], [first, second]);
        Kernels::separable_conv2d_backward(filters, &x, near.xd, &gy, point.yd, &mut gx, gradients).unwrap();
        Kernels::conv2d_collect(caches[0], &mut gw).unwrap();
        Kernels::conv2d_collect(caches[1], &mut gv).unwrap();
        [gx, gw, gv, ga, gb]
    }

    /// What gradients are added to.
    fn before<E: Kernels>(&self) -> [Vec<E>; 5] {
        let Pair(near, point) = self;
        let [of_first, of_second] = [near, point].map(|case| [case.wd, [case.wd[0], 1, 1, 1]]);
        [near.xd, of_first[0], of_second[0], of_first[1], of_second[1]].map(|dims| near.values(dims, 6))
    }

    /// Deviation of the gradients from the definitions, one after the other.
    fn deviation_of_gradients<E: Kernels>(&self, caches: [&WeightCache<E>; 2], biased: [bool; 2]) -> f64 {
        let Pair(near, point) = self;
        let (x, gy) = (near.values::<E>(near.xd, 1), point.values::<E>(point.yd, 5));
        let [w, v] = [near, point].map(|case| case.values::<E>(case.wd, 2));
        let bias = near.values::<E>([near.wd[0], 1, 1, 1], 3);
        let [near_plane, plane] = [near, point].map(|case| case.yd[2] * case.yd[3]);
        let start = |i: usize| if biased[0] { bias[i / near_plane % bias.len()].wide() } else { 0.0 };
        let mut between = Sums::of(near.yd.iter().product(), start);
        near.each_product(|xi, wi, yi| between.add(yi, x[xi].wide() * w[wi].wide()));
        let [mut gx, mut gw, mut gv, mut ga, mut gb] =
            self.before::<E>().map(|before| Sums::of(before.len(), |i| before[i].wide()));
        let mut gradient = Sums::of(between.0.len(), |_| 0.0);
        point.each_product(|mi, vi, yi| {
            gradient.add(mi, gy[yi].wide() * v[vi].wide());
            gv.add_scaled(vi, between.0[mi], gy[yi].wide());
        });
        near.each_product(|xi, wi, mi| {
            gx.add_scaled(xi, gradient.0[mi], w[wi].wide());
            gw.add_scaled(wi, gradient.0[mi], x[xi].wide());
        });
        for (i, &sum) in gradient.0.iter().enumerate().filter(|_| biased[0]) {
            ga.add_scaled(i / near_plane % near.yd[1], sum, 1.0);
        }
        gy.iter().enumerate().filter(|_| biased[1]).for_each(|(i, g)| gb.add(i / plane % point.yd[1], g.wide()));
        let found = self.gradients(caches, biased);
        [gx, gw, gv, ga, gb].iter().zip(&found).map(|(want, found)| want.deviation(found)).fold(0.0, f64::max)
    }

    /// The largest deviation with all instruction sets, of the result or of gradients.
    fn worst(&self, onto: To, biased: [bool; 2]) -> f64 {
        let isas = isa::available().into_iter();
        let each = isas.map(|isa| {
            let caches = [(); 2].map(|()| WeightCache::<f32>::forced(Algorithm::Auto, isa));
            let caches = [&caches[0], &caches[1]];
            self.deviation(caches, onto, biased).max(self.deviation_of_gradients(caches, biased))
        });
        each.fold(0.0, f64::max)
    }
}

/// Two convolutions of which the first mostly keeps the size of the maps, with any kernel.
fn pairs() -> impl Strategy<Value = Pair> {
    let window = (1usize..9, 1usize..3, prop_oneof![9 => Just(true), 1 => Just(false)]);
    let sizes = (1usize..20, 1usize..30, 1usize..30, 1usize..20, 1usize..40);
    (window, sizes, any::<u64>()).prop_map(|((kernel, dilation, keeps), (images, ins, outs, h, w), seed)| {
        let padding = if keeps { dilation * (kernel - 1) / 2 } else { kernel };
        let window = Window::new(kernel, 1, padding).dilated(dilation);
        let reach = (window.extent() - 1).saturating_sub(2 * padding);
        Pair::separable(window, images, ins, outs, [h + reach, w + reach], seed >> 1)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_kernel_to_a_channel_before_single_places(pair in pairs(), onto in to(), biased: [bool; 2]) {
        prop_assert!(pair.worst(onto, biased) < 2e-6);
    }
}

/// Whole and broken vectors, blocks that cross rows and images, many channels, and batches that tasks share.
#[test]
fn a_kernel_to_a_channel_before_single_places_of_many_sizes() {
    let same = [1, 2, 3, 5, 7, 9].map(|kernel| Window::new(kernel, 1, (kernel - 1) / 2));
    let sizes = [
        (1, 36, 36, [32, 32]),
        (16, 36, 36, [32, 32]),
        (2, 64, 40, [16, 16]),
        (5, 121, 121, [8, 8]),
        (33, 256, 70, [4, 4]),
        (1, 256, 256, [4, 4]),
        (40, 5, 9, [1, 1]),
        (9, 20, 24, [3, 1]),
        (7, 13, 300, [5, 7]),
        (1, 19, 121, [48, 17]),
        (2, 3, 2, [20, 64]),
        (3, 1, 1, [9, 16]),
        (70, 2, 5, [1, 3]),
    ];
    for (i, (images, ins, outs, dims)) in sizes.into_iter().enumerate() {
        for (k, window) in [same[2], same[i % 6]].into_iter().enumerate() {
            let onto = [To::Nothing, To::Output, To::Values][(i + k) % 3];
            let pair = Pair::separable(window, images, ins, outs, [dims[0] + k % 2, dims[1]], i as u64);
            let deviation = pair.worst(onto, [i % 2 == 0, k == 0]);
            assert!(deviation < 2e-6, "{pair:?}: {deviation}");
        }
    }
    // with what no kernel is made for: two convolutions
    let pair = Pair::separable(Window::same(3, 1), 2, 6, 5, [9, 8], 3);
    let wide = [(); 2].map(|()| WeightCache::<f64>::default());
    assert!(pair.deviation([&wide[0], &wide[1]], To::Values, [true; 2]) < 1e-14);
    assert!(pair.deviation_of_gradients([&wide[0], &wide[1]], [true; 2]) < 1e-14);
    for algorithm in [Algorithm::Portable, Algorithm::Implicit, Algorithm::Depthwise] {
        let caches = [(); 2].map(|()| WeightCache::<f32>::with_algorithm(algorithm));
        assert!(pair.deviation([&caches[0], &caches[1]], To::Output, [true; 2]) < 2e-6);
        assert!(pair.deviation_of_gradients([&caches[0], &caches[1]], [true; 2]) < 2e-6);
    }
    let (a, b) = (Conv::new(Window::new(3, 2, 1)), Conv::new(Window::same(3, 2)).grouped(3));
    let first = Case::new(a, 2, 4, 6, [9, 8], 1);
    let second = Case::new(b, 2, 6, 9, [first.yd[2], first.yd[3]], 2);
    let caches = [(); 2].map(|()| WeightCache::<f32>::default());
    let (pair, caches) = (Pair(first, second), [&caches[0], &caches[1]]);
    assert!(pair.deviation(caches, To::Values, [false; 2]) < 2e-6);
    assert!(pair.deviation_of_gradients(caches, [false; 2]) < 2e-6);
}

/// A window that stands at one place may have any stride.
#[test]
fn strides_that_step_over_all_of_a_map() {
    for stride in [2, 3, 63, 64, 1 << 20] {
        // a single place, of which the second convolution has any stride
        let near = Case::new(Conv::new(Window::same(3, 1)).grouped(3), 2, 3, 3, [1, 1], 6);
        let pair = Pair(near, Case::new(Conv::new(Window::new(1, stride, 0)), 2, 3, 4, [1, 1], 7));
        let deviation = pair.worst(To::Output, [true; 2]);
        assert!(deviation < 2e-6, "{stride}: {deviation}");
        let (point, dims) = (Window::new(1, stride, 0), [2, 2]);
        let each = Case::new(Conv::new(point).grouped(3), 2, 3, 3, dims, 5);
        assert!(each.worst(&[Algorithm::Auto, Algorithm::Depthwise], To::Values, true) < 2e-6, "{stride}");
        let near = Case::new(Conv::new(Window::same(3, 1)).grouped(2), 2, 2, 2, dims, 6);
        let pair = Pair(near, Case::new(Conv::new(point), 2, 2, 5, dims, 7));
        let deviation = pair.worst(To::Output, [true; 2]);
        assert!(deviation < 2e-6, "{stride}: {deviation}");
        for padding in 0..3 {
            let pair = Pair::separable(Window::new(2 * padding.max(1) - 1, stride, padding), 3, 2, 4, [1, 1], 8);
            let deviation = pair.worst(To::Output, [true; 2]);
            assert!(deviation < 2e-6, "{stride} with padding {padding}: {deviation}");
        }
    }
}

/// Geometries of every algorithm, in batches of up to several tens of images.
fn stepped_cases() -> impl Strategy<Value = Case> {
    (prop_oneof![cases(), winograd_cases(), depthwise_cases()], prop_oneof![Just(1usize), 1usize..9, 9usize..50])
        .prop_map(|(case, images)| {
            let of_batch = |[_, channels, rows, columns]: [usize; 4]| [images, channels, rows, columns];
            Case { xd: of_batch(case.xd), yd: of_batch(case.yd), ..case }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_step_after_a_convolution_is_the_step_alone(case in stepped_cases(), onto in to(), biased: bool, leaky in leaky()) {
        prop_assert!(case.steps(&WeightCache::<f64>::default(), onto, biased, leaky), "{:?}", case);
        for cache in all_caches() {
            prop_assert!(case.steps(&cache, onto, biased, leaky), "{:?} by {:?}", case, cache);
        }
    }

    #[test]
    fn a_step_after_two_convolutions_is_the_step_alone(pair in pairs(), onto in to(), biased: [bool; 2], leaky in leaky()) {
        let wide = [(); 2].map(|()| WeightCache::<f64>::default());
        prop_assert!(pair.steps([&wide[0], &wide[1]], onto, biased, leaky), "{:?}", pair);
        for isa in isa::available() {
            let caches = [(); 2].map(|()| WeightCache::<f32>::forced(Algorithm::Auto, isa));
            prop_assert!(pair.steps([&caches[0], &caches[1]], onto, biased, leaky), "{:?} by {:?}", pair, isa);
        }
    }
}

/// Batches that tasks share, an image that they share, and few tiles.
#[test]
fn tasks_take_the_step_with_what_they_wrote() {
    let leaky = Leaky { rate: 0.3, has_state: true, relu: true };
    let sizes = [(1, 36, 36, [32, 32]), (40, 20, 24, [9, 8]), (3, 256, 64, [4, 4]), (70, 64, 40, [4, 5])];
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            for (i, (images, ins, outs, dims)) in sizes.into_iter().enumerate() {
                let onto = [To::Nothing, To::Output, To::Values][i % 3];
                for window in [Window::same(3, 1), Window::same(3, 2), Window::POINT] {
                    let case = Case::new(Conv::new(window), images, ins, outs, dims, 5);
                    for cache in all_caches() {
                        assert!(case.steps(&cache, onto, true, leaky), "{case:?} by {cache:?}");
                    }
                }
                for window in [Window::same(5, 1), Window::POINT] {
                    let case = Case::new(Conv::new(window).grouped(ins), images, ins, ins, dims, 6);
                    assert!(case.steps(&WeightCache::<f32>::default(), onto, true, leaky), "{case:?}");
                }
                let caches = [(); 2].map(|()| WeightCache::<f32>::default());
                let pair = Pair::separable(Window::same(3, 1), images, ins, outs, dims, 7);
                assert!(pair.steps([&caches[0], &caches[1]], onto, [true; 2], leaky), "{pair:?}");
            }
        });
    };
    run(1);
    run(3);
}

#[test]
fn a_state_of_another_size_is_refused() {
    let (conv, cache, dims) = (Conv::new(Window::POINT), WeightCache::default(), [1, 1, 2, 2]);
    let filter = Filter { conv: &conv, w: &[1.0f32], wd: [1; 4], bias: None, cache: &cache };
    let (mut y, step) = ([7.0; 4], Step { rate: 0.5, h: Some(&[1.0; 3][..]), relu: false });
    let said = "leaky step: the input has 4 elements and the state has 3; they go together";
    let error = f32::conv2d_leaky(filter, &[1.0; 4], dims, &mut y, dims, Accumulate::Nothing, step).unwrap_err();
    assert_eq!(error.to_string(), said);
    let (x, nothing) = ([1.0; 4], Accumulate::Nothing);
    let error = f32::separable_conv2d_leaky([filter; 2], &x, dims, &mut y, dims, nothing, step).unwrap_err();
    assert_eq!(error.to_string(), said);
    assert_eq!(y, [7.0; 4], "nothing is written");
}

#[test]
fn the_number_of_threads_changes_no_bit_of_two_convolutions() {
    for (images, ins, outs, dims) in [
        (1, 36, 36, [32, 32]),
        (6, 36, 36, [32, 32]),
        (1, 256, 256, [4, 4]),
        (70, 256, 64, [4, 4]),
        (5, 121, 121, [7, 9]),
    ] {
        let pair = Pair::separable(Window::same(3, 1), images, ins, outs, dims, 8);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            let caches = [(); 2].map(|()| WeightCache::<f32>::default());
            let caches = [&caches[0], &caches[1]];
            let y = pool.install(|| pair.run(caches, To::Output, [true; 2]));
            let gradients = pool.install(|| pair.gradients(caches, [true; 2]));
            [y, gradients.concat()].concat().iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        assert!(run(1) == run(3), "{images} images of {dims:?}");
    }
}

/// A thread that waits for its helpers takes up other tasks, which ask for the same weights.
#[test]
fn tasks_of_one_pool_share_caches() {
    let pair = Pair::separable(Window::same(3, 1), 32, 64, 64, [8, 8], 8);
    let near = Case::new(Conv::new(Window::same(3, 1)), 32, 64, 64, [8, 8], 8);
    let caches = [(); 3].map(|()| WeightCache::<f32>::default());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build().unwrap();
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        pool.scope(|scope| {
            for _ in 0..48 {
                scope.spawn(|_| {
                    pair.gradients([&caches[0], &caches[1]], [false; 2]);
                    let (x, w, gy) = (near.values(near.xd, 1), near.values(near.wd, 2), near.values::<f32>(near.yd, 3));
                    let (mut gx, mut gw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
                    let (xd, wd, yd) = (near.xd, near.wd, near.yd);
                    let into = (Some(&mut gx[..]), Some(&mut gw[..]));
                    Kernels::conv2d_backward(
                        &near.conv, &x, xd, &w, wd, &caches[2], &gy, yd, into.0, into.1, None, true,
                    )
                    .unwrap();
                    f32::conv2d_collect(&caches[2], &mut gw).unwrap();
                });
            }
        });
        done.send(()).unwrap();
    });
    assert!(is_done.recv_timeout(std::time::Duration::from_secs(120)).is_ok(), "tasks wait for each other");
}

#[test]
fn what_is_between_two_convolutions_is_in_proportion() {
    let (first, second) = (Conv::new(Window::new(1, 1, 1 << 28)), Conv::new(Window::new(1, 1 << 30, 0)));
    let caches = [(); 2].map(|()| WeightCache::<f32>::default());
    let filter = |i: usize| Filter { conv: [&first, &second][i], w: &[1.0], wd: [1; 4], bias: None, cache: &caches[i] };
    let filters = [filter(0), filter(1)];
    let error = f32::separable_conv2d(filters, &[1.0], [1; 4], &mut [0.0], [1; 4], Accumulate::Nothing).unwrap_err();
    assert!(error.to_string().contains("before the second convolution"), "{error}");
    let (mut v, mut w) = ([0.0], [0.0]);
    let into = [FilterGradient { w: &mut v, bias: None }, FilterGradient { w: &mut w, bias: None }];
    f32::separable_conv2d_backward(filters, &[1.0], [1; 4], &[1.0], [1; 4], &mut [0.0], into).unwrap_err();
}

#[test]
fn two_convolutions_that_do_not_fit_are_refused() {
    let Pair(near, point) = Pair::separable(Window::same(3, 1), 2, 4, 5, [6, 7], 3);
    let cache = WeightCache::default();
    let (x, w, v, bias) = (vec![0.0f32; 2 * 4 * 42], vec![0.0; 36], vec![0.0; 20], vec![0.0; 4]);
    let mut y = vec![7.0; 2 * 5 * 42];
    let mut refused =
        |x: &[f32], [w, v]: [&[f32]; 2], [a, b]: [&[f32]; 2], vd: [usize; 4], len: usize, values: usize| {
            let first = Filter { conv: &near.conv, w, wd: near.wd, bias: Some(a), cache: &cache };
            let second = Filter { conv: &point.conv, w: v, wd: vd, bias: Some(b), cache: &cache };
            let onto = vec![0.0; values];
            let onto = Accumulate::Values(&onto);
            let found = Kernels::separable_conv2d([first, second], x, near.xd, &mut y[..len], point.yd, onto).is_err();
            assert!(y.iter().all(|&y| y == 7.0) || !found, "nothing is written");
            found
        };
    let (five, len) = (vec![0.0; 5], 2 * 5 * 42);
    assert!(refused(&x[1..], [&w, &v], [&bias, &five], point.wd, len, len));
    assert!(refused(&x, [&w[1..], &v], [&bias, &five], point.wd, len, len));
    assert!(refused(&x, [&w, &v[1..]], [&bias, &five], point.wd, len, len));
    assert!(refused(&x, [&w, &v], [&five, &five], point.wd, len, len));
    assert!(refused(&x, [&w, &v], [&bias, &bias], point.wd, len, len));
    assert!(refused(&x, [&w, &v], [&bias, &five], [4, 5, 1, 1], len, len));
    assert!(refused(&x, [&w, &v], [&bias, &five], [5, 4, 3, 3], len, len));
    assert!(refused(&x, [&w, &v], [&bias, &five], point.wd, len - 1, len));
    assert!(refused(&x, [&w, &v], [&bias, &five], point.wd, len, len - 1));
    assert!(!refused(&x, [&w, &v], [&bias, &five], point.wd, len, len));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let ungrouped = [(Algorithm::Portable, 7, 9), (Algorithm::Implicit, 1, 20), (Algorithm::Implicit, 7, 16)];
    let winograd = [
        (Algorithm::Winograd2, 1, 4),
        (Algorithm::Winograd2, 1, 20),
        (Algorithm::Winograd2, 9, 11),
        (Algorithm::Winograd4, 2, 8),
    ];
    let ungrouped =
        ungrouped.into_iter().chain(winograd).chain([(Algorithm::Winograd2x4, 9, 20), (Algorithm::Winograd2x4, 3, 16)]);
    let cases = ungrouped.map(|(algorithm, images, side)| (algorithm, 1, images, side));
    for (algorithm, groups, images, side) in cases.chain([(Algorithm::Depthwise, 20, 9, 12)]) {
        let case = Case::new(Conv::new(Window::same(3, 1)).grouped(groups), images, 20, 40, [side, side + 1], 3);
        let (x, w, gy) = (case.values::<f32>(case.xd, 1), case.values(case.wd, 2), case.values(case.yd, 3));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| {
                let (mut y, mut gx, mut gw) = (vec![0.0; gy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
                let cache = WeightCache::with_algorithm(algorithm);
                Kernels::conv2d(
                    &case.conv,
                    &x,
                    case.xd,
                    &w,
                    case.wd,
                    None,
                    &cache,
                    &mut y,
                    case.yd,
                    Accumulate::Nothing,
                )
                .unwrap();
                let (gx_, gw_) = (Some(&mut gx[..]), Some(&mut gw[..]));
                Kernels::conv2d_backward(
                    &case.conv, &x, case.xd, &w, case.wd, &cache, &gy, case.yd, gx_, gw_, None, false,
                )
                .unwrap();
                [y, gx, gw].concat().iter().map(|v| v.to_bits()).collect::<Vec<_>>()
            })
        };
        assert!(run(1) == run(3), "{algorithm:?} of {images} images");
    }
}

#[test]
fn gathered_gradients_of_weights_are_those_of_every_call() {
    for (images, outs, side) in [(1, 40, 20), (9, 121, 8), (3, 5, 33)] {
        let conv = Conv::new(Window::same(3, 1));
        let case = Case::new(conv, images, 20, outs, [side, side], 3);
        let (w, cache) = (case.values::<f32>(case.wd, 3), WeightCache::default());
        let (mut gathered, mut each) = (case.values::<f32>(case.wd, 4), case.values::<f32>(case.wd, 4));
        for step in 0..3 {
            let (x, gy) = (case.values::<f32>(case.xd, step), case.values::<f32>(case.yd, 9 - step));
            for (cache, gw, gather) in [(&cache, &mut gathered, true), (&WeightCache::default(), &mut each, false)] {
                Kernels::conv2d_backward(
                    &conv,
                    &x,
                    case.xd,
                    &w,
                    case.wd,
                    cache,
                    &gy,
                    case.yd,
                    None,
                    Some(gw),
                    None,
                    gather,
                )
                .unwrap();
            }
        }
        assert_eq!(gathered, case.values::<f32>(case.wd, 4), "nothing is added before it is collected");
        for _ in 0..2 {
            Kernels::conv2d_collect(&cache, &mut gathered).unwrap();
            let off = gathered.iter().zip(&each).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-6 * (images * side * side) as f32, "{off}");
        }
    }
}

#[test]
fn short_slices_are_refused() {
    let (conv, cache) = (Conv::new(Window::new(1, 1, 0)), WeightCache::default());
    let (xd, mut y) = ([1, 1, 2, 2], [7.0; 4]);
    let refused =
        Kernels::conv2d(&conv, &[0.0f32; 3], xd, &[1.0], [1; 4], None, &cache, &mut y, xd, Accumulate::Nothing);
    let said = refused.unwrap_err().to_string();
    assert_eq!(said, "convolution: the input has 3 elements, but sizes [1, 1, 2, 2] have 4");
    assert_eq!(y, [7.0; 4], "nothing is written");
}

/// Few numbers of any size, most of them absurd.
fn absurd() -> impl Strategy<Value = usize> {
    prop_oneof![0usize..6, 0usize..70, 0usize..30_000, (0u32..64).prop_map(|bits| 1usize << bits), Just(usize::MAX)]
}

fn absurd_window() -> impl Strategy<Value = Window> {
    (0usize..5, absurd(), prop_oneof![Just(0), 0usize..5, absurd()], prop_oneof![Just(1), absurd()])
        .prop_map(|(kernel, stride, padding, dilation)| Window { kernel, stride, padding, dilation })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2500))]

    #[test]
    fn absurd_windows_are_right_or_refused(
        window in absurd_window(), reflect: bool, h in 0usize..9, w in 0usize..9, images in 0usize..3, groups in 1usize..3,
    ) {
        let border = if reflect { Border::Reflect } else { Border::Zero };
        // every channel with the other one, or by itself
        let (conv, outs, of_group) = (Conv::new(window).bordered(border).grouped(groups), 4 - groups, 2 / groups);
        let out = [window.output_len(h), window.output_len(w)];
        // a result that fits in memory, and that the naive loops make in time
        prop_assume!(out[0].saturating_mul(out[1]) < 5000);
        let case = Case::new(conv, images, 2, outs, [h, w], 11);
        prop_assume!(!reflect || out.contains(&0) || window.padding < h.min(w));
        let (x, weight) = (case.values::<f64>(case.xd, 1), case.values::<f64>(case.wd, 2));
        let (gy, narrow) = (case.values::<f64>(case.yd, 3), |v: &[f64]| v.iter().map(|&v| v as f32).collect::<Vec<_>>());
        let at = |place: usize, tap: usize, dim: usize| -> Option<usize> {
            let at = place as i128 * window.stride as i128 + tap as i128 * window.dilation as i128 - window.padding as i128;
            let dim = dim as i128;
            match at {
                at if (0..dim).contains(&at) => Some(at as usize),
                _ if !reflect => None,
                at if at < 0 => Some(-at as usize),
                at => Some((2 * (dim - 1) - at) as usize),
            }
        };
        let (mut want, mut want_x, mut want_w) = (vec![0.0; gy.len()], vec![0.0; x.len()], vec![0.0; weight.len()]);
        for i in 0..gy.len() {
            let (place, plane) = (i % (out[0] * out[1]), i / (out[0] * out[1]));
            let (n, o) = (plane / outs, plane % outs);
            for (of, tap) in (0..of_group).flat_map(|of| (0..window.kernel * window.kernel).map(move |tap| (of, tap))) {
                let row = at(place / out[1], tap / window.kernel, h);
                let Some((row, column)) = row.zip(at(place % out[1], tap % window.kernel, w)) else { continue };
                let channel = if groups == 1 { of } else { o };
                let from = ((n * 2 + channel) * h + row) * w + column;
                let by = (o * of_group + of) * window.kernel * window.kernel + tap;
                want[i] += weight[by] * x[from];
                want_x[from] += weight[by] * gy[i];
                want_w[by] += x[from] * gy[i];
            }
        }
        let near = |got: &[f64], want: &[f64], within: f64| {
            got.iter().zip(want).all(|(g, w)| (g - w).abs() <= within * (1.0 + w.abs()) * 10.0)
        };
        let (mut y, mut gx, mut gw) = (vec![0.0; gy.len()], vec![0.0; x.len()], vec![0.0; weight.len()]);
        let cache = WeightCache::default();
        Kernels::conv2d(&conv, &x, case.xd, &weight, case.wd, None, &cache, &mut y, case.yd, Accumulate::Nothing).unwrap();
        Kernels::conv2d_backward(&conv, &x, case.xd, &weight, case.wd, &cache, &gy, case.yd, Some(&mut gx), Some(&mut gw), None, false,
        ).unwrap();
        prop_assert!(near(&y, &want, 1e-12) && near(&gx, &want_x, 1e-12) && near(&gw, &want_w, 1e-10), "{:?}", conv);
        let (x, weight, gy) = (narrow(&x), narrow(&weight), narrow(&gy));
        for isa in isa::available() {
            let cache = WeightCache::forced(Algorithm::Auto, isa);
            let (mut y, mut gx, mut gw) = (vec![0.0; gy.len()], vec![0.0; x.len()], vec![0.0; weight.len()]);
            Kernels::conv2d(&conv, &x, case.xd, &weight, case.wd, None, &cache, &mut y, case.yd, Accumulate::Nothing).unwrap();
            Kernels::conv2d_backward(&conv, &x, case.xd, &weight, case.wd, &cache, &gy, case.yd, Some(&mut gx), Some(&mut gw), None, false,
            ).unwrap();
            let wide = |v: &[f32]| v.iter().map(|&v| v.into()).collect::<Vec<f64>>();
            prop_assert!(near(&wide(&y), &want, 1e-5) && near(&wide(&gx), &want_x, 1e-5), "{:?} {:?}", isa, conv);
            prop_assert!(near(&wide(&gw), &want_w, 1e-4), "{:?} {:?}, weights", isa, conv);
        }
    }
}
