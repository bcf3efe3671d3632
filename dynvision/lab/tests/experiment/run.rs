//! Tables, cells and responses.

use crate::net::{self, Built};
use dfdx::prelude::*;
use dynvision::prelude::*;
use dynvision::protocol::noise::Draws;
use dynvision::protocol::{ImageSource, Masks};
use dynvision_lab::experiment::{Experiment, ResultTable, Results, Runner};
use dynvision_lab::measure::{self, Measure, Measures, StepLabels, Units, Window};
use dynvision_lab::response::{Reduction, Responses};
use dynvision_lab::statistics::t_interval;
use dynvision_lab::table::{Column, Table};
use dynvision_lab::{Gallery, RunError};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

const DURATION: &str = r#"
about = "test"
measures = ["response_avg", "response_std", "accuracy", "first_label_accuracy", "confidence", "peak_time",
    "temporal_summation", "reaction_time", "rdm", "decoding", "dimensionality"]
[model]
idle = 3
[protocol]
duration = { total = 7, intro = 1, stim = 2 }
[vary]
"protocol.duration.stim" = [2, 4]
[measure]
reaction_time = { confidence = 0.11 }
"#;

fn numbers(table: &Table, name: &str) -> Vec<Option<f64>> {
    table.column(name).unwrap_or_else(|| panic!("no column {name}")).numbers().unwrap()
}

/// The logits and responses of the model's own function, in one piece: (samples, steps, …) each.
fn recorded(net: &Built, images: &[f32], n: usize, on: &[bool]) -> (Vec<f32>, BTreeMap<&'static str, Vec<f32>>) {
    let dev = Cpu::default();
    let frame = dev.tensor_from_vec(images.to_vec(), (n, Const::<1>, Const::<8>, Const::<8>));
    let (logits, responses) = net.try_record(Stimulus::presented(frame, on, 0.0).unwrap()).unwrap();
    let areas = [
        ("v1", responses.v1.values.as_vec()),
        ("v2", responses.v2.values.as_vec()),
        ("v3", responses.v3.values.as_vec()),
    ];
    (logits.as_vec(), areas.into())
}

fn pixels(gallery: &Gallery<'_>, images: &[usize]) -> Vec<f32> {
    images.iter().flat_map(|&image| gallery.image(image).unwrap().into_owned()).collect()
}

