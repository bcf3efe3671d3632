//! Trains DyRCNNx4 on a folder of photographs of any size.
//!
//! Run: `cargo run --release --example train_images -- --folder DIR --epochs 10 --seed 0 --out runs/images`
//!
//! `DIR` holds `train/CLASS/*` and `test/CLASS/*`, or `CLASS/*`, of which a fifth is then held out by the seed. Images are resized and
//! cropped to 64x64 and, for training, cropped at random, flipped and changed in light and colour.
#![allow(clippy::print_stdout)] // an example prints

use clap::Parser;
use dynvision::data::{
    Dataset, Filter, ImageFolder, Images, Loader, Normalisation, Order, Seed, Split, Transform, Transforms, split,
};
use dynvision::loss::Labels;
use dynvision::optim::{AdamConfig, Method};
use dynvision::prelude::*;
use dynvision::train::{TrainConfig, TrainError, Trainer};
use dynvision::unroll::Stimulus;
use std::path::PathBuf;
use std::sync::Arc;

const SIDE: usize = 64;

dynvision::dyrcnn_x4! {
    /// The zoo's DyRCNNx4 for photographs of up to 100 classes.
    pub struct Photographs; input = [3, 64, 64], classes = 100, links = [skip]
}

#[derive(Parser)]
struct Options {
    /// Where the photographs are.
    #[arg(long)]
    folder: PathBuf,
    /// How often all images are seen.
    #[arg(long, default_value_t = 10)]
    epochs: usize,
    /// Determines the whole run: weights, split, order and changes of the images.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the weights are written.
    #[arg(long, default_value = "runs/images")]
    out: PathBuf,
}

type Set = Arc<dyn Dataset>;

/// The images to train on and those held out. A file that cannot be decoded ends the run with its name.
fn sets(folder: &PathBuf, seed: Seed) -> Result<(Set, Set), TrainError> {
    if folder.join("train").is_dir() {
        let part = |split| -> Result<Set, TrainError> { Ok(Arc::new(ImageFolder::open_split(folder, split)?)) };
        return Ok((part(Split::Train)?, part(Split::Test)?));
    }
    let (train, test) = split(ImageFolder::open(folder)?, 0.8, seed)?;
    Ok((Arc::new(train), Arc::new(test)))
}

fn main() -> Result<(), TrainError> {
    let Options { folder, epochs, seed, out } = Options::parse();
    let (train, test) = sets(&folder, Seed(seed))?;
    println!("{} images to train on, {} held out, classes: {}", train.len(), test.len(), train.classes().join(", "));

    let size = Transforms::new(vec![
        Transform::ResizeShort { size: SIDE, filter: Filter::Bilinear },
        Transform::CenterCrop { height: SIDE, width: SIDE },
    ])?;
    let augmented = Transforms::new(vec![
        Transform::RandomResizedCrop {
            height: SIDE,
            width: SIDE,
            scale: (0.5, 1.0),
            ratio: (0.75, 1.33),
            filter: Filter::Bilinear,
        },
        Transform::RandomHorizontalFlip { probability: 0.5 },
        Transform::ColorJitter { brightness: 0.2, contrast: 0.2, saturation: 0.2 },
    ])?;
    let test = Images::collect(&test, &size)?.normalised(Normalisation::IMAGENET)?;
    let loader = Loader::new(train)
        .transforms(augmented)
        .normalisation(Normalisation::IMAGENET)
        .order(Order::Shuffled)
        .seed(Seed(seed))
        .batch_size(32);

    let dev = Cpu::seed_from_u64(seed);
    let net = dev.build_module::<Photographs, f32>();
    let optimizer = Method::Adam(AdamConfig { lr: 1e-3, ..AdamConfig::default() });
    let config =
        TrainConfig { epochs, batch_size: 32, seed: Seed(seed), steps: 8, optimizer, ..TrainConfig::default() };
    let (presentation, steps) = (config.presentation.clone(), config.steps);
    let mut trainer = Trainer::new(&dev, net, config)?;
    let residual = trainer.net().plan()?.residual();

    for epoch in 0..epochs {
        let (mut losses, batches) = (Vec::new(), loader.len());
        for (number, batch) in loader.epoch(&dev, epoch as u64)?.enumerate() {
            let batch = batch?.still();
            let plan = presentation.plan(steps, residual, Seed(seed), (epoch * batches + number) as u64);
            let stimulus = Stimulus::presented(batch.images, plan.shown(), presentation.blank)?;
            losses.push(trainer.backward(stimulus, &Labels::counted(&batch.labels, plan.counted()))?);
            trainer.update()?;
        }
        let loss = losses.iter().sum::<f64>() / losses.len() as f64;
        println!("epoch {:2}  loss {loss:.3}", epoch + 1);
    }

    let last = out.join("last.safetensors");
    std::fs::create_dir_all(&out)
        .map_err(|e| dynvision::error::Error::Setting(format!("cannot make `{}`: {e}", out.display())))?;
    trainer.save(&last)?;
    println!("weights in {}", last.display());
    println!("test accuracy {:.3}", trainer.evaluate(&test)?.last_accuracy);
    Ok(())
}
