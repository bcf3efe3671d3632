//! What does measuring cost beside the forward passes, and how much memory does an experiment take?
//!
//! `cargo run --release -p dynvision-benches --bin measuring` times DyRCNNx4 on 3x32x32: the model's own runs, the same with an
//! experiment's measures and tables, and that with a linear probe, in turn. `-- 10000 200` runs so many images and steps of a small network and
//! prints the memory that it took. `-- KIND FOLDER OUT` is our side of `experiments.py`.
#![allow(clippy::print_stdout)] // it prints what it finds

use dfdx::prelude::*;
use dynvision::data::Images;
use dynvision::geometry::Map;
use dynvision::interop::{StateDict, torch};
use dynvision::model::DynModel;
use dynvision::protocol::{ImageSource, Protocol, stimulus};
use dynvision::zoo::{DyRCNNx2, DyRCNNx4};
use dynvision_benches::process;
use dynvision_lab::experiment::{Experiment, Runner};
use dynvision_lab::response::Responses;
use dynvision_lab::{Gallery, Subject, Trained};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

const BATCH: usize = 16;

fn images(n: usize) -> Result<Images, Box<dyn Error>> {
    let shape = Map::new(3, 32, 32);
    let pixels = (0..n * 3 * 32 * 32).map(|i| ((i * 2_654_435_761) >> 13) as u8).collect();
    let labels = (0..n).map(|i| (i % 10) as u16).collect();
    let classes = (0..10).map(|class| class.to_string()).collect();
    Ok(Images::new("noise", pixels, shape, labels, classes)?)
}

fn experiment(steps: usize, more: &str) -> Result<Experiment, Box<dyn Error>> {
    let text = format!(
        "about = 'bench'\nmeasures = ['response_avg', 'response_std', 'accuracy', 'confidence', 'peak_time'{more}]\n\
         protocol.duration = {{ total = {steps}, intro = 1, stim = {} }}",
        steps / 2
    );
    Ok(Experiment::parse(&text)?)
}

/// The model's own function on the same frames, batch after batch.
fn forward<M: DynModel<f32, Cpu, Channels = Const<3>, Height = Const<32>, Width = Const<32>>>(
    net: &M,
    gallery: &Gallery<'_>,
    protocol: &Protocol,
) -> Result<Duration, Box<dyn Error>> {
    let dev = Cpu::default();
    let timeline = protocol.timeline(2.0)?;
    let begun = Instant::now();
    let all: Vec<usize> = (0..gallery.len()).collect();
    for part in all.chunks(BATCH) {
        let frames = protocol.frames(&timeline, gallery, part, 0.0, 0)?;
        net.try_run(stimulus::<3, 32, 32, _>(&frames, &dev)?)?;
    }
    Ok(begun.elapsed())
}

fn measured(subject: &dyn Subject, gallery: &Gallery<'_>, experiment: &Experiment) -> Result<Duration, Box<dyn Error>> {
    let store = tempfile::tempdir()?;
    let runner = Runner::new(subject, gallery, store.path()).batch(BATCH);
    let begun = Instant::now();
    runner.run(experiment)?;
    Ok(begun.elapsed())
}

/// The experiment of `experiments.py`: the weights and images of a folder, measured into another.
fn beside(kind: &str, folder: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut data = StateDict::from_safetensors(&std::fs::read(folder.join("case.safetensors"))?)?;
    let (before, begun) = (process::forget_peak()?, Instant::now());
    let dev = Cpu::default();
    let mut net = dev.build_module::<DyRCNNx4, f32>();
    torch::import(&mut net, &data.unnest("param"))?;
    let (_, pixels) = data.numbers("images")?;
    let (_, labels) = data.numbers("labels")?;
    let pixels = pixels.iter().map(|&pixel| pixel as u8).collect();
    let labels = labels.iter().map(|&label| label as u16).collect();
    let classes = (0..10).map(|class| class.to_string()).collect();
    let set = Images::new("noise", pixels, Map::new(3, 32, 32), labels, classes)?;
    let (subject, gallery) = (Trained::new(net, &dev)?, Gallery::of(&set)?);
    let units = kind == "unit";
    let more = if units { ", 'spatial_variance', 'feature_variance'" } else { "" };
    let experiment = Experiment::parse(&format!(
        "about = 'bench'\nmeasures = ['response_avg', 'response_std', 'guess_confidence', 'first_label_confidence', \
         'first_label_accuracy_top3'{more}]\nprotocol.duration = {{ total = 20, intro = 1, stim = 10 }}"
    ))?;
    let mut runner = Runner::new(&subject, &gallery, out.join("cells")).batch(BATCH);
    if units {
        runner = runner.responses(Responses::default());
    }
    runner.run(&experiment)?.write(out)?;
    let (seconds, mb) = (begun.elapsed().as_secs_f64(), process::peak_mb()? - before);
    println!("{{\"seconds\": {seconds}, \"mb\": {mb}}}");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let dev = Cpu::seed_from_u64(0);
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [kind, folder, out] = &words[..] {
        return beside(kind, Path::new(folder), Path::new(out));
    }
    let arguments: Vec<usize> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    if let [n, steps] = arguments[..] {
        let set = images(n)?;
        let gallery = Gallery::of(&set)?;
        let subject = Trained::new(dev.build_module::<DyRCNNx2, f32>(), &dev)?;
        let before = process::forget_peak()?;
        let took = measured(&subject, &gallery, &experiment(steps, "")?)?;
        let peak = process::peak_mb()?;
        println!(
            "{n} images x {steps} steps: {took:.1?}, {:.0} MB beside the {before:.0} MB of images and network",
            peak - before
        );
        return Ok(());
    }
    let set = images(96)?;
    let gallery = Gallery::of(&set)?;
    let net = dev.build_module::<DyRCNNx4, f32>();
    let subject = Trained::new(net.clone(), &dev)?;
    let (plain, probed) = (experiment(20, "")?, experiment(20, ", 'decoding'")?);
    let protocol = plain.conditions()?.remove(0).protocol;
    const ROUNDS: usize = 15;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        rounds.push([
            forward(&net, &gallery, &protocol)?,
            measured(&subject, &gallery, &plain)?,
            measured(&subject, &gallery, &probed)?,
        ]);
    }
    // a round's three follow one another, so that what else the machine does touches all of them
    let median = |of: &dyn Fn(&[Duration; 3]) -> f64| -> f64 {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    };
    println!("DyRCNNx4, 96 images, 20 steps, batches of {BATCH}; medians of {ROUNDS} rounds");
    let names = ["the model's own runs", "with five measures and tables", "and a linear probe for each step"];
    for (i, name) in names.into_iter().enumerate() {
        let seconds = median(&|round| round[i].as_secs_f64());
        let more = 100. * (median(&|round| round[i].as_secs_f64() / round[0].as_secs_f64()) - 1.);
        println!("{name:<32} {seconds:6.2} s  {more:+5.1} %");
    }
    Ok(())
}