#[test]
fn tables_hold_what_the_model_itself_gives() {
    let folder = tempfile::tempdir().unwrap();
    let (subject, set) = (net::subject(1), net::images());
    let gallery = Gallery::of(&set).unwrap();
    let images: Vec<usize> = vec![3, 0, 17, 40, 41, 5, 90];
    let experiment = Experiment::parse(DURATION).unwrap();
    let runner = Runner::new(&subject, &gallery, folder.path()).images(images.clone()).batch(3).tag("seed", 1);
    let results = runner.run(&experiment).unwrap();
    let steps = results.table(ResultTable::Steps).unwrap();
    let samples = results.table(ResultTable::Samples).unwrap();
    assert_eq!((steps.rows(), samples.rows()), (2 * 7 * 7, 2 * 7));
    let mut naive = net::net(1);
    naive.dynamics_mut().idle_steps = 3;
    let shown = pixels(&gallery, &images);
    for (condition, stim) in [2, 4].into_iter().enumerate() {
        let on: Vec<bool> = (0..7).map(|t| (1..1 + stim).contains(&t)).collect();
        let (logits, areas) = recorded(&naive, &shown, 7, &on);
        let close = |name: &str, row: usize, expected: Option<f64>| {
            let found = numbers(&steps, name)[row];
            let same = match (found, expected) {
                (Some(a), Some(b)) => (a - b).abs() <= 2e-5 * b.abs().max(1e-3),
                (a, b) => a == b,
            };
            assert!(same, "{name}, row {row}: {found:?}, not {expected:?}");
        };
        for (sample, &image) in images.iter().enumerate() {
            let label = set.labels()[image] as i64;
            for (t, &on) in on.iter().enumerate() {
                let row = (condition * 7 + sample) * 7 + t;
                let z = &logits[(sample * 7 + t) * 10..][..10];
                let now = if on { label } else { -1 };
                close("sample_index", row, Some(sample as f64));
                close("image_index", row, Some(image as f64));
                close("times_index", row, Some(t as f64));
                close("time_ms", row, Some(2. * t as f64));
                close("protocol.duration.stim", row, Some(stim as f64));
                close("seed", row, Some(1.));
                close("label_index", row, on.then_some(label as f64));
                close("first_label_index", row, Some(label as f64));
                close("guess_index", row, measure::guess(z).map(|c| c as f64));
                close("accuracy", row, measure::correct(measure::guess(z), now).map(f64::from));
                close("first_label_accuracy", row, measure::correct(measure::guess(z), label).map(f64::from));
                close("confidence", row, measure::confidence(z, now));
                for (area, values) in &areas {
                    let units = values.len() / 49;
                    let r = &values[(sample * 7 + t) * units..][..units];
                    close(&format!("{area}_response_avg"), row, measure::response_avg(r));
                    close(&format!("{area}_response_std"), row, measure::response_std(r));
                }
            }
            let window = Window::new(1, 1 + stim, 7).unwrap();
            let row = condition * 7 + sample;
            for (area, values) in &areas {
                let units = values.len() / 49;
                let trace: Vec<f64> = (0..7)
                    .map(|t| measure::response_avg(&values[(sample * 7 + t) * units..][..units]).unwrap())
                    .collect();
                let peak = numbers(&samples, &format!("{area}_peak_time"))[row];
                assert_eq!(peak, measure::peak_time(&trace, window, 2.), "{area} {trace:?}");
                let sum = numbers(&samples, &format!("{area}_temporal_summation"))[row].unwrap();
                let expected = measure::temporal_summation(&trace, window, trace[0], 2.).unwrap();
                assert!((sum - expected).abs() < 1e-4 * expected.abs().max(1e-2), "{sum} {expected}");
            }
            let criterion = measure::Criterion::Confidence(0.11);
            let z = &logits[sample * 70..][..70];
            let reaction = measure::reaction(z, 10, label, window, criterion, 2.).map(|r| r.time_ms);
            assert_eq!(numbers(&samples, "reaction_time")[row], reaction);
        }
    }
    // what is of all samples: a row for each area and step, and for each pair of classes of a matrix
    let sets = results.table(ResultTable::Sets).unwrap();
    let Some(Column::Texts(names)) = sets.column("measure") else { panic!("no names") };
    let count = |name: &str| names.iter().filter(|n| n.as_deref() == Some(name)).count();
    assert_eq!((count("decoding"), count("dimensionality")), (2 * 3 * 7, 2 * 3 * 7));
    let mut classes: Vec<u16> = images.iter().map(|&i| set.labels()[i]).collect();
    classes.sort_unstable();
    classes.dedup();
    assert_eq!(count("rdm"), 2 * 3 * 7 * classes.len() * (classes.len() - 1) / 2);
    // a folder of results, and means over seeds
    results.write(folder.path().join("out")).unwrap();
    for name in ["steps.parquet", "samples.parquet", "sets.parquet", "steps.csv", "samples.csv", "sets.csv"] {
        assert!(folder.path().join("out").join(name).is_file(), "{name}");
    }
}

/// Every byte of a folder but the description, which says how long it took.
fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => left.push(entry),
                false if entry.ends_with("cell.json") => {}
                false => all.push((entry.display().to_string(), std::fs::read(&entry).unwrap())),
            }
        }
    }
    all.sort();
    all
}

#[test]
fn finished_cells_are_not_run_again_and_a_lost_one_comes_back_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (subject, set) = (net::subject(1), net::images());
    let gallery = Gallery::of(&set).unwrap();
    let experiment = Experiment::parse(DURATION).unwrap();
    let runs = std::cell::Cell::new(0);
    let runner = || {
        Runner::new(&subject, &gallery, folder.path())
            .images(0..10)
            .batch(4)
            .responses(Responses::default())
            .progress(|_| runs.set(runs.get() + 1))
    };
    let cost = runner().cost(&experiment).unwrap();
    assert_eq!((cost.conditions, cost.known, cost.steps), (2, 0, 2 * 10 * 7));
    let units = 6 * 64 + 5 * 16 + 4 * 16 + 10;
    assert_eq!(cost.response_bytes, 2 * 10 * 7 * 4 * units);
    let first = runner().run(&experiment).unwrap();
    assert_eq!(runs.replace(0), 2 * 3, "a call for each batch");
    let before = bytes(folder.path());
    assert_eq!(runner().cost(&experiment).unwrap().steps, 0);
    assert_eq!(runner().run(&experiment).unwrap(), first);
    assert_eq!(runs.replace(0), 0);
    let lost = first.folders().next().unwrap().to_path_buf();
    std::fs::remove_dir_all(&lost).unwrap();
    assert_eq!(runner().cost(&experiment).unwrap().known, 1);
    runner().run(&experiment).unwrap();
    assert_eq!(runs.replace(0), 3);
    assert!(bytes(folder.path()) == before, "the same bits");
    // the same condition of another experiment is the same cell
    let other = DURATION.replace("[2, 4]", "[4, 5]").replace("stim = 2 }", "stim = 5 }");
    assert_eq!(runner().cost(&Experiment::parse(&other).unwrap()).unwrap().known, 1);
    // what makes it is another, and so is the cell
    let fresh = |runner: Runner<'_>| runner.cost(&experiment).unwrap().known;
    assert_eq!(fresh(runner()), 2);
    assert_eq!(fresh(runner().seed(1)), 0);
    assert_eq!(fresh(runner().images(1..11)), 0);
    let other = net::subject(2);
    assert_eq!(fresh(Runner::new(&other, &gallery, folder.path()).images(0..10).batch(4)), 0);
}

