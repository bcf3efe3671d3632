//! The cases of kind `csv`: the columns of the original's tables from the logits and unit responses behind them.

use crate::compare::Case;
use dynvision_lab::table::{Column, Table};
use dynvision_lab::{measure::*, statistics};

fn rows(logits: &[f32], classes: usize) -> Vec<&[f32]> {
    logits.chunks_exact(classes).collect()
}

fn shares(each: impl Iterator<Item = Option<bool>>) -> Vec<Option<f64>> {
    each.map(|right| right.map(f64::from)).collect()
}

/// The first label of each row's sample.
fn first_labels(labels: &[i64], steps: usize) -> Vec<i64> {
    labels.chunks_exact(steps).flat_map(|sample| vec![first_label(sample).unwrap(); steps]).collect()
}

fn confidences(rows: &[&[f32]], classes: impl Iterator<Item = i64>) -> Vec<Option<f64>> {
    rows.iter().zip(classes).map(|(row, class)| confidence(row, class)).collect()
}

fn as_numbers(integers: impl Iterator<Item = i64>) -> Vec<f64> {
    integers.map(|x| x as f64).collect()
}

pub(crate) fn test_outputs(g: &mut Case) {
    let shape = g.shape("logits");
    let (steps, classes) = (shape[1], shape[2]);
    let logits = g.values("logits");
    let rows = rows(&logits, classes);
    let labels = g.integers("csv/label_index");
    let guesses: Vec<Option<usize>> = rows.iter().map(|row| guess(row)).collect();
    g.compare_all("csv/guess_index", &as_numbers(guesses.iter().map(|c| c.unwrap() as i64)));
    let first = first_labels(&labels, steps);
    g.compare_all("csv/first_label_index", &as_numbers(first.iter().copied()));
    let guess_confidence = confidences(&rows, guesses.iter().map(|c| c.unwrap() as i64));
    let first_confidence = confidences(&rows, first.iter().copied());
    g.compare("csv/guess_confidence", &guess_confidence);
    g.compare("csv/first_label_confidence", &first_confidence);
    // Both batches have three samples, so that the mean over them is the mean over rows.
    let metrics = g.json["epoch_metrics"].clone();
    let epoch = |name: &str| metrics[&format!("test_{name}_epoch")].as_f64().unwrap();
    let mean = |each: &[Option<f64>]| each.iter().copied().collect::<statistics::Aggregate>().mean;
    for (name, found) in [
        ("accuracy", accuracy(&guesses, &labels)),
        ("guess_confidence", mean(&guess_confidence)),
        ("first_label_confidence", mean(&first_confidence)),
    ] {
        let found = found.unwrap();
        assert!((found - epoch(name)).abs() < 1e-6, "test_{name}_epoch is {found}, not {}", epoch(name));
    }
}

pub(crate) fn label_aliasing(g: &mut Case) {
    // Only the labels as they were before the original overwrote them: their first ones are what it computed in time.
    let steps = g.shape("label_index_with_copies")[1];
    let labels = g.integers("label_index_with_copies");
    let found = as_numbers(first_labels(&labels, steps).into_iter());
    g.compare_all("first_label_index_as_shipped", &found);
    let overwritten = first_labels(&g.integers("label_index_as_shipped"), steps);
    assert_ne!(as_numbers(overwritten.into_iter()), found);
}

