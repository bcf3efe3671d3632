//! Presentation in time against batches that the original prepared.

use crate::device::device;
use crate::golden::Golden;
use crate::report::Report;
use dfdx::prelude::*;
use dynvision::data::{Pattern, Presentation, Seed};
use dynvision::unroll::Stimulus;

/// Compares every pixel and label of a prepared batch with the plan.
pub(crate) fn batch(golden: &Golden) -> Report {
    compare(golden, pattern(golden))
}

/// The original's draw is of another generator, so the pattern that it drew is read off its inputs. It must hold the same
/// entries, and lead to the same labels.
pub(crate) fn shuffled(golden: &Golden) -> Report {
    let frames = golden.values("processed_input");
    let (steps, batch) = (steps(golden), golden.integers("labels").len());
    let units = frames.len() / (batch * steps);
    let shown = |frame: &[f32]| if frame.iter().any(|&x| x != 0.0) { '1' } else { '0' };
    let drawn: String = frames.chunks(units).take(steps).map(shown).collect();
    let ones = |pattern: &str| pattern.chars().filter(|&c| c == '1').count();
    let base = pattern(golden).to_string();
    let mut report = compare(golden, drawn.parse().unwrap());
    report.must(ones(&drawn) * base.len() == ones(&base) * steps, || format!("{drawn} is no shuffled {base}"));
    report
}

/// Frames that have a time axis already are shown as they are, and all of their labels count: no presentation is applied.
pub(crate) fn with_time_axis(golden: &Golden) -> Report {
    let dev = device();
    let (shape, values) = golden.get("input").unwrap();
    let [batch, steps] = [shape[0], shape[1]];
    let units = shape[2..].iter().product::<usize>();
    let at = |b: usize, t: usize| &values[(b * steps + t) * units..][..units];
    let frame = |t| dev.tensor_from_vec((0..batch).flat_map(|b| at(b, t).to_vec()).collect(), (batch, units));
    let stimulus = Stimulus::frames((0..steps).map(frame).collect(), NoneTape);
    let shown = |b: usize, t: usize| stimulus.frame(t).unwrap().as_vec()[b * units..][..units].to_vec();
    let frames: Vec<f32> =
        (0..batch).flat_map(|b| (0..steps).map(move |t| (b, t))).flat_map(|(b, t)| shown(b, t)).collect();
    let mut report = Report::default();
    report.must(stimulus.steps() == steps, || format!("{} steps", stimulus.steps()));
    report.must(frames == golden.values("processed_input"), || "frames differ".into());
    report.must(golden.integers("labels") == golden.integers("processed_labels"), || "labels differ".into());
    report
}

fn pattern(golden: &Golden) -> Pattern {
    golden.json["constructor_args"]["data_presentation_pattern"].as_str().unwrap().parse().unwrap()
}

fn steps(golden: &Golden) -> usize {
    golden.json["constructor_args"]["input_dims"][0].as_u64().unwrap() as usize
}

fn compare(golden: &Golden, pattern: Pattern) -> Report {
    const DT: f64 = 2.0;
    let arguments = &golden.json["constructor_args"];
    // the original takes milliseconds, of which the first full steps that cover them do not count
    let reaction_steps = arguments["loss_reaction_time"].as_f64().map_or(0, |ms| (ms / DT).ceil() as usize);
    let presentation = Presentation { pattern, reaction_steps, ..Default::default() };
    let residual = golden.json["n_residual_timesteps"].as_u64().unwrap() as usize;
    let plan = presentation.plan(steps(golden), residual, Seed(0), 0);
    let ignored = arguments["non_label_index"].as_i64().unwrap_or(-1);

    let (image, labels) = (golden.values("input"), golden.integers("labels"));
    let units = image.len() / labels.len();
    let (mut frames, mut frame_labels) = (Vec::new(), Vec::new());
    for (image, &label) in image.chunks(units).zip(&labels) {
        frame_labels.extend(plan.labels(label as usize).map(|label| label.map_or(ignored, |label| label as i64)));
        for &shown in plan.shown() {
            frames.extend(image.iter().map(|&x| if shown { x } else { presentation.blank as f32 }));
        }
    }
    let mut report = Report::default();
    report.must(frames == golden.values("processed_input"), || "frames differ".into());
    report.must(frame_labels == golden.integers("processed_labels"), || "labels differ".into());
    report
}
