//! Measures, tables, protocols and noise against what the original computed for the same input.
//!
//! `cargo test -p dynvision-lab --test goldens -- --nocapture` runs every case and ends with how many matched. A case that
//! does not match fails the test; one that is left out is named with its reason.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed test may panic, and a harness prints")]

mod compare;
mod csv;
#[path = "../../../tests/common/golden.rs"]
mod golden;
mod measure;
mod protocol;

use compare::Case;
use std::panic::catch_unwind;

type Check = fn(&mut Case);

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
    ("experiment_timelines", protocol::timelines),
    ("noise_five_dim_dynamic", protocol::noise_exact),
    ("noise_five_dim_static", protocol::noise_exact),
    ("noise_gaussian_corr_k7", protocol::noise_exact),
    ("noise_gaussian_snr4", protocol::noise_exact),
    ("noise_gaussian_ssnr03", protocol::noise_exact),
    ("noise_loader_dynamic", protocol::noise_loader),
    ("noise_phase_even_nodc", protocol::noise_exact),
    ("noise_phase_image_spectrum", protocol::noise_exact),
    ("noise_phase_steep", protocol::noise_exact),
    ("noise_poisson_ssnr05", protocol::noise_exact),
    ("noise_saltpepper_saturated", protocol::noise_exact),
    ("noise_saltpepper_ssnr06", protocol::noise_exact),
    ("noise_ssnr_table", protocol::table),
    ("noise_uniform_ssnr05", protocol::noise_exact),
    ("present_contrast_default_low", protocol::presentation),
    ("present_contrast_void", protocol::presentation),
    ("present_duration_default", protocol::presentation),
    ("present_duration_float16", protocol::presentation),
    ("present_duration_full", protocol::presentation),
    ("present_duration_small", protocol::presentation),
    ("present_duration_stim0", protocol::presentation),
    ("present_interval_default", protocol::presentation),
    ("present_interval_gap0", protocol::presentation),
    ("present_noise_none", protocol::presentation),
    ("present_refusals", protocol::refusals),
    ("present_repetition_default", protocol::presentation),
    ("present_standard_one", protocol::presentation),
    ("present_standard_repeat", protocol::presentation),
    ("stats_gaussian", protocol::statistics),
    ("stats_gaussian_corr", protocol::statistics),
    ("stats_phase_image_spectrum", protocol::statistics),
    ("stats_phase_synthetic_nodc", protocol::statistics),
    ("stats_poisson", protocol::statistics),
    ("stats_uniform", protocol::statistics),
];

const LEFT_OUT: &[(&str, &str)] = &[
    ("noise_phase_even", "its power is that of a random grey level, EXPERIMENTS error 4: its `_nodc` twin counts"),
    ("stats_phase_synthetic", "the same"),
];

fn main() {
    let mut failed = Vec::new();
    for &(name, check) in CASES {
        let compared = catch_unwind(|| {
            let mut golden = Case::load(name);
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