#[test]
fn a_run_that_is_stopped_keeps_what_is_finished_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (subject, set) = (net::subject(1), net::images());
    let gallery = Gallery::of(&set).unwrap();
    let experiment = Experiment::parse(DURATION).unwrap();
    let (stop, batches) = (AtomicBool::new(false), std::cell::Cell::new(0));
    let stopped = Runner::new(&subject, &gallery, folder.path())
        .images(0..6)
        .batch(2)
        .progress(|_| {
            batches.set(batches.get() + 1);
            stop.store(batches.get() == 5, Ordering::Relaxed);
        })
        .stop(&stop)
        .run(&experiment);
    assert!(matches!(stopped, Err(RunError::Stopped { done: 1, of: 2 })), "{stopped:?}");
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "one finished cell, and nothing of the other");
    let runner = Runner::new(&subject, &gallery, folder.path()).images(0..6).batch(2);
    assert_eq!(runner.cost(&experiment).unwrap().known, 1);
    let elsewhere = tempfile::tempdir().unwrap();
    let whole = Runner::new(&subject, &gallery, elsewhere.path()).images(0..6).batch(2).run(&experiment).unwrap();
    let resumed = runner.run(&experiment).unwrap();
    for which in ResultTable::ALL {
        assert_eq!(resumed.table(which).unwrap(), whole.table(which).unwrap());
    }
}

#[test]
fn samples_do_not_depend_on_their_batch() {
    let (subject, set) = (net::subject(1), net::images());
    let gallery = Gallery::of(&set).unwrap();
    let text = DURATION.replace(
        "duration = { total = 7, intro = 1, stim = 2 }",
        "noise = { total = 7, intro = 1, stim = 2, noise = { kind = \"gaussian\", ssnr = 0.5 } }",
    );
    let experiment = Experiment::parse(&text.replace("protocol.duration.stim", "protocol.noise.stim")).unwrap();
    let of = |batch: usize| {
        let folder = tempfile::tempdir().unwrap();
        let results =
            Runner::new(&subject, &gallery, folder.path()).images(0..7).batch(batch).run(&experiment).unwrap();
        ResultTable::ALL.map(|which| results.table(which).unwrap())
    };
    for (one, other) in of(7).iter().zip(of(2)) {
        for (name, column) in one.columns() {
            let (Some(a), Some(b)) = (column.numbers(), other.column(name).unwrap().numbers()) else { continue };
            for (a, b) in a.iter().zip(b) {
                let same = match (a, b) {
                    (Some(a), Some(b)) => (a - b).abs() <= 1e-4 * b.abs().max(1e-2),
                    (a, b) => *a == b,
                };
                // an accuracy of decoding may turn on a tie
                assert!(same || name == "value", "{name}: {a:?} {b:?}");
            }
        }
    }
}

