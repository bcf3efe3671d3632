//! A data set that is larger than memory: what is held of it is what waits in the loader.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use dynvision::data::{Cache, Dataset, Loader, Order, Seed, Transform, Transforms, digits};
use dynvision::loss::Labels;
use dynvision::prelude::*;
use dynvision::train::{TrainConfig, Trainer};
use peak_alloc::PeakAlloc;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const SIDE: usize = 64;
const BYTES: usize = 3 * SIDE * SIDE;
const IMAGES: usize = 5_000_000_000 / BYTES;

#[dyn_model(input = [3, 64, 64], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4, 3, 4>,
    #[readout]
    classifier: Classifier<4, 10>,
}

/// A cache of black images that takes no room on the disk: the description of a small one, written anew behind a hole.
fn sparse(folder: &Path) -> Cache {
    let (small, large) = (folder.join("small"), folder.join("large"));
    Cache::build(&digits::test().unwrap().subset(&[0]).unwrap(), &Transforms::none(), &small).unwrap();
    let bytes = std::fs::read(small).unwrap();
    let (rest, tail) = bytes.split_at(bytes.len() - 24);
    let length = usize::try_from(u64::from_le_bytes(tail[..8].try_into().unwrap())).unwrap();
    let mut about: serde_json::Value = serde_json::from_slice(&rest[rest.len() - length..]).unwrap();
    about["shape"] = [3, SIDE, SIDE].into();
    about["labels"] = (0..IMAGES).map(|index| index % 10).collect();
    let about = serde_json::to_vec(&about).unwrap();
    let mut checksum = flate2::Crc::new();
    checksum.update(&about);
    let mut file = File::create(&large).unwrap();
    file.seek(SeekFrom::Start((IMAGES * BYTES) as u64)).unwrap();
    file.write_all(&about).unwrap();
    file.write_all(&(about.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&u64::from(checksum.sum()).to_le_bytes()).unwrap();
    file.write_all(&tail[16..]).unwrap();
    Cache::open(large).unwrap()
}

#[test]
fn a_set_of_5_gb_trains_in_64_mb() {
    let folder = tempfile::tempdir().unwrap();
    let set = sparse(folder.path());
    assert_eq!(set.len(), IMAGES);
    MEMORY.reset_peak_usage();
    let flip = Transforms::new(vec![Transform::RandomHorizontalFlip { probability: 0.5 }]).unwrap();
    let loader = Loader::new(set).transforms(flip).order(Order::Shuffled).seed(Seed(1)).batch_size(32).threads(2);
    let dev = Cpu::seed_from_u64(0);
    let config = TrainConfig { batch_size: 32, steps: 3, ..TrainConfig::default() };
    let mut trainer = Trainer::new(&dev, dev.build_module::<Net, f32>(), config).unwrap();
    let mut furthest = 0;
    for batch in loader.epoch(&dev, 0).unwrap().take(8) {
        let batch = batch.unwrap().still();
        furthest = batch.indices.iter().copied().max().unwrap_or(0).max(furthest);
        trainer.backward(Stimulus::constant(batch.images, 3), &Labels::constant(&batch.labels, 3)).unwrap();
        trainer.update().unwrap();
    }
    assert!(furthest > IMAGES / 2, "images come from all over the set");
    let peak = MEMORY.peak_usage_as_mb();
    assert!(peak < 64.0, "{peak} MB");
}
