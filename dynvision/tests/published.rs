//! Weights under the names of the authors' code, in a model of ours.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

#[path = "common/golden.rs"]
mod golden;

use dynvision::interop::{StateDict, StateError, Weights, published};
use dynvision::prelude::*;
use golden::Golden;

dynvision::cornet_s! {
    struct CorNetS; input = [3, 48, 40], channels = [4, 6, 8, 10], wide = [24, 32, 40], classes = 5
}

/// A state dict as torch has it of a model on several GPUs.
fn saved(golden: &Golden) -> StateDict {
    let mut saved = StateDict::default();
    for name in golden.json["made"].as_object().unwrap().keys() {
        let Some(theirs) = name.strip_prefix("param/").or_else(|| name.strip_prefix("buffer/")) else { continue };
        let (sizes, values) = golden.tensor(name);
        saved.insert(format!("module.{theirs}"), &sizes, &values);
        if let Some(norm) = theirs.strip_suffix("running_mean") {
            saved.insert(format!("module.{norm}num_batches_tracked"), &[], &[100.0f32]);
        }
    }
    saved
}

#[test]
fn cornet_s_answers_as_its_authors_code_does() {
    let golden = Golden::load("literature", "cornet_s_eval");
    let mut net = Cpu::default().build_module::<CorNetS, f32>();
    net.set_weights(&published::cornet_s(&saved(&golden)).unwrap()).unwrap();
    let (sizes, values) = golden.tensor("input");
    let images = Cpu::default().tensor_from_vec(values, (sizes[0], Const, Const, Const));
    let logits = net.try_run(Stimulus::constant(images, 1)).unwrap().as_vec();
    let theirs = golden.values("output");
    let largest = theirs.iter().fold(0.0f32, |max, v| max.max(v.abs()));
    assert_eq!(logits.len(), theirs.len());
    assert!(logits.iter().zip(&theirs).all(|(a, b)| (a - b).abs() <= 1e-5 * largest), "{logits:?} {theirs:?}");
}

#[test]
fn what_is_missing_or_foreign_is_named() {
    let golden = Golden::load("literature", "cornet_s_eval");
    let mut net = Cpu::default().build_module::<CorNetS, f32>();
    let mut saved = saved(&golden);
    saved.insert("module.V3.conv.weight", &[1], &[0.0f32]);
    let error: StateError = net.set_weights(&published::cornet_s(&saved).unwrap()).unwrap_err();
    assert!(error.to_string().contains("V3.conv.weight"), "{error}");
    let error = net.set_weights(&StateDict::default()).unwrap_err().to_string();
    assert!(error.contains("v2.norm1.1.running_var"), "{error}");
}
