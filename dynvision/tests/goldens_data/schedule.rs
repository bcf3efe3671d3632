//! Learning rates over epochs and steps.

use crate::{Case, Golden};
use dynvision::optim::{LrScaling, Schedule};

/// The cases of kind `schedule`.
pub(crate) fn case(name: &str) -> Option<Case> {
    match name {
        "lr_effective" => Some(Case::Compare(effective)),
        _ if name.starts_with("lr_") => Some(Case::Compare(rates)),
        _ => None,
    }
}

fn differs(what: &str, ours: f64, theirs: f64, tolerance: f64) -> Option<String> {
    let close = (ours - theirs).abs() <= tolerance * theirs.abs();
    (!close).then(|| format!("{what}: {ours} and not {theirs}"))
}

/// Each column is a group: the schedule of its own base rate, as PyTorch's is, whose floor is a rate and no part of one.
fn rates(golden: &Golden) -> Vec<String> {
    let number = |key: &str| golden.json[key].as_f64().unwrap();
    let (base, tolerance) = (number("base_lr"), number("tolerance"));
    let (shape, theirs) = (golden.shape("lr"), golden.numbers("lr"));
    let groups = golden.json["groups"].as_array().unwrap();
    assert_eq!(shape[1], groups.len(), "a column for each group");
    let mut wrong = Vec::new();
    for (column, group) in groups.iter().enumerate() {
        let (full, schedule) = schedule(golden, base * group["factor"].as_f64().unwrap());
        schedule.check().unwrap();
        for (step, row) in theirs.chunks(shape[1]).enumerate() {
            let ours = schedule.lr(full, step as u64);
            wrong.extend(differs(&format!("{} at {step}", group["name"]), ours, row[column], tolerance));
        }
    }
    wrong
}

/// Ours for one of PyTorch's, with the full rate that it multiplies.
fn schedule(golden: &Golden, base: f64) -> (f64, Schedule) {
    let arguments = &golden.json["scheduler_kwargs"];
    let real = |key: &str, default: f64| arguments.get(key).map_or(default, |value| value.as_f64().unwrap());
    let whole = |key: &str| arguments[key].as_u64().unwrap();
    match golden.json["scheduler"].as_str().unwrap() {
        "CosineAnnealingLR" => {
            (base, Schedule::CosineAnnealing { steps: whole("T_max"), floor: real("eta_min", 0.0) / base })
        }
        "StepLR" => (base, Schedule::Step { every: whole("step_size"), factor: real("gamma", 0.1) }),
        "ExponentialLR" => (base, Schedule::Exponential { factor: real("gamma", f64::NAN) }),
        "LinearLR" => {
            let (start, end) = (real("start_factor", 1.0 / 3.0), real("end_factor", 1.0));
            (base, Schedule::Linear { start, end, steps: whole("total_iters") })
        }
        // one greatest rate for all groups
        "OneCycleLR" => (
            real("max_lr", f64::NAN),
            Schedule::OneCycle {
                steps: whole("total_steps"),
                pct_start: real("pct_start", 0.3),
                div_factor: real("div_factor", 25.0),
                final_div_factor: real("final_div_factor", 1e4),
            },
        ),
        other => unreachable!("no golden is of {other}"),
    }
}

/// The rate that the size of the batch makes of the base rate.
fn effective(golden: &Golden) -> Vec<String> {
    let base = golden.json["base_lr"].as_f64().unwrap();
    let tolerance = golden.json["tolerance"].as_f64().unwrap();
    let (batch, accumulate, theirs) = (golden.integers("batch"), golden.integers("accumulate"), golden.numbers("lr"));
    let mut wrong = Vec::new();
    for ((batch, accumulate), theirs) in batch.into_iter().zip(accumulate).zip(theirs) {
        let ours = base * LrScaling::Legacy.factor((batch * accumulate) as usize);
        wrong.extend(differs(&format!("{batch} by {accumulate}"), ours, theirs, tolerance));
    }
    wrong
}
