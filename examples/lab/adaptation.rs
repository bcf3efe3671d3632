//! What recurrence does to responses in time: trains a small network with full, with self and without recurrence on handwritten
//! digits, from three seeds each, and shows them pairs of digits, digits of several durations and contrasts, in noise, and
//! followed by a mask.
//!
//! Run: `cargo run --release --example adaptation -- --out runs/adaptation`; `--quick` for a short look.
//!
//! It can be stopped at any time. Run again, it goes on: what is trained is not trained again, and finished conditions are not
//! run again.

use clap::Parser;
use dynvision::data::{Images, Order, Seed, mnist5k};
use dynvision::loss::{Activity, CrossEntropy, Weighted};
use dynvision::nn::Layer;
use dynvision::optim::{AdamConfig, Group, Groups, OptimizerConfig, Schedule};
use dynvision::prelude::*;
use dynvision::train::{Checkpoints, Interval, TrainConfig, Trainer};
use dynvision_lab::experiment::{Experiment, ResultTable, Results, Runner, named};
use dynvision_lab::figure::{Options as Look, Over};
use dynvision_lab::statistics::over_seeds;
use dynvision_lab::table::{Column, Table, write_csv};
use dynvision_lab::{Gallery, Trained};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Two areas that look at handwritten digits of 28x28 pixels.
#[dyn_model(
    input = [1, 28, 28],
    operations = [layer, tstep, nonlin, record, delay, pool],
    dynamics(dt = 2.0, tau = 5.0, t_recurrence = 6.0),
)]
pub struct Sight<R: Recurrence = Full> {
    #[area(pool = MaxPool2d<2>)]
    v1: RConv2d<1, 16, 3, 2, R>,
    v2: RConv2d<16, 32, 3, 1, R>,
    #[readout]
    classifier: Classifier<32, 10>,
}

/// Length of a step in ms.
const DT: f64 = 2.0;

/// What is run, each an experiment that comes with the library. The last two are the same, with and without recurrence.
const EXPERIMENTS: [&str; 6] = ["interval", "duration", "contrast", "masking", "gaussiannoise", "gaussiannoiseffonly"];

