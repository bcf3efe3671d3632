//! Trains DyRCNNx4 on a folder of photographs of any size.
//!
//! Run: `cargo run --release --example train_images -- --folder DIR --epochs 10 --seed 0 --out runs/images`
//!
//! `DIR` holds `train/CLASS/*` and `test/CLASS/*` (or `val/CLASS/*`), or `CLASS/*`, of which a fifth of each class is then held out by the seed.
//! Images are resized and cropped to 64x64 and, for training, cropped at random, flipped and changed in light and colour. They are read
//! when they are needed, so that a folder may be larger than memory. The last line is the accuracy on the images held out.

use clap::Parser;
use dfdx::nn::BuildOnDevice;
use dynvision::data::{
    DataError, Dataset, Filter, ImageFolder, Images, Loader, Normalisation, Order, Seed, Split, Subset, Transform,
    Transforms, split_classes,
};
use dynvision::device::{self, AnyDevice};
use dynvision::geometry::Map;
use dynvision::kernels::{ParameterKernel, VisionDevice};
use dynvision::loss::Labels;
use dynvision::optim::{AdamConfig, OptimizerConfig};
use dynvision::prelude::*;
use dynvision::train::{TrainConfig, TrainError, Trainer};
use dynvision::unroll::Stimulus;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

const SIDE: usize = 64;
const CLASSES: usize = 100;
const BATCH: usize = 32;
/// So many images held out are in memory at once.
const CHUNK: usize = 256;

dynvision::dyrcnn_x4! {
    /// The zoo's DyRCNNx4 for photographs of up to 100 classes.
    pub struct Photographs; input = [3, 64, 64], classes = 100, links = [skip]
}

/// What can be asked for.
#[derive(Clone, Debug, Parser)]
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
    /// Leaves out files that cannot be decoded, and names them. Else the first ends the run.
    #[arg(long)]
    skip_corrupt: bool,
    /// How many threads read and change images.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Where it trains: `cpu`, or `cuda:0` with the feature `cuda`.
    #[arg(long, default_value = "cpu")]
    device: String,
}

