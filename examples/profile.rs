//! Where the time goes: area by area, and in a training step part by part, for a model of the zoo or for your own.
//!
//! Run: `cargo run --release --example profile -- --batch 16 --steps 20`, on an otherwise quiet machine.

use clap::{Parser, ValueEnum};
use dfdx::prelude::Cache;
use dynvision::device::{set_threads, threads};
use dynvision::loss::{CrossEntropy, Labels};
use dynvision::optim::{Adam, AdamConfig};
use dynvision::prelude::*;
use dynvision::profile::{attainable_peak, profile, training_step};
use dynvision::zoo::{DyRCNNx2, DyRCNNx4, DyRCNNx4Feedback, DyRCNNx8, ResNet18, SimpleRCNN};
use dynvision_examples::{ended, say};
use std::process::ExitCode;

#[derive(Clone, Copy, ValueEnum)]
enum Model {
    SimpleRcnn,
    DyrcnnX2,
    DyrcnnX4,
    DyrcnnX4Feedback,
    DyrcnnX8,
    Resnet18,
}

#[derive(Parser)]
struct Options {
    /// Which model.
    #[arg(long, value_enum, default_value = "dyrcnn-x4")]
    model: Model,
    /// Images in a batch.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Steps in time.
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// Threads; one for each core unless said otherwise.
    #[arg(long)]
    threads: Option<usize>,
    /// Recompute activity in backward from every so many steps, for less memory.
    #[arg(long, default_value_t = 0)]
    recompute: usize,
}

fn main() -> ExitCode {
    ended(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Error> {
    if let Some(threads) = options.threads {
        set_threads(threads)?;
    }
    let dev = Cpu::seed_from_u64(0);
    match options.model {
        Model::SimpleRcnn => report(dev.build_module::<SimpleRCNN, f32>(), options),
        Model::DyrcnnX2 => report(dev.build_module::<DyRCNNx2, f32>(), options),
        Model::DyrcnnX4 => report(dev.build_module::<DyRCNNx4, f32>(), options),
        Model::DyrcnnX4Feedback => report(dev.build_module::<DyRCNNx4Feedback, f32>(), options),
        Model::DyrcnnX8 => report(dev.build_module::<DyRCNNx8, f32>(), options),
        Model::Resnet18 => report(dev.build_module::<ResNet18, f32>(), options),
    }
}

/// All of it for any model: call this with yours.
fn report<M: DynModel<f32, Cpu>>(mut net: M, options: &Options) -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(1);
    dev.enable_cache();
    net.dynamics_mut().recompute_steps = options.recompute;
    let (batch, steps) = (options.batch, options.steps);
    let images = dev.sample_normal_like(&(batch, Default::default(), Default::default(), Default::default()));
    let stimulus = || Stimulus::constant(images.clone(), steps);
    say!("{}", net.summary());
    let peak = attainable_peak();
    say!("\n{} threads; the peak is {peak:.0} GFLOP/s, by the fastest of a few large convolutions", threads());
    say!("\nforward, a batch of {batch}:\n{}", profile(&net, stimulus)?.of_peak(peak));
    show_memory();
    let traced = || stimulus().training().traced(net.alloc_grads());
    say!("\nforward with what backward needs:\n{}", profile(&net, traced)?.of_peak(peak));
    let labels = Labels::constant(&vec![0; batch], steps);
    let adam = |net: &M| Adam::new(net, AdamConfig::default());
    say!("\ntraining:\n{}", training_step(&mut net, stimulus, &CrossEntropy::default(), &labels, adam)?);
    show_memory();
    Ok(())
}

/// The most memory that the process had so far, where Linux says it.
fn show_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|line| line.trim().trim_end_matches(" kB"));
    if let Some(kib) = peak.and_then(|kib| kib.parse::<f64>().ok()) {
        say!("peak memory of the process so far: {:.0} MB", kib / 1024.0);
    }
}
