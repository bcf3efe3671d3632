//! Trains a recurrent network of two areas on real handwritten digits, in seconds.
//!
//! Run: `cargo run --release --example train_digits -- --epochs 15 --seed 0 --out runs/digits --device cpu`
//!
//! The network is declared in `examples/src/lib.rs`. The weights are written to `OUT/last.safetensors`; run again with more
//! epochs, and the training goes on where it stopped.

use clap::Parser;
use dfdx::nn::BuildOnDevice;
use dynvision::data::{Seed, digits};
use dynvision::device::{self, AnyDevice};
use dynvision::kernels::{ParameterKernel, VisionDevice};
use dynvision::loss::{Activity, CrossEntropy, Weighted};
use dynvision::optim::{AdamConfig, Group, Groups, OptimizerConfig, Schedule};
use dynvision::prelude::*;
use dynvision::train::{Checkpoints, Interval, TrainConfig, TrainError, Trainer};
use dynvision_examples::{Digits, ended, say};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
struct Options {
    /// How often all images are seen.
    #[arg(long, default_value_t = 15)]
    epochs: usize,
    /// Determines the whole run: weights, order of the images.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where checkpoints are written.
    #[arg(long, default_value = "runs/digits")]
    out: PathBuf,
    /// Where it runs: `cpu`, or `cuda:0` with the feature `cuda`. A training can go on elsewhere.
    #[arg(long, default_value = "cpu")]
    device: String,
}

fn main() -> ExitCode {
    let options = Options::parse();
    ended(match device::named(&options.device, options.seed) {
        Ok(AnyDevice::Cpu(dev)) => run(&dev, options),
        #[cfg(feature = "cuda")]
        Ok(AnyDevice::Cuda(dev)) => run(&dev, options),
        Err(error) => Err(error.into()),
    })
}

fn run<D>(dev: &D, Options { epochs, seed, out, .. }: Options) -> Result<(), TrainError>
where
    D: VisionDevice<f32> + ParameterKernel<f32>,
    Digits: BuildOnDevice<D, f32, Built: DynModel<f32, D>>,
{
    let (train, test) = (digits::train()?, digits::test()?);
    let net = Digits::try_build_on_device(dev).map_err(Error::device)?;
    say!("{}\n", net.summary());

    let config = TrainConfig {
        epochs,
        batch_size: 32,
        seed: Seed(seed),
        steps: 10,
        // what an area does to itself learns slowly, as in the original: fast recurrence becomes unstable
        groups: Groups::new([Group::named("recurrence").lr(0.2), Group::named("feedback").lr(0.2)]),
        optimizer: OptimizerConfig::Adam(AdamConfig { lr: 4e-3, ..AdamConfig::default() }),
        schedule: Schedule::Cosine { steps: 15, floor: 0.02 },
        schedule_by: Interval::Epoch,
        checkpoints: Some(Checkpoints::to(&out)),
        ..TrainConfig::default()
    };
    // active areas cost a little, so that activity fades when the image is gone
    let loss = (CrossEntropy::default(), Weighted::new(0.02, Activity::default()));
    let mut trainer = Trainer::new(dev, net, config)?.with_loss(loss);
    let last = out.join("last.safetensors");
    if last.exists() {
        trainer.resume(&last)?;
        say!("goes on after {} epochs", trainer.history().epochs.len());
    }

    trainer.fit_each(&train, Some(&test), |epoch| {
        let accuracy = epoch.valid.as_ref().and_then(|held_out| held_out.last_accuracy).unwrap_or(f64::NAN);
        say!("epoch {:2}  loss {:.3}  accuracy on held-out digits {accuracy:.3}", epoch.epoch, epoch.train.loss);
    })?;

    let metrics = trainer.evaluate(&test)?;
    let over_time: Vec<String> = metrics.in_time.iter().map(|accuracy| format!("{accuracy:.2}")).collect();
    say!("\naccuracy at each of the {} steps: {}", over_time.len(), over_time.join(" "));
    match last.exists() {
        true => say!("weights in {}", last.display()),
        false => say!("no weights were written: no epoch was trained"),
    }
    say!("test accuracy {:.3}", metrics.last_accuracy.unwrap_or(f64::NAN));
    Ok(())
}