pub(crate) fn test_data(g: &mut Case) {
    let shape = g.shape("logits");
    let (steps, classes) = (shape[1], shape[2]);
    // The original computes the performance from float16 logits; ours has them in float32.
    let logits = g.values("logits");
    let rows = rows(&logits, classes);
    let half = g.values("response/classifier");
    let half_rows: Vec<&[f32]> = half.chunks_exact(classes).collect();
    let guesses: Vec<Option<usize>> = rows.iter().map(|row| guess(row)).collect();
    for table in ["unit", "layer"] {
        let column = |name: &str| format!("{table}/{name}");
        let labels = g.integers(&column("label_index"));
        let first = first_labels(&labels, steps);
        g.compare_all(&column("guess_index"), &as_numbers(guesses.iter().map(|c| c.unwrap() as i64)));
        g.compare_all(&column("first_label_index"), &as_numbers(first.iter().copied()));
        g.compare(&column("guess_confidence"), &confidences(&rows, guesses.iter().map(|c| c.unwrap() as i64)));
        g.compare(&column("first_label_confidence"), &confidences(&rows, first.iter().copied()));
        let label_confidence = |rows: &[&[f32]]| -> Vec<Option<f64>> {
            let each = rows.iter().zip(&labels);
            each.map(|(row, &label)| {
                // A blank has no label: ours is missing, the original's is 0.
                assert_eq!(confidence(row, label).is_none(), label < 0);
                Some(legacy::confidence(row, label))
            })
            .collect()
        };
        g.compare_at(&column("label_confidence"), &label_confidence(&half_rows), 2e-3);
        g.compare_at(&column("label_confidence"), &label_confidence(&rows), 5e-3);
        g.compare_at(&column("accuracy"), &shares(guesses.iter().zip(&first).map(|(&c, &l)| correct(c, l))), 0.);
        let top = |k| shares(rows.iter().zip(&first).map(|(row, &label)| correct_top_k(row, label, k)));
        g.compare_at(&column("accuracy_top1"), &top(1), 0.);
        assert!(top(9).iter().all(Option::is_none), "above the number of classes");
        let units = classifier_top_k(&logits, classes, 2).unwrap();
        for (place, unit) in units.into_iter().enumerate() {
            let name = column(&format!("classifier_top{}", place + 1));
            g.compare_all(&format!("{name}_id"), &vec![unit as f64; rows.len()]);
            g.compare_all(&name, &rows.iter().map(|row| row[unit].into()).collect::<Vec<_>>());
        }
        for layer in ["layer1", "layer2"] {
            let shape = g.shape(&format!("response/{layer}"));
            let units: usize = shape[2..].iter().product();
            let response = g.values(&format!("response/{layer}"));
            let each = |f: &dyn Fn(&[f32]) -> Option<f64>| response.chunks_exact(units).map(f).collect::<Vec<_>>();
            g.compare_at(&column(&format!("{layer}_response_avg")), &each(&response_avg), 2e-3);
            g.compare_at(&column(&format!("{layer}_response_std")), &each(&response_std), 2e-3);
            if table == "unit" {
                let spatial = each(&|r| spatial_variance(r, shape[2]));
                let feature = each(&|r| feature_variance(r, shape[2]));
                g.compare_at(&column(&format!("{layer}_spatial_variance")), &spatial, 2e-3);
                g.compare_at(&column(&format!("{layer}_feature_variance")), &feature, 2e-3);
            }
        }
    }
    let first = first_labels(&g.integers("unit/label_index"), steps);
    let top = shares(rows.iter().zip(&first).map(|(row, &label)| correct_top_k(row, label, 3)));
    g.compare_at("accuracy_top3_by_logits", &top, 0.);
}

