//! Our side of `compare.py`: loads the weights and the input of a case, then runs once for every line that it reads.

use dfdx::prelude::*;
use dynvision::interop::{StateDict, torch};
use dynvision::model::DynModel;
use dynvision::nn::{DepthPointwise, Full, SelfRecurrence};
use dynvision::zoo::{DyRCNNx2, DyRCNNx4};
use dynvision_benches::{Mode, Runner, process};
use serde::Deserialize;
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

dynvision::dyrcnn_x4! {
    struct DyRCNNx4Large; input = [3, 64, 64], classes = 10, links = [skip]
}

#[derive(Deserialize)]
struct Case {
    model: String,
    rec: String,
    batch: usize,
    size: usize,
    mode: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(case), Some(folder)) = (args.next(), args.next()) else {
        return Err("compare is run by compare.py: compare CASE FOLDER".into());
    };
    let case: Case = serde_json::from_str(&case)?;
    let folder = Path::new(&folder);
    let dev = Cpu::default();
    match (case.model.as_str(), case.rec.as_str(), case.size) {
        ("DyRCNNx4", "full", 32) => contest(dev.build_module::<DyRCNNx4<Full>, f32>(), &case, folder),
        ("DyRCNNx4", "self", 32) => contest(dev.build_module::<DyRCNNx4<SelfRecurrence>, f32>(), &case, folder),
        ("DyRCNNx4", "depthpointwise", 32) => {
            contest(dev.build_module::<DyRCNNx4<DepthPointwise>, f32>(), &case, folder)
        }
        ("DyRCNNx4", "full", 64) => contest(dev.build_module::<DyRCNNx4Large<Full>, f32>(), &case, folder),
        ("DyRCNNx2", "full", 32) => contest(dev.build_module::<DyRCNNx2<Full>, f32>(), &case, folder),
        (model, rec, size) => Err(format!("no model {model} with {rec} recurrence at {size}x{size}").into()),
    }
}

/// Runs whose answers are compared before anything is timed.
const CHECKED: usize = 3;

fn contest<M: DynModel<f32, Cpu>>(mut net: M, case: &Case, folder: &Path) -> Result<(), Box<dyn Error>> {
    let dev = Cpu::default();
    let mut data = StateDict::from_safetensors(&std::fs::read(folder.join("case.safetensors"))?)?;
    let base = process::forget_peak()?;
    torch::import(&mut net, &data.unnest("param"))?;
    let frames = data.get::<f32>("input", &[case.batch, 3, case.size, case.size])?;
    let frames =
        dev.try_tensor_from_vec(frames, (case.batch, Default::default(), Default::default(), Default::default()))?;
    let (_, labels) = data.numbers("labels")?;
    let labels: Vec<usize> = labels.iter().map(|&label| label as usize).collect();
    let mode = if case.mode == "train" { Mode::Train } else { Mode::Forward };
    let mut runner = Runner::new(net, frames, &labels, 20, mode)?;
    let logits = runner.run()?;
    for _ in 1..CHECKED {
        runner.run()?;
    }
    let peak = process::peak_mb()?;
    let mut answer = StateDict::default();
    let shape: Vec<usize> = logits.shape().concrete().into_iter().collect();
    answer.insert("output", &shape, &logits.as_vec());
    if let Some(norm) = runner.first_norm() {
        answer.insert("losses", &[CHECKED], runner.losses());
        answer.insert("norm", &[1], &[norm as f32]);
        answer.nest("after", torch::export(runner.net(), &torch::Names::default())?);
    }
    std::fs::write(folder.join("ours.safetensors"), answer.to_safetensors()?)?;
    serve(|| runner.run().map(drop).map_err(Into::into), base, peak)
}

/// Answers every line on the standard input with the milliseconds of one run.
fn serve(mut run: impl FnMut() -> Result<(), Box<dyn Error>>, base: f64, peak: f64) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    let (before, mut runs) = (process::faults()?, 0);
    for line in std::io::stdin().lock().lines() {
        if line?.trim() == "quit" {
            break;
        }
        let start = Instant::now();
        run()?;
        writeln!(out, "{}", start.elapsed().as_secs_f64() * 1e3)?;
        out.flush()?;
        runs += 1;
    }
    let faults = (process::faults()? - before) as f64 / f64::from(runs.max(1));
    writeln!(out, "{{\"base_mb\": {base}, \"peak_mb\": {peak}, \"faults_per_run\": {faults}}}")?;
    Ok(())
}
