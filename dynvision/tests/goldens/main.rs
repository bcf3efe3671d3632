//! Every number that the original, the Python toolbox DynVision 0.1.0, was made to compute, against ours.
//!
//! `cargo test --release -p dynvision --test goldens` prints a line for each case; the last one counts them. Names after
//! `--` choose cases: `-- rec_ skip`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and this one prints its own lines")]

mod cases;
mod components;
mod large;
mod loader;
mod losses;
mod models;
mod presentation;
mod report;
mod unroll;
mod weights;

use cases::Case;
use loader::Golden;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let is_chosen = |name: &String| chosen.is_empty() || chosen.iter().any(|part| name.contains(part));
    let (mut matched, mut left_out, mut failed) = (0, 0, 0);
    for name in loader::names().iter().filter(|name| is_chosen(name)) {
        match cases::case(name) {
            Some(Case::LeaveOut(reason)) => {
                left_out += 1;
                println!("left out  {name}: {reason}");
            }
            Some(Case::Compare(compare)) => {
                let (golden, start) = (Golden::load(name), Instant::now());
                let report = compare(&golden);
                let seconds = start.elapsed().as_secs_f32();
                if report.is_match() {
                    matched += 1;
                    println!("matched   {name}: {report} ({seconds:.1} s)");
                } else {
                    failed += 1;
                    println!("DIFFERS   {name} ({}): {report}", golden.description());
                }
            }
            None => {
                failed += 1;
                println!("UNKNOWN   {name}: no entry in the table of cases");
            }
        }
    }
    if failed > 0 {
        println!("{failed} differ");
    }
    println!("goldens: {matched} matched, {left_out} left out");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
