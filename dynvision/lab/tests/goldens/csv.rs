//! The cases of kind `csv`: the columns of the original's tables from the logits and unit responses behind them.

use crate::golden::Golden;
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

pub(crate) fn test_outputs(g: &mut Golden) {
    let shape = g.shape("logits");
    let (steps, classes) = (shape[1], shape[2]);
    let logits = g.floats("logits");
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

pub(crate) fn label_aliasing(g: &mut Golden) {
    // Only the labels as they were before the original overwrote them: their first ones are what it computed in time.
    let steps = g.shape("label_index_with_copies")[1];
    let labels = g.integers("label_index_with_copies");
    let found = as_numbers(first_labels(&labels, steps).into_iter());
    g.compare_all("first_label_index_as_shipped", &found);
    let overwritten = first_labels(&g.integers("label_index_as_shipped"), steps);
    assert_ne!(as_numbers(overwritten.into_iter()), found);
}

pub(crate) fn test_data(g: &mut Golden) {
    let shape = g.shape("logits");
    let (steps, classes) = (shape[1], shape[2]);
    // The original computes the performance from float16 logits; ours has them in float32.
    let logits = g.floats("logits");
    let rows = rows(&logits, classes);
    let half = g.floats("response/classifier");
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
            let response = g.floats(&format!("response/{layer}"));
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