#[derive(Parser)]
struct Options {
    /// How often all digits are seen.
    #[arg(long, default_value_t = 8)]
    epochs: usize,
    /// How many networks of each kind.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// How many held-out digits they are shown.
    #[arg(long, default_value_t = 200)]
    images: usize,
    /// Few digits, few conditions: to see that it runs.
    #[arg(long)]
    quick: bool,
    /// Where networks, conditions and tables are written.
    #[arg(long, default_value = "runs/adaptation")]
    out: PathBuf,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Prints a line; a reader that has gone does not end the run.
macro_rules! say {
    ($($text:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut options: Options) -> Outcome<()> {
    let (mut train, test) = (mnist5k::train()?, mnist5k::test()?);
    if options.quick {
        (options.epochs, options.seeds, options.images) = (1, 2, 10);
        train = train.subset(&spread(&train, 1000))?;
    }
    let mut found: BTreeMap<&str, Results> = BTreeMap::new();
    for seed in 0..options.seeds {
        study::<Full>("full", seed, &options, &train, &test, &mut found)?;
        study::<SelfRecurrence>("self", seed, &options, &train, &test, &mut found)?;
        study::<NoRecurrence>("none", seed, &options, &train, &test, &mut found)?;
    }
    for (name, results) in &found {
        let folder = options.out.join(name);
        results.write(&folder)?;
        write_csv(&folder.join("long.csv"), &results.long()?)?;
        say!("{name}: {}", folder.display());
    }
    draw(&found, &options)?;
    tell(&found)
}

/// Trains one network, unless it is there, and runs all experiments on it.
fn study<R: Recurrence>(
    kind: &str,
    seed: u64,
    options: &Options,
    train: &Images,
    test: &Images,
    found: &mut BTreeMap<&'static str, Results>,
) -> Outcome<()> {
    let dev = Cpu::seed_from_u64(seed);
    let net = dev.build_module::<Sight<R>, f32>();
    let folder = options.out.join(format!("{kind}-{seed}"));
    let config = TrainConfig {
        epochs: options.epochs,
        batch_size: 32,
        seed: Seed(seed),
        steps: 12,
        // what an area does to itself learns slowly, as in the original: fast recurrence becomes unstable
        groups: Groups::new(<RConv2d<1, 16, 3, 2, R> as Layer>::RECURRENT.then(|| Group::named("recurrence").lr(0.2))),
        optimizer: OptimizerConfig::Adam(AdamConfig { lr: 4e-3, ..AdamConfig::default() }),
        schedule: Schedule::Cosine { steps: options.epochs as u64, floor: 0.02 },
        schedule_by: Interval::Epoch,
        checkpoints: Some(Checkpoints::to(&folder)),
        ..TrainConfig::default()
    };
    // active areas cost a little
    let loss = (CrossEntropy::default(), Weighted::new(0.02, Activity::default()));
    let mut trainer = Trainer::new(&dev, net, config)?.with_loss(loss);
    let last = folder.join("last.safetensors");
    if last.exists() {
        trainer.resume(&last)?;
    }
    trainer.fit(train, None)?;
    let accuracy = trainer.evaluate(test)?.last_accuracy.map_or("none".into(), |accuracy| format!("{accuracy:.3}"));
    say!("{kind} recurrence, seed {seed}: accuracy {accuracy} on held-out digits");

    let subject = Trained::new(trainer.into_net(), &dev)?;
    let gallery = Gallery::of(test)?;
    for name in EXPERIMENTS {
        // both are drawn in one figure
        let (experiment, intervention) = match name {
            "gaussiannoiseffonly" => ("gaussiannoise", "silenced"),
            name => (name, "none"),
        };
        let results = Runner::new(&subject, &gallery, options.out.join("cells"))
            .images(spread(test, options.images))
            .batch(50)
            .tag("experiment", experiment)
            .tag("category", kind)
            .tag("intervention", intervention)
            .tag("seed", seed as i64)
            .run(&shortened(named(name)?, options.quick))?;
        let joined = found.remove(experiment).unwrap_or_default().and(results);
        found.insert(experiment, joined);
    }
    Ok(())
}

/// So many images, as many of each digit.
fn spread(images: &Images, count: usize) -> Vec<usize> {
    let mut indices = Order::RoundRobin.indices(images.labels(), Seed(0), 0);
    indices.truncate(count);
    indices
}

/// An experiment with the first and the last value of each parameter only.
fn shortened(mut experiment: Experiment, quick: bool) -> Experiment {
    for values in experiment.vary.values_mut().filter(|_| quick) {
        values.dedup();
        let keep: Vec<_> = values.first().into_iter().chain(values.last()).cloned().collect();
        *values = keep;
    }
    experiment
}

/// Draws the figures: adaptation, summation and latency in one, then responses, and accuracy under noise and masks.
fn draw(found: &BTreeMap<&'static str, Results>, options: &Options) -> Outcome<()> {
    let of = |names: &[&str]| {
        names.iter().filter_map(|name| found.get(name)).cloned().fold(Results::default(), Results::and)
    };
    let caption = format!("Sight on mnist5k, {} epochs, {} held-out digits", options.epochs, options.images);
    let with = |parameter: &str| Look { parameter: parameter.into(), caption: caption.clone(), ..Look::default() };
    let figures = [
        ("dynamics", "dynamics", of(&["interval", "duration", "contrast"]), with("condition")),
        ("responses", "responses", of(&["duration"]), with("duration (ms)")),
        ("noise", "performance", of(&["gaussiannoise"]), Look { chance: Some(0.1), ..with("SSNR") }),
        (
            "masking",
            "performance",
            of(&["masking"]),
            Look { chance: Some(0.1), accuracy_over: Over::SinceOnset, ..with("asynchrony (ms)") },
        ),
    ];
    for (name, figure, results, look) in figures {
        let path = options.out.join(format!("{name}.svg"));
        results.draw(figure, &look)?.save(&path)?;
        say!("{}", path.display());
    }
    Ok(())
}

/// Says what the numbers say, with 95 % intervals over seeds.
fn tell(found: &BTreeMap<&str, Results>) -> Outcome<()> {
    for (name, area, measure, about) in [
        ("interval", "v1", "peak_ratio", "second over first response of V1, by the gap (ms)"),
        ("duration", "v1", "temporal_summation", "summed response of V1 (response ms), by the duration (ms)"),
        ("contrast", "v1", "peak_time", "time of the peak of V1 (ms), by the contrast"),
    ] {
        let Some(results) = found.get(name) else { continue };
        say!("\n{about}:");
        let table = results.summary(ResultTable::Samples, 0.95)?;
        let parameter = table.names().find(|name| name.starts_with("protocol.")).unwrap_or_default().to_string();
        let scale = if parameter.ends_with("contrast") { 1.0 } else { DT };
        for row in 0..table.rows() {
            if text(&table, "area", row) != area || text(&table, "measure", row) != measure {
                continue;
            }
            let number = |name| number(&table, name, row);
            let of = number(&parameter).map(|x| x * scale);
            line(&text(&table, "category", row), of, number("mean"), number("low").zip(number("high")));
        }
    }
    for (name, measure, about) in [
        ("masking", "first_label_accuracy", "accuracy after the onset, by the asynchrony of the mask (ms)"),
        ("gaussiannoise", "accuracy", "accuracy, by the share of the signal"),
    ] {
        let Some(results) = found.get(name) else { continue };
        say!("\n{about}:");
        let table = results.long()?;
        // the mean over steps is taken seed by seed
        let mut lines: BTreeMap<(String, String), BTreeMap<String, Vec<Option<f64>>>> = BTreeMap::new();
        for row in (0..table.rows()).filter(|&row| text(&table, "measure", row) == measure) {
            let silenced = if text(&table, "intervention", row) == "silenced" { ", silenced" } else { "" };
            let of = (text(&table, "category", row) + silenced, format!("{:>8}", text(&table, "condition", row)));
            let seeds = lines.entry(of).or_default();
            seeds.entry(text(&table, "seed", row)).or_default().push(number(&table, "value", row));
        }
        for ((category, of), seeds) in lines {
            let over = over_seeds(&seeds.into_values().collect::<Vec<_>>(), 0.95);
            line(
                &category,
                of.trim().parse().ok(),
                over.mean,
                over.interval.map(|interval| (interval.low, interval.high)),
            );
        }
    }
    Ok(())
}

fn text(table: &Table, column: &str, row: usize) -> String {
    table.column(column).map(|column| column.cell(row)).unwrap_or_default()
}

fn number(table: &Table, column: &str, row: usize) -> Option<f64> {
    table.column(column).and_then(Column::numbers).and_then(|numbers| numbers.get(row).copied().flatten())
}

/// A mean and its interval, where there are such.
fn line(category: &str, of: Option<f64>, mean: Option<f64>, interval: Option<(f64, f64)>) {
    let of = of.map_or_else(String::new, |of| of.to_string());
    let mean = mean.map_or_else(|| "not found".into(), |mean| format!("{mean:.3}"));
    let interval = interval.map_or_else(String::new, |(low, high)| format!(" [{low:.3}, {high:.3}]"));
    say!("  {category:<16} {of:>6}: {mean}{interval}");
}