fn main() -> ExitCode {
    match run(&Options::parse(), &mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // where nobody reads it, the exit says it
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

type Set = Arc<dyn Dataset>;

/// The images to train on and those held out.
fn sets(options: &Options, out: &mut dyn Write) -> Result<(Set, Set), TrainError> {
    let mut sound = |set: ImageFolder| -> Result<ImageFolder, TrainError> {
        if set.classes().len() > CLASSES {
            let (setting, expected) = ("number of classes", "at most 100, which the model has: declare it with more");
            return Err(TrainError::Setting { setting, expected, found: set.classes().len().to_string() });
        }
        if !set.ignored().is_empty() {
            let _ = writeln!(
                out,
                "{} files are of no known format, such as {}",
                set.ignored().len(),
                set.ignored()[0].display()
            );
        }
        if !options.skip_corrupt {
            return Ok(set);
        }
        let (set, left_out) = set.without_corrupt()?;
        for file in &left_out {
            let _ = writeln!(out, "left out: {}", file.reason);
        }
        Ok(set)
    };
    let folder = &options.folder;
    let (train, test): (Set, Set) = if ImageFolder::is_divided(folder) {
        let mut part =
            |split| -> Result<Set, TrainError> { Ok(Arc::new(sound(ImageFolder::open_split(folder, split)?)?)) };
        (part(Split::Train)?, part(Split::Test)?)
    } else {
        let (train, test) = split_classes(sound(ImageFolder::open(folder)?)?, 0.8, Seed(options.seed))?;
        (Arc::new(train), Arc::new(test))
    };
    if train.classes() != test.classes() {
        return Err(DataError::OtherClasses { file: test.name().to_string(), first: train.name().to_string() }.into());
    }
    Ok((train, test))
}

/// Trains and tells of it.
///
/// # Errors
/// No images, fewer than two classes or more than the model has, a file that cannot be decoded, a folder that cannot be written.
fn run(options: &Options, out: &mut dyn Write) -> Result<(), TrainError> {
    match device::named(&options.device, options.seed)? {
        AnyDevice::Cpu(dev) => run_on(&dev, options, out),
        #[cfg(feature = "cuda")]
        AnyDevice::Cuda(dev) => run_on(&dev, options, out),
    }
}

fn run_on<D>(dev: &D, options: &Options, out: &mut dyn Write) -> Result<(), TrainError>
where
    D: VisionDevice<f32> + ParameterKernel<f32>,
    Photographs: BuildOnDevice<D, f32, Built: DynModel<f32, D>>,
{
    // a reader that has gone, or a full disk behind it, does not end the training
    macro_rules! say {
        ($($text:tt)*) => {{
            let _ = writeln!(out, $($text)*);
        }};
    }
    let (train, test) = sets(options, out)?;
    say!("{} images to train on, {} held out, classes: {}", train.len(), test.len(), train.classes().join(", "));
    let last = options.out.join("last.safetensors");
    let wrong = |error| dynvision::error::Error::Setting(format!("cannot make `{}`: {error}", options.out.display()));
    std::fs::create_dir_all(&options.out).map_err(wrong)?;

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
    let seed = Seed(options.seed);
    let loader = Loader::new(train)
        .transforms(augmented)
        .normalisation(Normalisation::IMAGENET)
        .order(Order::Shuffled)
        .seed(seed)
        .batch_size(BATCH)
        .threads(options.threads);

    let net = Photographs::try_build_on_device(dev).map_err(Error::device)?;
    let optimizer = OptimizerConfig::Adam(AdamConfig { lr: 1e-3, ..AdamConfig::default() });
    let config =
        TrainConfig { epochs: options.epochs, batch_size: BATCH, seed, steps: 8, optimizer, ..TrainConfig::default() };
    let (presentation, steps) = (config.presentation.clone(), config.steps);
    let mut trainer = Trainer::new(dev, net, config)?;
    let residual = trainer.net().plan()?.residual();
    // a folder that cannot be written is found before the first epoch
    trainer.save(&last)?;

    for epoch in 0..options.epochs {
        let (mut losses, count, start) = (Vec::new(), loader.len(), Instant::now());
        let mut batches = loader.epoch(dev, epoch as u64)?;
        for batch in batches.by_ref() {
            let batch = batch?.still();
            let plan = presentation.plan(steps, residual, seed, (epoch * count + losses.len()) as u64);
            let stimulus = Stimulus::presented(batch.images, plan.shown(), presentation.blank)?;
            let loss = trainer.backward(stimulus, &Labels::counted(&batch.labels, plan.counted()))?;
            losses.push((loss, batch.labels.len()));
            trainer.update()?;
        }
        trainer.save(&last)?;
        // the last batch may be smaller: images weigh alike
        let images: usize = losses.iter().map(|(_, images)| images).sum();
        let loss = losses.iter().map(|(loss, images)| loss * *images as f64).sum::<f64>() / images as f64;
        let (took, waited) = (start.elapsed().as_secs_f64(), batches.waited().as_secs_f64());
        let (rate, share) = (images as f64 / took, 100.0 * waited / took);
        say!("epoch {:2}  loss {loss:.3}  {rate:.0} images/s, {share:.1} % of the time waiting for them", epoch + 1);
    }
    say!("weights in {}", last.display());
    let none =
        || TrainError::Setting { setting: "steps", expected: "a last step whose label counts", found: "none".into() };
    let accuracy = accuracy(&test, |images| trainer.evaluate(images)?.last_accuracy.ok_or_else(none))?;
    say!("test accuracy {accuracy:.3}");
    Ok(())
}

/// The share of images whose class is right at the last step, some images at a time.
fn accuracy(test: &Set, evaluate: impl Fn(&Images) -> Result<f64, TrainError>) -> Result<f64, TrainError> {
    let adapted = Transforms::adapting(Map::new(3, SIDE, SIDE))?;
    let mut right = 0.0;
    for first in (0..test.len()).step_by(CHUNK) {
        let indices: Vec<usize> = (first..test.len().min(first + CHUNK)).collect();
        let count = indices.len();
        let images = Images::collect(&Subset::new(test.clone(), indices)?, &adapted)?;
        right += evaluate(&images.normalised(Normalisation::IMAGENET)?)? * count as f64;
    }
    Ok(right / test.len() as f64)
}
