//! The cases of kind `measure`.

use crate::compare::Case;
use dynvision_lab::measure::*;
use dynvision_lab::statistics;
use std::collections::BTreeMap;

fn guesses(integers: &[i64]) -> Vec<Option<usize>> {
    integers.iter().map(|&g| usize::try_from(g).ok()).collect()
}

pub(crate) fn accuracy_masked(g: &mut Case) {
    let (guess, label) = (g.integers("guess"), g.integers("label"));
    let all = accuracy(&guesses(&guess), &label);
    g.compare("dataframe_accuracy", &[all]);
    // The second number of `accuracy` is of labels that are all below 0: ours is missing, the original's is 0.
    let none = vec![-1; label.len()];
    assert_eq!(accuracy(&guesses(&guess), &none), None);
    g.compare("accuracy", &[all, Some(legacy::accuracy(&guesses(&guess), &none))]);
}

fn aggregate(g: &mut Case, error: fn(&[f64]) -> Option<f64>) {
    let input = g.json["input"].clone();
    let column = |name: &str| input[name].as_array().unwrap().clone();
    let mut groups: BTreeMap<(String, i64), (Vec<f64>, bool)> = BTreeMap::new();
    let rows = column("group").into_iter().zip(column("t")).zip(column("y").into_iter().zip(column("label_valid")));
    for ((group, t), (y, valid)) in rows {
        let key = (group.as_str().unwrap().to_string(), t.as_i64().unwrap());
        let entry = groups.entry(key).or_default();
        entry.0.push(y.as_f64().unwrap());
        entry.1 |= valid.as_i64().unwrap() > 0;
    }
    for (ending, least) in [("", 1), ("_min2", 2)] {
        let kept: Vec<_> = groups.values().filter(|(values, _)| values.len() >= least).collect();
        let means: Vec<_> = kept.iter().map(|(values, _)| statistics::mean(values)).collect();
        let errors: Vec<_> = kept.iter().map(|(values, _)| error(values)).collect();
        g.compare(&format!("mean{ending}"), &means);
        g.compare(&format!("error{ending}"), &errors);
    }
    let valid: Vec<f64> = groups.values().map(|&(_, valid)| valid.into()).collect();
    g.compare_all("label_valid", &valid);
}

pub(crate) fn aggregate_std(g: &mut Case) {
    aggregate(g, statistics::legacy::population_std);
}

pub(crate) fn aggregate_ci95(g: &mut Case) {
    aggregate(g, statistics::legacy::ci95);
}

pub(crate) fn confidence_of_classes(g: &mut Case) {
    let logits = g.values("logits");
    let count = g.shape("logits")[2];
    let steps = g.shape("logits")[1];
    let rows: Vec<&[f32]> = logits.chunks_exact(count).collect();
    let of = |classes: &[i64]| -> Vec<f64> {
        assert_eq!(classes.len(), rows.len());
        rows.iter()
            .zip(classes)
            .map(|(row, &class)| {
                // Ours is the original's where there is such a class, and missing where there is not.
                let expected = (0..count as i64).contains(&class).then(|| legacy::confidence(row, class));
                assert_eq!(confidence(row, class), expected);
                legacy::confidence(row, class)
            })
            .collect()
    };
    let classes = g.integers("classes");
    g.compare_all("confidence", &of(&classes));
    let half: Vec<_> = of(&classes).into_iter().map(Some).collect();
    g.compare_at("half", &half, 1e-3);
    let per_sample: Vec<i64> = g.integers("classes_per_sample").iter().flat_map(|&c| vec![c; steps]).collect();
    g.compare_all("confidence_per_sample", &of(&per_sample));
    g.compare_all("all_invalid", &of(&vec![-1; rows.len()]));
    let guessed: Vec<usize> = rows.iter().map(|row| guess(row).unwrap()).collect();
    g.compare_all("guess", &guessed.iter().map(|&c| c as f64).collect::<Vec<_>>());
    let guess_confidence: Vec<_> = rows.iter().zip(&guessed).map(|(row, &c)| confidence(row, c as i64)).collect();
    g.compare("guess_confidence", &guess_confidence);
}

fn traces(g: &Case, tensor: &str) -> Vec<Vec<f64>> {
    let steps = g.shape(tensor)[1];
    g.numbers(tensor).chunks_exact(steps).map(<[f64]>::to_vec).collect()
}

fn dynamics(g: &mut Case, values: impl Fn(&[Vec<f64>]) -> Vec<f64>) {
    assert_eq!(g.json["trace_rows"], g.json["value_rows"]);
    let found = values(&traces(g, "trace"));
    g.compare_all("value", &found);
}

pub(crate) fn dynamics_peak_height(g: &mut Case) {
    dynamics(g, |traces| traces.iter().map(|x| legacy::peak_height(x).unwrap()).collect());
}

pub(crate) fn dynamics_peak_time(g: &mut Case) {
    let dt_ms = 2.;
    dynamics(g, |traces| traces.iter().map(|x| legacy::peak_time(x).unwrap() as f64 * dt_ms).collect());
}