#[test]
fn summaries_are_over_seeds_and_count_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let set = net::images();
    let gallery = Gallery::of(&set).unwrap();
    let experiment = Experiment::parse(DURATION).unwrap();
    let mut all = Results::default();
    for seed in [1, 2, 3] {
        let subject = net::subject(seed);
        let runner = Runner::new(&subject, &gallery, folder.path()).images(0..5).batch(5);
        all = all.and(runner.tag("seed", seed as i64).tag("recurrence", "full").run(&experiment).unwrap());
    }
    let steps = all.table(ResultTable::Steps).unwrap();
    let summary = all.summary(ResultTable::Steps, 0.95).unwrap();
    let text = |name: &str| match summary.column(name) {
        Some(Column::Texts(values)) => values.clone(),
        other => panic!("{name}: {other:?}"),
    };
    let (areas, measures) = (text("area"), text("measure"));
    let (stims, times) = (numbers(&summary, "protocol.duration.stim"), numbers(&summary, "times_index"));
    let mut seen = 0;
    for row in 0..summary.rows() {
        let (measure, area) = (measures[row].as_deref().unwrap(), areas[row].as_deref());
        let column = area.map_or(measure.to_string(), |area| format!("{area}_{measure}"));
        // naively: the mean of each seed's samples
        let values = numbers(&steps, &column);
        let of = |seed: f64| -> Vec<Option<f64>> {
            (0..steps.rows())
                .filter(|&r| numbers(&steps, "seed")[r] == Some(seed))
                .filter(|&r| numbers(&steps, "protocol.duration.stim")[r] == stims[row])
                .filter(|&r| numbers(&steps, "times_index")[r] == times[row])
                .map(|r| values[r])
                .collect()
        };
        if row % 5 != 0 {
            continue; // naive is slow
        }
        let by_seed: Vec<Vec<Option<f64>>> = [1., 2., 3.].map(of).into();
        let flat: Vec<Option<f64>> = by_seed.iter().flatten().copied().collect();
        let means: Vec<f64> = by_seed
            .iter()
            .filter_map(|s| {
                let there: Vec<f64> = s.iter().flatten().copied().collect();
                (!there.is_empty()).then(|| there.iter().sum::<f64>() / there.len() as f64)
            })
            .collect();
        let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => assert!((a - b).abs() < 1e-9, "{a} {b}"),
            (a, b) => assert_eq!(a, b),
        };
        let mean = (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64);
        close(numbers(&summary, "mean")[row], mean);
        let interval = t_interval(&means, 0.95);
        close(numbers(&summary, "low")[row], interval.map(|i| i.low));
        close(numbers(&summary, "high")[row], interval.map(|i| i.high));
        assert_eq!(numbers(&summary, "seeds")[row], Some(means.len() as f64));
        assert_eq!(numbers(&summary, "samples")[row], Some(flat.iter().flatten().count() as f64));
        assert_eq!(numbers(&summary, "missing")[row], Some(flat.iter().filter(|x| x.is_none()).count() as f64));
        seen += 1;
    }
    assert!(seen > 20);
    // an accuracy has no value where nothing is shown
    let blank =
        (0..summary.rows()).find(|&r| measures[r].as_deref() == Some("accuracy") && times[r] == Some(0.)).unwrap();
    assert_eq!((numbers(&summary, "mean")[blank], numbers(&summary, "missing")[blank]), (None, Some(15.)));
}

#[test]
fn a_measure_of_ones_own_is_measured_beside_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (subject, set) = (net::subject(1), net::images());
    let gallery = Gallery::of(&set).unwrap();
    let largest = |units: &Units<'_>| units.values().iter().copied().reduce(f32::max).map(f64::from);
    let margin = |z: &[f32], labels: StepLabels| {
        let label = usize::try_from(labels.first).ok()?;
        let rest = z.iter().enumerate().filter(|(c, _)| *c != label).map(|(_, &z)| z).reduce(f32::max)?;
        Some(f64::from(z.get(label)? - rest))
    };
    let measures = Measures::built_in()
        .with("largest", "response", "the largest activity", Measure::units(largest))
        .with("margin", "", "the label's logit above the largest other", Measure::readout(margin));
    let text = DURATION.replace("\"dimensionality\"", "\"largest\", \"margin\"");
    let experiment = Experiment::parse(&text).unwrap();
    let unknown = Runner::new(&subject, &gallery, folder.path()).run(&experiment).unwrap_err().to_string();
    assert!(unknown.contains("no measure `largest`"), "{unknown}");
    let runner = Runner::new(&subject, &gallery, folder.path()).images(0..2).measures(measures);
    let steps = runner.run(&experiment).unwrap().table(ResultTable::Steps).unwrap();
    let (largest, average) = (numbers(&steps, "v2_largest"), numbers(&steps, "v2_response_avg"));
    assert!(largest.iter().zip(&average).all(|(l, a)| l >= a));
    let right = numbers(&steps, "first_label_accuracy");
    for (margin, right) in numbers(&steps, "margin").iter().zip(right) {
        assert_eq!(margin.map(|m| f64::from(m > 0.)), right);
    }
}

