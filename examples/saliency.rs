//! Saliency maps in time: trains a small network on handwritten digits, and asks of which pixels, at which step, the answer
//! at the end depends.
//!
//! Run: `cargo run --release --example saliency -- --out runs/saliency`
//!
//! A saliency map is the gradient of the logit of the digit's class with respect to the pixels (Simonyan, Vedaldi and
//! Zisserman 2014, "Deep inside convolutional networks"), here for the frame of every step on its own. The network is
//! evaluated as it was trained, with the running moments of its batch norms: a tape records gradients and changes nothing
//! else. Writes `saliency.svg` to `--out`.

use clap::Parser;
use dfdx::prelude::{Gradients, NoneTape, Rank0, SumTo};
use dynvision::data::{Seed, digits};
use dynvision::file::atomic;
use dynvision::optim::{AdamConfig, Group, Groups, OptimizerConfig};
use dynvision::prelude::*;
use dynvision::train::{TrainConfig, Trainer};
use dynvision_examples::{ended, say};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Steps for which a digit is shown.
const STEPS: usize = 8;
/// Steps from the frame to the readout; a training adds them to those it is told.
const DELAY: usize = 2;
/// Digits in the figure.
const DIGITS: usize = 5;
/// Pixels along a side.
const SIDE: usize = 8;

/// Two recurrent areas with batch norms.
#[dyn_model(
    input = [1, 8, 8],
    operations = [layer, norm, tstep, nonlin, record, delay, pool],
    dynamics(dt = 2.0, tau = 5.0, t_feedforward = 2.0, t_recurrence = 4.0),
)]
pub struct Seeing {
    #[area(norm = BatchNorm<16>, pool = MaxPool2d<3, 2, 1>)]
    v1: RConv2d<1, 16>,
    #[area(norm = BatchNorm<32>)]
    v2: RConv2d<16, 32>,
    #[readout]
    classifier: Classifier<32, 10>,
}

#[derive(Parser)]
struct Options {
    /// How often all images are seen.
    #[arg(long, default_value_t = 12)]
    epochs: usize,
    /// Where the figure is written.
    #[arg(long, default_value = "runs/saliency")]
    out: PathBuf,
}

/// A digit with the saliency map of each step.
struct Seen {
    class: usize,
    answer: usize,
    image: Vec<f32>,
    maps: Vec<Vec<f32>>,
}

fn main() -> ExitCode {
    ended(run(Options::parse()))
}

