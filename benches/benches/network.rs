//! What does a run of DyRCNNx4 over 20 steps cost, forward and as a training step?

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dfdx::prelude::*;
use dynvision::zoo::DyRCNNx4;
use dynvision_benches::{Mode, Runner};

fn network(c: &mut Criterion) {
    let dev = Cpu::seed_from_u64(0);
    let mut group = c.benchmark_group("DyRCNNx4, 20 steps of 3x32x32");
    group.sample_size(10);
    for (name, mode) in [("forward", Mode::Forward), ("training step", Mode::Train)] {
        for batch in [1, 16] {
            let net = dev.build_module::<DyRCNNx4, f32>();
            let frames = dev.sample_normal_like(&(batch, Const, Const, Const));
            let classes: Vec<usize> = (0..batch).map(|i| i % 10).collect();
            let mut runner = Runner::new(net, frames, &classes, 20, mode).expect("a runner");
            group.bench_function(BenchmarkId::new(name, batch), |b| b.iter(|| runner.run().expect("a run")));
        }
    }
    group.finish();
}

criterion_group!(benches, network);
criterion_main!(benches);
