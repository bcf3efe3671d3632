//! The models of the zoo: their sizes are those of the original, and each runs and learns.
#![allow(clippy::unwrap_used, missing_docs)] // a failing test may panic

use dynvision::prelude::*;
use dynvision::zoo::{DyRCNNx2, DyRCNNx4, DyRCNNx4Feedback, DyRCNNx8, SimpleRCNN};

fn parameters<M: DynModel<f32, Cpu>>(net: &M) -> usize {
    net.summary().parameters().0
}

#[test]
fn parameter_counts_are_those_of_the_original() {
    let dev = Cpu::default();
    assert_eq!(parameters(&dev.build_module::<DyRCNNx2, f32>()), 73_454);
    assert_eq!(parameters(&dev.build_module::<DyRCNNx4, f32>()), 1_164_950);
    assert_eq!(parameters(&dev.build_module::<DyRCNNx8, f32>()), 8_534_794);
    assert_eq!(parameters(&dev.build_module::<SimpleRCNN, f32>()), 896 + 18_496 + 2 * 2 + 650);
    let feedback = (121 * 36 + 36) + (256 * 64 + 64);
    assert_eq!(parameters(&dev.build_module::<DyRCNNx4Feedback, f32>()), 1_164_950 + feedback);
}

#[test]
fn the_summary_shows_every_area() {
    let text = Cpu::default().build_module::<DyRCNNx4, f32>().summary().to_string();
    for expected in ["v1", "36x32x32", "36x16x16", "121x8x8", "256x4x4", "v4_skip_v1", "1,164,950 parameters"] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
}
