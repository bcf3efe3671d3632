//! Trains DyRCNNx4 on a folder of photographs of any size.
//!
//! Run: `cargo run --release --example train_images -- --folder DIR --epochs 10 --seed 0 --out runs/images`
//!
//! `DIR` holds `train/CLASS/*` and `test/CLASS/*`, or `CLASS/*`, of which a fifth is then held out by the seed. Images are resized and
//! cropped to 64x64 and, for training, cropped at random, flipped and changed in light and colour.
#![allow(clippy::print_stdout)] // an example prints

use clap::Parser;
use dynvision::data::{Dataset, Filter, ImageFolder, Loader, Normalisation, Seed, Split, Transform, Transforms, split};
use dynvision::optim::{AdamConfig, Method};
use dynvision::prelude::*;
use dynvision::train::{Checkpoints, TrainConfig, TrainError, Trainer};
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
    let loader = |set, transforms| Loader::new(set).transforms(transforms).normalisation(Normalisation::IMAGENET);
    let (train, test) = (loader(train, augmented), loader(test, size));

    let dev = Cpu::seed_from_u64(seed);
    let net = dev.build_module::<Photographs, f32>();
    let optimizer = Method::Adam(AdamConfig { lr: 1e-3, ..AdamConfig::default() });
    let checkpoints = Some(Checkpoints::to(&out));
    let config = TrainConfig {
        epochs,
        batch_size: 32,
        seed: Seed(seed),
        steps: 8,
        optimizer,
        checkpoints,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(&dev, net, config)?;
    trainer.fit_each(&train, None, |epoch| println!("epoch {:2}  loss {:.3}", epoch.epoch, epoch.train.loss))?;

    let last = out.join("last.safetensors");
    if last.exists() {
        println!("weights in {}", last.display());
    }
    println!("test accuracy {:.3}", trainer.evaluate(&test)?.last_accuracy.unwrap_or(f64::NAN));
    Ok(())
}
