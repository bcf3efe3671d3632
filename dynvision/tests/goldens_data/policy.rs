//! Checkpoints, early stopping, accumulation and clipping.

use crate::{Case, Golden};
use dfdx::prelude::*;
use dynvision::optim::{Clip, Groups, MonitorMode, Sgd, SgdConfig};
use dynvision::train::{EarlyStopping, Epoch, Metrics, Monitor, TrainingLog};
use serde_json::Value;

/// The cases of kind `policy`.
pub(crate) fn case(name: &str) -> Option<Case> {
    Some(Case::Compare(match name {
        "policy_early_stopping_min" | "policy_early_stopping_nan" => early_stopping,
        "policy_checkpoints" | "policy_checkpoints_val" | "policy_checkpoints_nan_first" => checkpoints,
        "policy_accumulate_clip_none" => |golden| updates(golden, Clip::Norm(f64::INFINITY)),
        "policy_accumulate_clip_norm" => |golden| updates(golden, Clip::Norm(0.5)),
        "policy_accumulate_clip_value" => |golden| updates(golden, Clip::Value(0.3)),
        _ => return None,
    }))
}

fn differs<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, theirs: T) -> Option<String> {
    (ours != theirs).then(|| format!("{what}: {ours:?} and not {theirs:?}"))
}

fn early_stopping(golden: &Golden) -> Vec<String> {
    let arguments = &golden.json["args"];
    let stop = EarlyStopping {
        patience: arguments["patience"].as_u64().unwrap() as usize,
        min_delta: arguments["min_delta"].as_f64().unwrap(),
        threshold: None,
    };
    let mode: MonitorMode = serde_json::from_value(arguments["mode"].clone()).unwrap();
    let values = golden.numbers("metric");
    let trace = golden.json["trace"].as_array().unwrap();
    assert_eq!(trace.len() as i64, golden.integers("stopped_at")[0] + 1, "the trace ends where it stops");
    let mut wrong = Vec::new();
    for (check, row) in trace.iter().enumerate() {
        let ours = stop.judge(mode, values[..=check].iter().copied());
        wrong.extend(differs(&format!("stops at {check}"), ours.stop, row[0].as_bool().unwrap()));
        wrong.extend(differs(&format!("waits at {check}"), ours.waited as u64, row[1].as_u64().unwrap()));
        // theirs is rounded to single precision
        let best = ours.best.unwrap_or(f64::NAN) as f32;
        wrong.extend(differs(&format!("best at {check}"), best, row[2].as_f64().unwrap() as f32));
    }
    wrong
}

/// A number, a text `nan`, or the last of the numbers of the steps.
fn number(value: &Value) -> f64 {
    match value {
        Value::Array(steps) => number(steps.last().unwrap()),
        Value::String(text) => text.parse().unwrap(),
        other => other.as_f64().unwrap(),
    }
}

/// The epochs, from 0, of the files of a kind.
fn epochs(files: &Value, kind: &str) -> Vec<usize> {
    let prefix = format!("trained-{kind}-");
    let names = files.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let mut epochs: Vec<usize> =
        names.filter_map(|name| name.strip_prefix(&prefix)?.split('-').next()?.parse().ok()).collect();
    epochs.sort_unstable();
    epochs
}

/// Which epochs are kept; names are ours, and so is the best of all: it is by the metric and not by its print. What the
/// original puts in the place of a metric that is not there is given as the training's.
fn checkpoints(golden: &Golden) -> Vec<String> {
    let json = &golden.json;
    let whole = |key: &str| json[key].as_u64().unwrap() as usize;
    let (top, every, mode) = (whole("save_top_k"), whole("every_n_epochs"), MonitorMode::Min);
    let all = |key: &str| json[key].as_array().map(|values| values.iter().map(number).collect::<Vec<_>>());
    let (train, valid) = (all("train").unwrap(), all("val"));
    let monitor = Monitor::of(if valid.is_some() { "valid_loss" } else { "train_loss" }, mode);
    let metrics = |loss| Metrics { loss, ..Default::default() };
    let log = |count: usize| TrainingLog {
        epochs: (0..count)
            .map(|i| Epoch {
                epoch: i + 1,
                train: metrics(train[i]),
                valid: valid.as_ref().map(|valid| metrics(valid[i])),
                ..Default::default()
            })
            .collect(),
    };
    let mut wrong = Vec::new();
    let starts = json["files_at_start_of_epoch"].as_array().unwrap();
    for (done, files) in starts.iter().chain([&json["files_at_end"]]).enumerate() {
        let best: Vec<usize> = monitor.best(&log(done), top).into_iter().map(|epoch| epoch - 1).collect();
        wrong.extend(differs(&format!("best after {done}"), best, epochs(files, "best")));
        let stay: Vec<usize> = (1..=done).filter(|epoch| epoch.is_multiple_of(every)).map(|epoch| epoch - 1).collect();
        wrong.extend(differs(&format!("every {every} after {done}"), stay, epochs(files, "epoch")));
    }
    let (count, last) = (train.len(), epochs(&json["files_at_end"], "last"));
    wrong.extend(differs("last", vec![count - 1], last));
    let least = valid.as_ref().unwrap_or(&train).iter().copied().fold(f64::INFINITY, f64::min);
    let best = monitor.best(&log(count), 1)[0] - 1;
    wrong.extend(differs("value of the best", valid.as_ref().unwrap_or(&train)[best], least));
    // the original passes over a best that is negative
    if least >= 0.0 {
        wrong.extend(differs(
            "best of all",
            vec![best],
            epochs(&Value::from(vec![json["exported_best"].clone()]), "best"),
        ));
    }
    wrong
}

/// The weights after every batch. The gradients of 3 batches are summed, each divided by 3; at the end of an epoch there is
/// one alone, which the original still divides by 3 (our trainer takes the mean of those that there are).
fn updates(golden: &Golden, clip: Clip) -> Vec<String> {
    let dev = Cpu::default();
    let (inputs, theirs) = (golden.values("x"), golden.values("weights"));
    let init = golden.json["init"].as_array().unwrap();
    let mut w = dev.tensor([0, 1].map(|i| init[i].as_f64().unwrap() as f32));
    let mut optimizer = Sgd::new(&w, SgdConfig { lr: 0.1, ..Default::default() }).unwrap();
    let mut ours = Vec::new();
    for _epoch in 0..2 {
        let mut grads = Gradients::leaky();
        let batches: Vec<&[f32]> = inputs.chunks(4).collect();
        for (batch, x) in batches.iter().enumerate() {
            let x = dev.tensor([[x[0], x[1]], [x[2], x[3]]]);
            // rows by weights: a matrix by a vector is a vector by the matrix turned
            let answers = w.trace(grads).matmul(x.permute::<_, Axes2<1, 0>>());
            grads = (answers.square().mean() / 3.0).backward();
            if (batch + 1).is_multiple_of(3) || batch + 1 == batches.len() {
                clip.apply(&w, &mut grads, &Groups::default()).unwrap();
                optimizer.step(&mut w, &mut grads).unwrap();
                grads = Gradients::leaky();
            }
            ours.extend(w.array());
        }
    }
    let tolerance = golden.json["tolerance"].as_f64().unwrap() as f32;
    let scale = theirs.iter().fold(0f32, |scale, value| scale.max(value.abs()));
    let worst = ours.iter().zip(&theirs).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
    let close = ours.len() == theirs.len() && worst <= tolerance * scale;
    (!close).then(|| format!("greatest difference {worst} in {} of {}", ours.len(), theirs.len())).into_iter().collect()
}
