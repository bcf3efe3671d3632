//! Where the time goes: a table for a model of the zoo, or for your own when you put it in the place of `DyRCNNx4`.
//!
//! Run: `cargo run --release --example profile -- --batch 16 --steps 20`
#![allow(clippy::print_stdout)] // an example prints

use clap::Parser;
use dfdx::prelude::Cache;
use dynvision::prelude::*;
use dynvision::profile::profile;
use dynvision::zoo::DyRCNNx4;

#[derive(Parser)]
struct Options {
    /// Images in a batch.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Steps in time.
    #[arg(long, default_value_t = 20)]
    steps: usize,
}

fn main() -> Result<(), Error> {
    let Options { batch, steps } = Options::parse();
    let dev = Cpu::seed_from_u64(0);
    dev.enable_cache();
    let net = dev.build_module::<DyRCNNx4, f32>();
    let images = dev.sample_normal_like(&(batch, Const, Const, Const));
    println!("{}", net.summary());
    println!("\nforward, a batch of {batch}:");
    println!("{}", profile(&net, || Stimulus::constant(images.clone(), steps))?);
    println!("\nforward with what backward needs:");
    println!("{}", profile(&net, || Stimulus::constant(images.clone().traced(net.alloc_grads()), steps))?);
    Ok(())
}
