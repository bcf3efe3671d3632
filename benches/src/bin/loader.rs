//! How fast photographs become batches, and how long a training step waits for them.
//!
//! ```text
//! loader photographs FOLDER [COUNT]      writes COUNT (2000) JPEG photographs in ten classes, long sides of 200 to 500 pixels
//! loader read FOLDER THREADS             images/s of a `Loader` on it: 64x64, cropped at random, flipped, changed in colour
//! loader train FOLDER THREADS [BATCHES]  training steps of DyRCNNx4 at batch 32, and the share of them that waited
//! loader large FILE [GB] [BATCHES] [IMAGES]  a `Cache` of GB (5), read once, then some training steps of IMAGES (16) from all over it, and
//!                                        the memory of this process in each
//! ```
//!
//! `benches/loader.py` reads the same photographs by torchvision, or by PIL where there is none.
#![allow(clippy::print_stdout)] // it prints what it finds

use dfdx::prelude::*;
use dynvision::data::{
    Cache as CachedSet, DataError, Dataset, Filter, ImageFolder, Loader, Normalisation, Order, Sample, Seed, Transform,
    Transforms, Values,
};
use dynvision::geometry::Map;
use dynvision::loss::Labels;
use dynvision::model::DynModel;
use dynvision::optim::{AdamConfig, OptimizerConfig};
use dynvision::train::{TrainConfig, Trainer};
use dynvision::unroll::Stimulus;
use dynvision_benches::process;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

const SIDE: usize = 64;
const BATCH: usize = 32;

dynvision::dyrcnn_x4! {
    /// The network that is trained.
    struct Photographs; input = [3, 64, 64], classes = 100, links = [skip]
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| args.get(at).map_or(Ok(default), |arg| arg.parse::<usize>());
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["photographs", folder, ..] => photographs(Path::new(folder), number(2, 2000)?),
        ["read", folder, _] => read(&loader(ImageFolder::open(folder)?, number(2, 2)?)?),
        ["train", folder, _, ..] => {
            let loader = loader(ImageFolder::open(folder)?, number(2, 2)?)?;
            let (waited, took, count) = train(&loader, number(3, 30)?)?;
            println!(
                "{count} steps of {BATCH} images: {:.3} s each, {:.2} % of it waiting",
                took.as_secs_f64() / count as f64,
                100.0 * waited.as_secs_f64() / took.as_secs_f64()
            );
            Ok(())
        }
        ["large", file, ..] => large(Path::new(file), number(2, 5)?, number(3, 30)?, number(4, 16)?),
        _ => Err("loader photographs|read|train|large, see the source".into()),
    }
}

/// Pictures with edges, shades and grain, as JPEG of quality 90.
fn photographs(folder: &Path, count: usize) -> Result<(), Box<dyn Error>> {
    for index in 0..count {
        let path = folder.join(format!("class{}", index % 10));
        std::fs::create_dir_all(&path)?;
        let hash = |x: u64| x.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let some = |salt: u64, from: u64, to: u64| (from + hash(index as u64 * 16 + salt) % (to - from)) as u32;
        let (w, h) = (some(0, 200, 500), some(1, 150, 400));
        let (cx, cy, r) = (some(2, 0, 400), some(3, 0, 300), some(4, 30, 150));
        let picture = image::RgbImage::from_fn(w, h, |x, y| {
            let inside = (x.abs_diff(cx)).pow(2) + (y.abs_diff(cy)).pow(2) < r * r;
            let grain = (hash(u64::from(x) << 32 | u64::from(y)) % 24) as u32;
            let shade = [x * 160 / w, y * 160 / h, (x + y) * 160 / (w + h)].map(|shade| (shade + grain) as u8);
            image::Rgb(if inside { shade.map(|shade| 250 - shade) } else { shade })
        });
        let file = std::io::BufWriter::new(std::fs::File::create(path.join(format!("{index}.jpg")))?);
        image::codecs::jpeg::JpegEncoder::new_with_quality(file, 90).encode_image(&picture)?;
    }
    Ok(())
}