fn run(Options { epochs, out }: Options) -> Result<(), Box<dyn Error>> {
    atomic::prepare(&out)?; // before time is spent
    let (train, test) = (digits::train()?, digits::test()?);
    let dev = Cpu::seed_from_u64(0);
    let config = TrainConfig {
        epochs,
        batch_size: 32,
        seed: Seed(0),
        steps: STEPS - DELAY,
        groups: Groups::new([Group::named("recurrence").lr(0.2)]),
        optimizer: OptimizerConfig::Adam(AdamConfig { lr: 3e-3, ..AdamConfig::default() }),
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(&dev, dev.build_module::<Seeing, f32>(), config)?;
    trainer.fit(&train, None)?;
    say!("accuracy on held-out digits: {:.3}", trainer.evaluate(&test)?.last_accuracy.unwrap_or(f64::NAN));
    let net = trainer.into_net();

    let chosen: Vec<usize> = (0..DIGITS).collect();
    let batch = test.batches::<1, SIDE, SIDE, f32, _>(&dev, &chosen, DIGITS)?.next().ok_or("no digits")??;
    let classes: Vec<usize> = chosen.iter().map(|&i| usize::from(test.labels()[i])).collect();

    // a tensor of its own at each step, so that each has a gradient of its own
    let pixels = batch.images.as_vec();
    let frames: Vec<_> = (0..STEPS).map(|_| dev.tensor_from_vec(pixels.clone(), *batch.images.shape())).collect();
    // leaky: gradients are kept of all tensors, not of the parameters alone
    let stimulus = Stimulus::frames(frames.clone(), NoneTape).traced(Gradients::leaky());
    let logits = net.try_run(stimulus)?;

    // digits do not see each other, so the gradient of the sum of their logits is that of each
    let of_class = |b: usize, t: usize, class: usize| f32::from(u8::from(t == STEPS - 1 && class == classes[b]));
    let mask = (0..DIGITS * STEPS * 10).map(|i| of_class(i / 10 / STEPS, i / 10 % STEPS, i % 10)).collect();
    let mask: Tensor<(usize, usize, Const<10>), f32, Cpu> = dev.tensor_from_vec(mask, (DIGITS, STEPS, Const));
    let answers = logits.as_vec();
    let gradients = (logits * mask).sum::<Rank0, _>().backward();

    let part = |values: &[f32], b: usize| values[b * SIDE * SIDE..][..SIDE * SIDE].to_vec();
    let maps: Vec<Vec<f32>> = frames.iter().map(|frame| gradients.get(frame).as_vec()).collect();
    let seen: Vec<Seen> = (0..DIGITS)
        .map(|b| {
            let last = &answers[(b * STEPS + STEPS - 1) * 10..][..10];
            let answer = (0..10).max_by(|&i, &j| last[i].total_cmp(&last[j])).unwrap_or(0);
            let maps = maps.iter().map(|map| part(map, b)).collect();
            Seen { class: classes[b], answer, image: part(&pixels, b), maps }
        })
        .collect();

    say!("sum of the magnitudes of the gradient at each step:");
    for Seen { class, answer, maps, .. } in &seen {
        let sums: Vec<String> =
            maps.iter().map(|map| format!("{:.3}", map.iter().map(|g| g.abs()).sum::<f32>())).collect();
        say!("  a {class}, taken for a {answer}: {}", sums.join("  "));
    }
    let file = out.join("saliency.svg");
    draw(&seen, net.dynamics.dt, &file)?;
    say!("wrote {}", file.display());
    Ok(())
}

/// Where panels are: their size, the space between them, and that around them.
const PANEL: i32 = 80;
const GAP: i32 = 10;
const LEFT: i32 = 90;
const TOP: i32 = 78;

/// Blue for a pixel whose light speaks against the class, red for one whose light speaks for it, for values from -1 to 1.
fn diverging(value: f32) -> RGBColor {
    let pale = |part: f32| (255.0 - (255.0 - part) * value.abs().min(1.0)).round() as u8;
    match value < 0.0 {
        true => RGBColor(pale(33.0), pale(102.0), pale(172.0)),
        false => RGBColor(pale(178.0), pale(24.0), pale(43.0)),
    }
}

fn draw(seen: &[Seen], dt: f64, file: &Path) -> Result<(), Box<dyn Error>> {
    let columns = STEPS as i32 + 1;
    let (width, height) = (LEFT + columns * (PANEL + GAP) + 90, TOP + seen.len() as i32 * (PANEL + GAP) + 40);
    let root = SVGBackend::new(file, (width as u32, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let font = |size: i32| ("sans-serif", size).into_font().color(&BLACK);
    let centred = |size: i32| font(size).pos(Pos::new(HPos::Center, VPos::Center));
    let left = |column: i32| LEFT + column * (PANEL + GAP);
    let title = "On which pixels, at which time, the logit of the class at the end depends";
    root.draw(&Text::new(title, (LEFT, 18), font(19)))?;
    for column in 0..columns {
        let text = match column {
            0 => "digit".to_string(),
            t => format!("{} ms", f64::from(t - 1) * dt),
        };
        root.draw(&Text::new(text, (left(column) + PANEL / 2, TOP - 14), centred(15)))?;
    }
    let side = SIDE as i32;
    let panel = |x: i32, y: i32, color: &dyn Fn(usize) -> RGBColor| -> Result<(), Box<dyn Error>> {
        for i in 0..SIDE * SIDE {
            let (row, column) = ((i / SIDE) as i32, (i % SIDE) as i32);
            let at = |n: i32| n * PANEL / side;
            let corners = [(x + at(column), y + at(row)), (x + at(column + 1), y + at(row + 1))];
            root.draw(&Rectangle::new(corners, color(i).filled()))?;
        }
        Ok(root.draw(&Rectangle::new([(x, y), (x + PANEL, y + PANEL)], RGBColor(150, 150, 150)))?)
    };
    let strongest = |values: &[f32]| values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    for (row, Seen { class, answer, image, maps }) in seen.iter().enumerate() {
        let y = TOP + row as i32 * (PANEL + GAP);
        root.draw(&Text::new(format!("a {class},"), (LEFT / 2, y + PANEL / 2 - 10), centred(15)))?;
        root.draw(&Text::new(format!("seen as {answer}"), (LEFT / 2, y + PANEL / 2 + 10), centred(15)))?;
        let (dark, light) = image.iter().fold((f32::MAX, f32::MIN), |(a, b), &v| (a.min(v), b.max(v)));
        let grey = |v: f32| (255.0 * (v - dark) / (light - dark).max(f32::MIN_POSITIVE)).round() as u8;
        panel(left(0), y, &|i| RGBColor(grey(image[i]), grey(image[i]), grey(image[i])))?;
        // one scale for a row, so that steps can be compared
        let scale = maps.iter().map(|map| strongest(map)).fold(f32::MIN_POSITIVE, f32::max);
        for (t, map) in maps.iter().enumerate() {
            panel(left(t as i32 + 1), y, &|i| diverging(map[i] / scale))?;
        }
    }
    // the colours
    let (x, bottom) = (left(columns) + 12, TOP + seen.len() as i32 * (PANEL + GAP) - GAP);
    let levels = bottom - TOP;
    for level in 0..levels {
        let color = diverging(1.0 - 2.0 * level as f32 / levels as f32);
        root.draw(&Rectangle::new([(x, TOP + level), (x + 14, TOP + level + 1)], color.filled()))?;
    }
    for (text, y) in [("for", TOP), ("0", TOP + levels / 2), ("against", bottom)] {
        root.draw(&Text::new(text, (x + 20, y), font(14).pos(Pos::new(HPos::Left, VPos::Center))))?;
    }
    let note = "Gradient with respect to the frame of each step; a row is scaled by its largest magnitude. What is shown in the last 4 ms comes too late.";
    root.draw(&Text::new(note, (LEFT, bottom + 16), font(14)))?;
    root.present()?;
    Ok(())
}
