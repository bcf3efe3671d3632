//! What does an update of the 1.16 million parameters of DyRCNNx4 cost, beside dfdx's own Adam, and what does clipping?

use criterion::{Criterion, criterion_group, criterion_main};
use dfdx::optim::Optimizer;
use dfdx::prelude::*;
use dynvision::optim::{Adam, AdamConfig, Clip, Groups};

/// The sizes of the weights of DyRCNNx4 with full recurrence and skips, without biases.
type Weights = (
    (Tensor<Rank2<36, 27>, f32, Cpu>, Tensor<Rank2<36, 324>, f32, Cpu>),
    (Tensor<Rank2<64, 324>, f32, Cpu>, Tensor<Rank2<64, 576>, f32, Cpu>),
    (Tensor<Rank2<121, 576>, f32, Cpu>, Tensor<Rank2<121, 1089>, f32, Cpu>, Tensor<Rank2<121, 36>, f32, Cpu>),
    (Tensor<Rank2<256, 1089>, f32, Cpu>, Tensor<Rank2<256, 2304>, f32, Cpu>, Tensor<Rank2<256, 64>, f32, Cpu>),
    Tensor<Rank2<10, 256>, f32, Cpu>,
);

fn weights(dev: &Cpu) -> Weights {
    (
        (dev.sample_normal(), dev.sample_normal()),
        (dev.sample_normal(), dev.sample_normal()),
        (dev.sample_normal(), dev.sample_normal(), dev.sample_normal()),
        (dev.sample_normal(), dev.sample_normal(), dev.sample_normal()),
        dev.sample_normal(),
    )
}

fn optimizer(c: &mut Criterion) {
    let dev = Cpu::default();
    let mut model = weights(&dev);
    let mut grads = model.alloc_grads();
    let mut group = c.benchmark_group("1.16 million parameters");

    let mut ours = Adam::new(&model, AdamConfig::default()).expect("an optimizer");
    group.bench_function("adam", |b| b.iter(|| ours.step(&mut model, &mut grads).expect("an update")));
    let mut theirs = dfdx::optim::Adam::new(&model, Default::default());
    group.bench_function("adam of dfdx", |b| b.iter(|| theirs.update(&mut model, &grads).expect("an update")));
    group.bench_function("norm of the gradients", |b| {
        b.iter(|| Clip::Norm(f64::INFINITY).apply(&model, &mut grads, &Groups::default()).expect("a norm"))
    });
}

criterion_group!(benches, optimizer);
criterion_main!(benches);