#[test]
fn a_mask_of_ones_own_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (subject, set) = (net::subject(1), net::images());
    let gallery = Gallery::of(&set).unwrap();
    let masking =
        "masking = { total = 7, intro = 1, stim = 2, asynchrony = 2, mask_for = 2, mask = { own = \"inverted\" } }";
    let text = DURATION.replace("duration = { total = 7, intro = 1, stim = 2 }", masking);
    let experiment =
        Experiment::parse(&text.replace("protocol.duration.stim\" = [2, 4]", "model.idle\" = [0]")).unwrap();
    let unknown = Runner::new(&subject, &gallery, folder.path()).run(&experiment).unwrap_err().to_string();
    assert!(unknown.contains("no mask `inverted`"), "{unknown}");
    let inverted = |image: &[f32], _: [usize; 3], _: &mut dyn Draws| image.iter().map(|x| -x).collect();
    let runner = Runner::new(&subject, &gallery, folder.path()).images(0..2);
    let results = runner.masks(Masks::default().with("inverted", inverted)).run(&experiment).unwrap();
    let steps = results.table(ResultTable::Steps).unwrap();
    // by the model's own function: a blank, the images, the images inverted, blanks
    let (dev, shown) = (Cpu::default(), pixels(&gallery, &[0, 1]));
    let frame = |factor: f32| {
        let values = shown.iter().map(|x| factor * x).collect::<Vec<_>>();
        dev.tensor_from_vec(values, (2, Const::<1>, Const::<8>, Const::<8>))
    };
    let frames = [0., 1., 1., -1., -1., 0., 0.].map(frame).into();
    let logits = net::net(1).try_run(Stimulus::frames(frames, NoneTape)).unwrap().as_vec();
    let found = numbers(&steps, "first_label_accuracy");
    for row in 0..14 {
        let guess = measure::guess(&logits[row * 10..][..10]);
        assert_eq!(numbers(&steps, "guess_index")[row], guess.map(|c| c as f64));
        let label = set.labels()[row / 7] as i64;
        assert_eq!(found[row], measure::correct(guess, label).map(f64::from));
    }
    assert_eq!(numbers(&steps, "stimulus")[..7], [0., 1., 1., 0., 0., 0., 0.].map(Some));
}

#[test]
fn the_table_that_figures_read_has_a_row_for_each_seed() {
    let folder = tempfile::tempdir().unwrap();
    let set = net::images();
    let gallery = Gallery::of(&set).unwrap();
    let experiment = Experiment::parse(DURATION).unwrap();
    let mut all = Results::default();
    for seed in [1, 2] {
        let subject = net::subject(seed);
        let runner = Runner::new(&subject, &gallery, folder.path()).images(0..5).tag("seed", seed as i64);
        all = all.and(runner.tag("category", "full").run(&experiment).unwrap());
    }
    let (long, steps) = (all.long().unwrap(), all.table(ResultTable::Steps).unwrap());
    let text = |name: &str, row| long.column(name).unwrap().cell(row);
    // six measures at seven steps of two conditions and two seeds of an area, or of none
    assert_eq!(long.rows(), 2 * 2 * 7 * (3 * 2 + 3));
    let mut seen = 0;
    for row in (0..long.rows()).filter(|&row| text("area", row) == "v2" && text("measure", row) == "response") {
        // the durations of 2 and 4 steps are in ms
        let stim = numbers(&long, "condition")[row].unwrap() / 2.;
        let same = |name: &str, other: usize| numbers(&long, name)[row] == numbers(&steps, name)[other];
        let own = (0..steps.rows()).filter(|&r| same("seed", r) && same("times_index", r));
        let own = own.filter(|&r| numbers(&steps, "protocol.duration.stim")[r] == Some(stim));
        let values: Vec<f64> = own.filter_map(|r| numbers(&steps, "v2_response_avg")[r]).collect();
        assert_eq!(values.len(), 5);
        let mean = values.iter().sum::<f64>() / 5.;
        assert!((numbers(&long, "value")[row].unwrap() - mean).abs() < 1e-12);
        assert_eq!((numbers(&long, "samples")[row], text("category", row)), (Some(5.), "full".to_string()));
        seen += 1;
    }
    assert_eq!(seen, 2 * 2 * 7);
}

