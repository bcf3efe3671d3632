//! One point of `scaling.py`: DyRCNNx4 with full recurrence and skips at one size of everything, in a fresh process.
//!
//! `scaling '{"size": 32, "batch": 16, "steps": 20, "threads": 2, "mode": "train"}'` prints the median of the runs in
//! milliseconds, the peak memory in MB beyond the process before the model was made, and the page faults of a run.

use dfdx::prelude::*;
use dynvision::device::set_threads;
use dynvision::model::DynModel;
use dynvision::nn::Full;
use dynvision::zoo::DyRCNNx4;
use dynvision_benches::{Mode, Runner, process};
use serde::Deserialize;
use std::error::Error;
use std::time::{Duration, Instant};

dynvision::dyrcnn_x4! { struct At64; input = [3, 64, 64], classes = 10, links = [skip] }
dynvision::dyrcnn_x4! { struct At96; input = [3, 96, 96], classes = 10, links = [skip] }
dynvision::dyrcnn_x4! { struct At128; input = [3, 128, 128], classes = 10, links = [skip] }
dynvision::dyrcnn_x4! { struct At224; input = [3, 224, 224], classes = 10, links = [skip] }

#[derive(Deserialize)]
struct Point {
    size: usize,
    batch: usize,
    steps: usize,
    threads: usize,
    mode: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let point = std::env::args().nth(1).ok_or("scaling is run by scaling.py: scaling POINT")?;
    let point: Point = serde_json::from_str(&point)?;
    set_threads(point.threads)?;
    let dev = Cpu::seed_from_u64(0);
    let base = process::forget_peak()?;
    match point.size {
        32 => measure(dev.build_module::<DyRCNNx4<Full>, f32>(), &point, base),
        64 => measure(dev.build_module::<At64<Full>, f32>(), &point, base),
        96 => measure(dev.build_module::<At96<Full>, f32>(), &point, base),
        128 => measure(dev.build_module::<At128<Full>, f32>(), &point, base),
        224 => measure(dev.build_module::<At224<Full>, f32>(), &point, base),
        size => Err(format!("sizes are compile-time here: add a `dyrcnn_x4!` for {size} to scaling.rs").into()),
    }
}

/// Two runs to fill the caches, then runs for at least half a second, at most 15 and at least 3.
fn measure<M: DynModel<f32, Cpu>>(net: M, point: &Point, base: f64) -> Result<(), Box<dyn Error>> {
    let dev = Cpu::seed_from_u64(1);
    let frames = dev.sample_normal_like(&(point.batch, Default::default(), Default::default(), Default::default()));
    let classes: Vec<usize> = (0..point.batch).map(|image| image % 10).collect();
    let mode = if point.mode == "train" { Mode::Train } else { Mode::Forward };
    let mut runner = Runner::new(net, frames, &classes, point.steps, mode)?;
    for _ in 0..2 {
        runner.run()?;
    }
    let (before, began, mut times) = (process::faults()?, Instant::now(), Vec::new());
    while times.len() < 3 || (times.len() < 15 && began.elapsed() < Duration::from_millis(500)) {
        let start = Instant::now();
        runner.run()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let faults = (process::faults()? - before) as f64 / times.len() as f64;
    times.sort_by(f64::total_cmp);
    let (median, peak) = (times[times.len() / 2], process::peak_mb()? - base);
    let report = serde_json::json!({
        "median_ms": median, "min_ms": times[0], "runs": times.len(), "peak_mb": peak, "faults_per_run": faults,
    });
    #[allow(clippy::print_stdout, reason = "this is how it answers")]
    {
        println!("{report}");
    }
    Ok(())
}
