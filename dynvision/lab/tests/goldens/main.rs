//! Measures against what the original computed for the same input.
//!
//! `cargo test -p dynvision-lab --test goldens -- --nocapture` runs every case and ends with how many matched. A case that
//! does not match fails the test; one that is left out is named with its reason.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed test may panic, and a harness prints")]

mod csv;
mod golden;
mod measure;

use golden::Golden;
use std::panic::catch_unwind;

type Check = fn(&mut Golden);

const CASES: &[(&str, Check)] = &[
    ("measure_accuracy_masked", measure::accuracy_masked),
    ("measure_aggregate_ci95", measure::aggregate_ci95),
    ("measure_aggregate_std", measure::aggregate_std),
    ("measure_confidence", measure::confidence_of_classes),
    ("measure_dynamics_peak_height", measure::dynamics_peak_height),
    ("measure_dynamics_peak_time", measure::dynamics_peak_time),
    ("measure_dynamics_summed_response", measure::dynamics_summed_response),
    ("measure_label_indicator", measure::indicator),
    ("measure_normalize_trace", measure::normalize_trace),
    ("measure_peaks", measure::peaks),
    ("measure_response_avg_std", measure::response_avg_std),
    ("measure_summation", measure::summation),
    ("measure_unrolling_shift", measure::unrolling_shift),
    ("csv_early_stop", csv::early_stop),
    ("csv_label_aliasing", csv::label_aliasing),
    ("csv_stage2", csv::stage2),
    ("csv_test_data", csv::test_data),
    ("csv_test_outputs", csv::test_outputs),
];

const LEFT_OUT: &[(&str, &str)] = &[];

fn main() {
    let mut failed = Vec::new();
    for &(name, check) in CASES {
        let compared = catch_unwind(|| {
            let mut golden = Golden::load(name);
            check(&mut golden);
            golden.compared()
        });
        match compared {
            Ok(0) => failed.push(format!("{name} (compares nothing)")),
            Ok(numbers) => println!("{name}: matched, {numbers} numbers"),
            Err(_) => failed.push(name.to_string()),
        }
    }
    for (name, reason) in LEFT_OUT {
        println!("{name}: left out, {reason}");
    }
    let (matched, left_out) = (CASES.len() - failed.len(), LEFT_OUT.len());
    println!("goldens-lab: {matched} matched, {left_out} left out");
    assert!(failed.is_empty(), "goldens that do not match: {}", failed.join(", "));
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/data")).unwrap();
    let cases = files.filter(|f| f.as_ref().unwrap().path().extension().is_some_and(|e| e == "json")).count();
    assert_eq!(cases, CASES.len(), "each case in the folder is compared");
}