#[test]
fn figures_are_drawn_from_results() {
    let folder = tempfile::tempdir().unwrap();
    let set = net::images();
    let gallery = Gallery::of(&set).unwrap();
    let experiment = Experiment::parse(DURATION).unwrap();
    let mut all = Results::default();
    for seed in [1, 2] {
        let subject = net::subject(seed);
        let runner = Runner::new(&subject, &gallery, folder.path()).images(0..30);
        let runner = runner.tag("seed", seed as i64).tag("category", "full").tag("experiment", "duration");
        all = all.and(runner.run(&experiment).unwrap());
    }
    for figure in ["responses", "dynamics", "rdm", "confusion"] {
        let drawing = all.draw(figure, &Default::default()).unwrap_or_else(|error| panic!("{figure}: {error}"));
        assert!(drawing.svg.starts_with("<svg"), "{figure}");
        assert!(drawing.csv.lines().count() > 10, "{figure}: {}", drawing.csv);
    }
    // the number of a mean in a figure is that of the table
    let long = all.long().unwrap();
    let row = (0..long.rows()).find(|&row| long.column("area").unwrap().cell(row) == "v1").unwrap();
    assert!(numbers(&long, "value")[row].is_some());
    assert!(all.draw("respones", &Default::default()).unwrap_err().to_string().contains("responses"));
}

#[test]
fn what_does_not_fit_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (subject, set) = (net::subject(1), net::images());
    let gallery = Gallery::of(&set).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(DURATION.contains(from), "{from}");
        let experiment = Experiment::parse(&DURATION.replace(from, to)).unwrap();
        let error = Runner::new(&subject, &gallery, folder.path()).run(&experiment).unwrap_err().to_string();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        error
    };
    let text = refused("\"accuracy\"", "\"acuracy\"");
    assert!(text.contains("did you mean `accuracy`?"), "{text}");
    let text = refused("idle = 3", "idel_steps = 3");
    assert!(text.contains("`idel_steps`") && text.contains("did you mean `idle_steps`?"), "{text}");
    let text = refused("idle = 3", "status = \"trained-best\"");
    assert!(text.contains("status `trained-best`") && text.contains(".status("), "{text}");
    let text = refused("idle = 3", "tau = -1.0");
    assert!(text.contains("tau"), "{text}");
    let text = refused("reaction_time = { confidence = 0.11 }", "latency = { share = 0.5 }");
    assert!(text.contains("`latency`") && text.contains("not among"), "{text}");
    let text = refused("[measure]", "[interventions]\nx = { kind = \"area\", area = \"v9\" }\n[measure]");
    assert!(text.contains("no area `v9`") && text.contains("v1, v2, v3"), "{text}");
    let large = dynvision::data::mnist5k::test().unwrap();
    let large = Gallery::of(&large).unwrap();
    let experiment = Experiment::parse(DURATION).unwrap();
    let text = Runner::new(&subject, &large, folder.path()).run(&experiment).unwrap_err().to_string();
    assert!(text.contains("[1, 28, 28]") && text.contains("[1, 8, 8]"), "{text}");
    let text =
        Runner::new(&subject, &gallery, folder.path()).memory_limit(10).run(&experiment).unwrap_err().to_string();
    assert!(text.contains("limit of 10"), "{text}");
    let odd = Responses { areas: Some(vec!["v4".into()]), reduction: Reduction::Units };
    let text = Runner::new(&subject, &gallery, folder.path()).responses(odd).run(&experiment).unwrap_err().to_string();
    assert!(text.contains("no area `v4`"), "{text}");
}

#[test]
fn a_readout_that_answers_late_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let set = net::images();
    let gallery = Gallery::of(&set).unwrap();
    let mut late = net::net(1);
    late.dynamics_mut().t_feedforward = 4.0; // two steps from each of three areas
    let subject = dynvision_lab::Trained::new(late, &Cpu::default()).unwrap();
    let experiment = Experiment::parse(DURATION).unwrap();
    let results = Runner::new(&subject, &gallery, folder.path()).images(0..1).run(&experiment).unwrap();
    let steps = results.table(ResultTable::Steps).unwrap();
    let residual = steps.rows() / 2 - 7;
    assert!(residual > 0, "{} rows", steps.rows());
    let labels = numbers(&steps, "label_index");
    let counted: Vec<usize> = (0..7 + residual).filter(|&t| labels[t].is_some()).collect();
    assert_eq!(counted, [1 + residual, 2 + residual]);
}