fn loader(set: impl Dataset + 'static, threads: usize) -> Result<Loader, DataError> {
    let transforms = Transforms::new(vec![
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
    let loader = Loader::new(set).transforms(transforms).normalisation(Normalisation::IMAGENET);
    Ok(loader.order(Order::Shuffled).batch_size(BATCH).threads(threads))
}

/// Three epochs, the first of which warms up.
fn read(loader: &Loader) -> Result<(), Box<dyn Error>> {
    let dev = Cpu::default();
    for epoch in 0..3 {
        let (start, mut images) = (Instant::now(), 0);
        for batch in loader.epoch::<Const<3>, Const<SIDE>, Const<SIDE>, f32, _>(&dev, epoch)? {
            images += batch?.labels.len();
        }
        println!("epoch {epoch}: {:.0} images/s", images as f64 / start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Some training steps: how long they waited, how long they took after the first, and how many.
fn train(loader: &Loader, count: usize) -> Result<(Duration, Duration, usize), Box<dyn Error>> {
    let dev = Cpu::seed_from_u64(0);
    let net = dev.build_module::<Photographs, f32>();
    let optimizer = OptimizerConfig::Adam(AdamConfig { lr: 1e-3, ..AdamConfig::default() });
    let config = TrainConfig { batch_size: BATCH, steps: 8, optimizer, ..TrainConfig::default() };
    let (presentation, steps) = (config.presentation.clone(), config.steps);
    let mut trainer = Trainer::new(&dev, net, config)?;
    let residual = trainer.net().plan()?.residual();
    let mut batches = loader.epoch(&dev, 0)?;
    let (mut before, mut start, mut done) = (Duration::ZERO, Instant::now(), 0);
    while let Some(batch) = batches.next() {
        if done == 1 {
            // threads and memory are warm
            (before, start) = (batches.waited(), Instant::now());
        }
        let batch = batch?.still();
        let plan = presentation.plan(steps, residual, Seed(0), done as u64);
        let stimulus = Stimulus::presented(batch.images, plan.shown(), presentation.blank)?;
        trainer.backward(stimulus, &Labels::counted(&batch.labels, plan.counted()))?;
        trainer.update()?;
        done += 1;
        if done > count {
            break;
        }
    }
    Ok((batches.waited().saturating_sub(before), start.elapsed(), done.saturating_sub(1).max(1)))
}

/// A set that is computed and not kept.
struct Generated {
    labels: Vec<u16>,
    classes: Vec<String>,
}

impl Dataset for Generated {
    fn name(&self) -> &str {
        "generated"
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn shape(&self) -> Option<Map> {
        Some(Map::new(3, SIDE, SIDE))
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let values = (0..3 * SIDE * SIDE).map(|at| (at.wrapping_mul(index + 1) >> 7) as u8).collect();
        Sample::new("generated", Values::Bytes(values), 1, Map::new(3, SIDE, SIDE))
    }
}

fn large(file: &Path, gigabytes: usize, count: usize, batch: usize) -> Result<(), Box<dyn Error>> {
    let samples = gigabytes * 1_000_000_000 / (3 * SIDE * SIDE);
    let labels = (0..samples).map(|index| (index % 100) as u16).collect();
    let set = Generated { labels, classes: (0..100).map(|class| class.to_string()).collect() };
    let start = Instant::now();
    let cache = if file.exists() { CachedSet::open(file)? } else { CachedSet::build(&set, &Transforms::none(), file)? };
    println!("{samples} images in {gigabytes} GB: built or opened in {:.1} s", start.elapsed().as_secs_f64());
    let flip = Transforms::new(vec![Transform::RandomHorizontalFlip { probability: 0.5 }])?;
    let loader = Loader::new(cache).transforms(flip).order(Order::Shuffled).batch_size(batch).threads(2);
    // all of it once, without the network
    let (start, mut images) = (Instant::now(), 0);
    for batch in loader.epoch::<Const<3>, Const<SIDE>, Const<SIDE>, f32, _>(&Cpu::default(), 1)? {
        images += batch?.labels.len();
    }
    println!(
        "{images} images read at {:.0} images/s; so far at most {:.0} MB of memory",
        images as f64 / start.elapsed().as_secs_f64(),
        process::peak_mb()?
    );
    let (waited, took, done) = train(&loader, count)?;
    println!(
        "{done} steps of {batch} images, {:.2} % of the time waiting, at most {:.0} MB of memory with the network's activity",
        100.0 * waited.as_secs_f64() / took.as_secs_f64(),
        process::peak_mb()?
    );
    Ok(())
}
