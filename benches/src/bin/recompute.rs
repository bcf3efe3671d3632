//! Time and memory of a training step whose backward pass recomputes activity: `recompute STEPS RECOMPUTE [BATCH]` trains
//! DyRCNNx4 for `STEPS` steps in time, `RECOMPUTE` at a time (0 keeps everything).
#![allow(clippy::print_stdout)] // it prints what it finds

use dfdx::prelude::*;
use dynvision::model::DynModel;
use dynvision::zoo::DyRCNNx4;
use dynvision_benches::{Mode, Runner, process};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<usize> = std::env::args().skip(1).map(|arg| arg.parse()).collect::<Result<_, _>>()?;
    let (steps, recompute, batch) = match args.as_slice() {
        [steps, recompute] => (*steps, *recompute, 16),
        [steps, recompute, batch] => (*steps, *recompute, *batch),
        _ => return Err("recompute STEPS RECOMPUTE [BATCH]".into()),
    };
    let dev = Cpu::seed_from_u64(0);
    let mut net = dev.build_module::<DyRCNNx4, f32>();
    net.dynamics_mut().recompute_steps = recompute;
    let images = dev.sample_normal_like(&(batch, Const, Const, Const));
    let before = process::forget_peak()?;
    let mut runner = Runner::new(net, images, &vec![1; batch], steps, Mode::Train)?;
    runner.run()?;
    let mut times = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        runner.run()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    println!(
        "DyRCNNx4, batch {batch}, {steps} steps, {recompute} at a time: {:.2} s, {:.0} MB",
        times[1],
        process::peak_mb()? - before
    );
    Ok(())
}