pub(crate) fn dynamics_summed_response(g: &mut Case) {
    // A row is (category, seed, sample, parameter); the largest is over the parameters of the first three.
    let rows = g.json["trace_rows"].as_array().unwrap().clone();
    dynamics(g, |traces| {
        let same: Vec<_> = rows.iter().map(|row| row.as_array().unwrap()[..3].to_vec()).collect();
        same.chunk_by(|a, b| a == b)
            .scan(0, |from, group| {
                let sums = traces[*from..*from + group.len()].iter().map(|x| legacy::summed_response(x));
                *from += group.len();
                Some(legacy::normalised_by_largest(&sums.collect::<Vec<_>>()))
            })
            .flatten()
            .collect()
    });
}

pub(crate) fn indicator(g: &mut Case) {
    let steps = g.shape("label_index")[1];
    let labels: Vec<Vec<i64>> = g.integers("label_index").chunks_exact(steps).map(<[i64]>::to_vec).collect();
    // The measure says where the bar is; its height, 0.15 of an axis that is 2 high in the case, is the figure's.
    let height = 0.15 * 2.;
    let bar: Vec<f64> = label_indicator(&labels).into_iter().map(|on| if on { height } else { 0. }).collect();
    g.compare_all("indicator", &bar);
}

pub(crate) fn normalize_trace(g: &mut Case) {
    let rows = g.numbers("in");
    let samples: Vec<&[f64]> = rows.chunks_exact(3).collect();
    let input = &g.json["input"];
    assert_eq!(input["times_index"].as_array().unwrap().len(), rows.len());
    assert_eq!(input["hue"][5], "a");
    assert_eq!(input["hue"][6], "b");
    let (a, b) = samples.split_at(2);
    let per_hue: Vec<f64> = [normalise(a), normalise(b)].concat().concat();
    g.compare_all("per_hue", &per_hue);
    g.compare_all("all", &normalise(&samples).concat());
    g.compare_all("zero", &normalise(&vec![[0.; 3]; samples.len()]).concat());
}

pub(crate) fn peaks(g: &mut Case) {
    let rows = traces(g, "trace");
    let time = |rows: &[Vec<f64>]| rows.iter().map(|x| legacy::peak_time(x).unwrap() as f64).collect::<Vec<_>>();
    let height = |rows: &[Vec<f64>]| rows.iter().map(|x| legacy::peak_height(x)).collect::<Vec<_>>();
    let ratio = |rows: &[Vec<f64>]| rows.iter().map(|x| legacy::peak_ratio(x, 5)).collect::<Vec<_>>();
    g.compare_all("peak_time", &time(&rows));
    g.compare("peak_height", &height(&rows));
    g.compare_all("peak_ratio", &ratio(&rows));
    g.compare("time_average", &rows.iter().map(|x| legacy::time_average(x)).collect::<Vec<_>>());
    let single = traces(g, "single_step");
    g.compare_all("single_peak_time", &time(&single));
    g.compare("single_peak_height", &height(&single));
    g.compare_all("single_peak_ratio", &ratio(&single));
}

pub(crate) fn response_avg_std(g: &mut Case) {
    for name in ["map5", "map4", "vector", "single_unit", "half"] {
        let response = g.values(&format!("response/{name}"));
        let units: usize = g.shape(&format!("response/{name}"))[2..].iter().product();
        let tolerance = if name == "half" { 1e-3 } else { g.tolerance() };
        let avg: Vec<_> = response.chunks_exact(units).map(response_avg).collect();
        let std: Vec<_> = response.chunks_exact(units).map(response_std).collect();
        g.compare_at(&format!("response_avg/{name}"), &avg, tolerance);
        g.compare_at(&format!("response_std/{name}"), &std, tolerance);
    }
}

pub(crate) fn summation(g: &mut Case) {
    let parameters = g.json["parameters"].as_array().unwrap().clone();
    let sums: Vec<Vec<f64>> = parameters
        .iter()
        .map(|p| traces(g, &format!("trace/{p}")).iter().map(|x| legacy::summed_response(x)).collect())
        .collect();
    let samples = sums[0].len();
    let mut found = vec![0.; samples * parameters.len()];
    for sample in 0..samples {
        let of_sample: Vec<f64> = sums.iter().map(|parameter| parameter[sample]).collect();
        for (p, value) in legacy::temporal_summation(&of_sample, false).unwrap().into_iter().enumerate() {
            found[p * samples + sample] = value;
        }
    }
    g.compare_all("normalised", &found);
    // The original stops with a ZeroDivisionError; ours is missing.
    assert!(g.json["all_zero_error"].as_str().unwrap().starts_with("ZeroDivisionError"));
    assert_eq!(legacy::temporal_summation(&[0.; 4], false), None);
}

pub(crate) fn unrolling_shift(g: &mut Case) {
    let (engineering, biological) = (traces(g, "engineering"), traces(g, "biological"));
    let steps = biological[0].len();
    let pad = |rows: &[Vec<f64>]| rows.iter().flat_map(|x| pad_front(x, steps)).collect::<Vec<_>>();
    g.compare_all("engineering_padded", &pad(&engineering));
    g.compare_all("biological_padded", &pad(&biological));
    for k in [0, 1, 3, 8, 9] {
        let shifted: Vec<f64> = biological.iter().flat_map(|x| shift(x, k)).collect();
        g.compare_all(&format!("shifted/{k}"), &shifted);
    }
}
