//! Presentation in time against batches that the original (DynVision 0.1.0 in Python) prepared.
//!
//! Left out: `batch_multi_t_no_mask`, frames that have a time axis already, to which no presentation is applied.

#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use dynvision::data::{Pattern, Presentation, Seed};
use safetensors::{SafeTensors, tensor::TensorView};

const DT: f64 = 2.0;

struct Case {
    name: &'static str,
    args: serde_json::Value,
    residual: usize,
    bytes: Vec<u8>,
}

impl Case {
    fn load(name: &'static str) -> Case {
        let path = |ending| format!("{}/tests/goldens/{name}.{ending}", env!("CARGO_MANIFEST_DIR"));
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path("json")).unwrap()).unwrap();
        Case {
            name,
            args: json["constructor_args"].clone(),
            residual: json["n_residual_timesteps"].as_u64().unwrap() as usize,
            bytes: std::fs::read(path("safetensors")).unwrap(),
        }
    }

    fn pattern(&self) -> Pattern {
        self.args["data_presentation_pattern"].as_str().unwrap().parse().unwrap()
    }

    /// The original takes milliseconds, of which the first full steps that cover them do not count.
    fn reaction_steps(&self) -> usize {
        self.args["loss_reaction_time"].as_f64().map_or(0, |ms| (ms / DT).ceil() as usize)
    }

    fn steps(&self) -> usize {
        self.args["input_dims"][0].as_u64().unwrap() as usize
    }

    /// Compares every pixel and label of the prepared batch with the plan.
    fn compare(&self, presentation: &Presentation) {
        let plan = presentation.plan(self.steps(), self.residual, Seed(0), 0);
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let (image, labels) = (floats(&file.tensor("input").unwrap()), integers(&file.tensor("labels").unwrap()));
        let (frames, frame_labels) =
            (file.tensor("processed_input").unwrap(), file.tensor("processed_labels").unwrap());
        let (batch, units) = (labels.len(), image.len() / labels.len());
        assert_eq!(frames.shape()[..2], [batch, plan.steps()], "{}", self.name);
        let (frames, frame_labels) = (floats(&frames), integers(&frame_labels));
        let ignored = self.args["non_label_index"].as_i64().unwrap_or(-1);
        for (b, &label) in labels.iter().enumerate() {
            let expected: Vec<i64> =
                plan.labels(label as usize).map(|label| label.map_or(ignored, |label| label as i64)).collect();
            assert_eq!(frame_labels[b * plan.steps()..][..plan.steps()], expected, "{}, labels of {b}", self.name);
            for (t, &shown) in plan.shown().iter().enumerate() {
                let frame = &frames[(b * plan.steps() + t) * units..][..units];
                let blank = vec![presentation.blank as f32; units];
                let expected = if shown { &image[b * units..][..units] } else { &blank };
                assert_eq!(frame, expected, "{}, image {b}, step {t}", self.name);
            }
        }
    }
}

fn floats(view: &TensorView<'_>) -> Vec<f32> {
    view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn integers(view: &TensorView<'_>) -> Vec<i64> {
    view.data().chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn batches_are_those_of_the_original() {
    for name in [
        "batch_all_zero_pattern",
        "batch_pattern_10",
        "batch_pattern_1011_rt4",
        "batch_pattern_longer_than_T",
        "batch_residual4",
        "batch_static",
        "batch_static_rt",
    ] {
        let case = Case::load(name);
        let presentation =
            Presentation { pattern: case.pattern(), reaction_steps: case.reaction_steps(), ..Default::default() };
        case.compare(&presentation);
    }
}

/// The original's draw is of another generator, so the pattern that it drew is read off its inputs. It must hold the same
/// entries, and lead to the same labels.
#[test]
fn a_shuffled_batch_is_that_of_the_original_for_the_pattern_it_drew() {
    let case = Case::load("batch_shuffled");
    let file = SafeTensors::deserialize(&case.bytes).unwrap();
    let frames = floats(&file.tensor("processed_input").unwrap());
    let units = frames.len() / 3 / case.steps();
    let seen: String = frames[..case.steps() * units]
        .chunks(units)
        .map(|f| if f.iter().any(|&x| x != 0.0) { '1' } else { '0' })
        .collect();
    let pattern: Pattern = seen.parse().unwrap();
    let entries = |pattern: &str| pattern.chars().filter(|&c| c == '1').count();
    assert_eq!(entries(&seen), entries(&case.pattern().to_string()) * case.steps() / 5);
    case.compare(&Presentation { pattern, reaction_steps: case.reaction_steps(), ..Default::default() });
}
