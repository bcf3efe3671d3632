//! How fast is a convolution, by which algorithm? The layers of DyRCNNx4 at 32x32 and the first two of DyRCNNx8 at
//! 224x224, forward, and backward to the input and to the weight. Criterion's throughput is in products (one product and
//! one sum each): G elem/s times two is GFLOP/s, counted as in a direct convolution.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dynvision::geometry::{Conv, Window};
use dynvision_kernels::{
    Kernels,
    conv::{Accumulate, Algorithm, WeightCache},
};
use std::hint::black_box;

/// Images, channels taken and given, rows and columns, kernel, stride, groups.
const LAYERS: [[usize; 7]; 15] = [
    [16, 3, 36, 32, 3, 1, 1],
    [16, 36, 36, 32, 3, 1, 1],
    [16, 36, 64, 16, 3, 1, 1],
    [16, 64, 64, 16, 3, 1, 1],
    [16, 64, 121, 8, 3, 1, 1],
    [16, 121, 121, 8, 3, 1, 1],
    [16, 121, 256, 8, 3, 2, 1],
    [16, 256, 256, 4, 3, 1, 1],
    [16, 36, 121, 8, 1, 1, 1],
    [16, 36, 36, 32, 3, 1, 36],
    [16, 64, 64, 16, 3, 1, 64],
    [1, 36, 36, 32, 3, 1, 1],
    [1, 256, 256, 4, 3, 1, 1],
    [4, 3, 64, 224, 5, 2, 1],
    [4, 64, 64, 112, 5, 1, 1],
];

/// Numbers between -1 and 1 without a pattern.
fn values(dims: [usize; 4]) -> Vec<f32> {
    let hash = |i: usize| (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    (0..dims.iter().product()).map(|i| hash(i) as f32 / (1 << 23) as f32 - 1.0).collect()
}

fn layers(c: &mut Criterion) {
    for [images, ins, outs, side, kernel, stride, groups] in LAYERS {
        let conv = Conv::new(Window::same(kernel, stride)).grouped(groups);
        let places = conv.window.output_len(side);
        let (xd, wd) = ([images, ins, side, side], [outs, ins / groups, kernel, kernel]);
        let yd = [images, outs, places, places];
        let (x, w, gy) = (values(xd), values(wd), values(yd));
        let (mut y, mut gx, mut gw) = (values(yd), values(xd), values(wd));
        let name = format!("{images}x{ins}x{side}x{side} to {outs}, kernel {kernel}, stride {stride}, groups {groups}");
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements((gy.len() * ins / groups * kernel * kernel) as u64));
        for algorithm in [Algorithm::Auto, Algorithm::Implicit, Algorithm::Portable] {
            let cache = WeightCache::with_algorithm(algorithm);
            group.bench_function(format!("forward/{algorithm:?}"), |b| {
                b.iter(|| f32::conv2d(&conv, &x, xd, &w, wd, None, &cache, black_box(&mut y), yd, Accumulate::Nothing));
            });
            group.bench_function(format!("to the input/{algorithm:?}"), |b| {
                b.iter(|| {
                    f32::conv2d_backward(
                        &conv,
                        &x,
                        xd,
                        &w,
                        wd,
                        &cache,
                        &gy,
                        yd,
                        Some(black_box(&mut gx)),
                        None,
                        None,
                        false,
                    )
                });
            });
            group.bench_function(format!("to the weight/{algorithm:?}"), |b| {
                b.iter(|| {
                    f32::conv2d_backward(
                        &conv,
                        &x,
                        xd,
                        &w,
                        wd,
                        &cache,
                        &gy,
                        yd,
                        None,
                        Some(black_box(&mut gw)),
                        None,
                        false,
                    )
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = layers
}
criterion_main!(benches);