/// The original counts all samples, and has responses of those before the limit: the others' measures are missing.
pub(crate) fn early_stop(g: &mut Case) {
    let shape = g.shape("logits");
    let (steps, classes) = (shape[1], shape[2]);
    let logits = g.values("logits");
    let rows = rows(&logits, classes);
    let limited = g.json["rows_1_1"].as_u64().unwrap() as usize;
    assert_eq!(limited, 3 * steps);
    for (table, count) in [("csv", limited), ("short", g.json["rows_1_2"].as_u64().unwrap() as usize)] {
        let column = |name: &str| format!("{table}/{name}");
        let rows = &rows[..count];
        let labels = g.integers(&column("label_index"));
        let first = first_labels(&labels, steps);
        let guesses: Vec<Option<usize>> = rows.iter().map(|row| guess(row)).collect();
        let each = |of: &dyn Fn(usize) -> i64| as_numbers((0..count).map(of));
        g.compare_all(&column("sample_index"), &each(&|row| (row / steps) as i64));
        g.compare_all(&column("image_index"), &each(&|row| (row / steps) as i64));
        g.compare_all(&column("times_index"), &each(&|row| (row % steps) as i64));
        g.compare_all(&column("first_label_index"), &as_numbers(first.iter().copied()));
        g.compare_all(&column("guess_index"), &as_numbers(guesses.iter().map(|c| c.unwrap() as i64)));
        let guessed = guesses.iter().map(|c| c.unwrap() as i64);
        g.compare(&column("guess_confidence"), &confidences(rows, guessed));
        g.compare(&column("first_label_confidence"), &confidences(rows, first.iter().copied()));
        if table == "short" {
            g.compare_at("short/accuracy", &shares(guesses.iter().zip(&first).map(|(&c, &l)| correct(c, l))), 0.);
            // what a table lacks is missing in the rows that it adds
            let half = g.values("response/classifier");
            let top = half.chunks_exact(classes).zip(&first).map(|(row, &label)| correct_top_k(row, label, 3));
            let limited = Table::new()
                .with("layer1_response_avg", g.numbers("response/layer1_response_avg"))
                .and_then(|table| table.with("layer2_response_avg", g.numbers("response/layer2_response_avg")))
                .and_then(|table| table.with("accuracy_top3", shares(top)))
                .unwrap();
            let rest = Table::new().with("sample_index", vec![0; count - limited.rows()]).unwrap();
            let both = limited.then(&rest).unwrap();
            for name in ["layer1_response_avg", "layer2_response_avg"] {
                let found = both.column(name).and_then(Column::numbers).unwrap();
                assert_eq!(found.iter().filter(|x| x.is_none()).count(), count - 3 * steps);
                g.compare(&column(name), &found);
            }
            // The original ranks softmax values in half precision, which underflow to equal zeros at a difference of 17: there
            // ours is right, and elsewhere the two agree.
            let mut found = both.column("accuracy_top3").and_then(Column::numbers).unwrap();
            let theirs = g.numbers("short/accuracy_top3");
            for (place, (row, theirs)) in found.iter_mut().zip(rows.iter().zip(theirs)) {
                let order = top_k(row, 3).unwrap();
                if place.is_some() && row[order[0]] - row[order[2]] > 17. {
                    *place = Some(theirs);
                }
            }
            g.compare("short/accuracy_top3", &found);
        }
    }
}

/// Tables of three tests joined, each with its conditions. The original sorts them as text (10 before 3), ours by size.
pub(crate) fn stage2(g: &mut Case) {
    const NAMES: [&str; 8] = [
        "sample_index",
        "times_index",
        "label_index",
        "guess_index",
        "image_index",
        "first_label_index",
        "accuracy",
        "layer1_response_avg",
    ];
    let rows = g.shape("input/sample_index")[0];
    let test = |interval: i64, recurrence: &str, times: f64| {
        let mut table = Table::new();
        for name in NAMES {
            let factor = if name == "layer1_response_avg" { times } else { 1. };
            let values: Vec<f64> = g.numbers(&format!("input/{name}")).iter().map(|x| x * factor).collect();
            table = table.with(name, values).unwrap();
        }
        let table = table.with("interval", vec![interval; rows]).unwrap();
        let table = table.with("rctype", Column::text(recurrence, rows)).unwrap();
        table.with("status", Column::text("trained-epoch=49", rows)).unwrap()
    };
    let joined = test(10, "full", 2.).then(&test(3, "none", 3.)).and_then(|t| t.then(&test(3, "full", 1.))).unwrap();
    let sorted = joined.sorted(&["status", "rctype", "interval", "sample_index", "times_index"]).unwrap();
    let runs = |column: &Column| {
        let cells: Vec<String> = (0..column.len()).map(|row| column.cell(row)).collect();
        cells.chunk_by(|a, b| a == b).map(|run| (run[0].clone(), run.len())).collect::<Vec<_>>()
    };
    let run = |text: &str, n: usize| (text.to_string(), n * rows);
    assert_eq!(runs(sorted.column("interval").unwrap()), [run("3", 1), run("10", 1), run("3", 1)]);
    // the original reads "none" back as nothing
    assert_eq!(runs(sorted.column("rctype").unwrap()), [run("full", 2), run("none", 1)]);
    assert_eq!(g.json["text_runs"]["rctype"][1][0], serde_json::Value::Null);
    assert_eq!(g.json["text_runs"]["rctype"][1][1], rows);
    assert_eq!(g.json["text_runs"]["interval"][0][0], "10");
    for name in NAMES {
        let ours = sorted.column(name).and_then(Column::numbers).unwrap();
        // its order: interval 10 before 3
        let theirs: Vec<_> =
            [1, 0, 2].iter().flat_map(|&block| ours[block * rows..(block + 1) * rows].to_vec()).collect();
        // the original's file has eight digits
        g.compare_at(&format!("csv/{name}"), &theirs, 5e-8);
    }
}
