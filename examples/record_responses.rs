//! Shows a trained network a digit that goes on and off, and records what every area answers.
//!
//! Run `train_digits` first, then `cargo run --release --example record_responses -- --checkpoint runs/digits`.
//! Writes `responses.svg` (a ridge plot), `responses.npz` (for NumPy) and `responses.safetensors` to `--out`.

use clap::Parser;
use dynvision::data::digits;
use dynvision::file::atomic;
use dynvision::interop::{self, npz};
use dynvision::plot::{Ridge, Row};
use dynvision::prelude::*;
use dynvision::train::Checkpoint;
use dynvision::unroll::{Response, Timed};
use dynvision_examples::{Digits, ended, say};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// Steps without input, with the digit, and without again.
const BEFORE: usize = 3;
const ON: usize = 12;
const AFTER: usize = 15;

#[derive(Parser)]
struct Options {
    /// The folder that `train_digits` wrote, or a checkpoint.
    #[arg(long, default_value = "runs/digits")]
    checkpoint: PathBuf,
    /// Where the plot and the responses are written.
    #[arg(long, default_value = "runs/digits")]
    out: PathBuf,
}

/// Mean over batch and units at each step.
fn over_time<S: Timed>(response: &Response<S, f32, Cpu>) -> Vec<f64> {
    let [batch, time, c, h, w] = response.values.shape().concrete();
    let (units, values) = (c * h * w, response.values.as_vec());
    let at = |t: usize| (0..batch).flat_map(move |b| (b * time + t) * units..(b * time + t + 1) * units);
    (0..time).map(|t| at(t).map(|i| f64::from(values[i])).sum::<f64>() / (batch * units) as f64).collect()
}

fn main() -> ExitCode {
    ended(run(Options::parse()))
}

fn run(Options { checkpoint, out }: Options) -> Result<(), Box<dyn Error>> {
    atomic::prepare(&out)?; // before time is spent
    let file = if checkpoint.is_dir() { checkpoint.join("last.safetensors") } else { checkpoint };
    let dev = Cpu::default();
    let mut net = dev.build_module::<Digits, f32>();
    Checkpoint::read(&file)?.load_into(&mut net)?;

    // eight held-out digits, on for 12 steps
    let test = digits::test()?;
    let chosen: Vec<usize> = (0..8).collect();
    let batch = test.batches::<1, 8, 8, f32, _>(&dev, &chosen, 8)?.next().ok_or("no digits")??;
    let on: Vec<bool> = (0..BEFORE + ON + AFTER).map(|t| (BEFORE..BEFORE + ON).contains(&t)).collect();
    let (logits, responses) = net.try_record(Stimulus::presented(batch.images, &on, 0.0)?)?;

    let rows = [("v1", over_time(&responses.v1)), ("v2", over_time(&responses.v2))];
    say!("mean response of 8 digits, on from {} to {} ms\n   ms      v1      v2", 2 * BEFORE, 2 * (BEFORE + ON));
    for (t, &on) in on.iter().enumerate() {
        let mark = if on { "*" } else { " " };
        say!("{mark}{:4}  {:.4}  {:.4}", 2 * t, rows[0].1[t], rows[1].1[t]);
    }
    let peak = |values: &[f64]| (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0);
    rows.iter().for_each(|(area, values)| say!("{area} peaks at {} ms", 2 * peak(values)));

    let plot = Ridge::new("Mean responses to digits", net.dynamics.dt).shade(BEFORE, BEFORE + ON);
    rows.into_iter()
        .fold(plot, |plot, (area, values)| plot.row(Row::new(area, values)))
        .save(out.join("responses.svg"))?;
    let mut state = interop::responses(&net, &responses)?;
    state.insert("logits", &logits.shape().concrete(), &logits.as_vec());
    npz::write_state(out.join("responses.npz"), &state)?; // for NumPy
    interop::write(&out.join("responses.safetensors"), &state)?; // for all else
    say!("wrote responses.svg, responses.npz and responses.safetensors to {}", out.display());
    Ok(())
}
