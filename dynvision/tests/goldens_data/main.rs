//! The original's numbers about data and training: preprocessing, orders, groups and splits, schedules and policies.
//!
//! `cargo test --release -p dynvision --test goldens_data -- --nocapture` prints a line for each case; the last one counts them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and this one prints its own lines")]

mod data;
#[path = "../common/golden.rs"]
mod golden;
mod policy;
mod schedule;

use golden::Golden;
use std::process::ExitCode;

/// What is to be done with a case; a comparison gives what differs.
pub(crate) enum Case {
    Compare(fn(&Golden) -> Vec<String>),
    #[allow(dead_code, reason = "no case is left out at present; one that must be says why")]
    LeaveOut(&'static str),
}

fn case(name: &str) -> Option<Case> {
    data::case(name).or_else(|| schedule::case(name)).or_else(|| policy::case(name))
}

fn main() -> ExitCode {
    let (mut matched, mut left_out, mut failed) = (0, 0, 0);
    for name in golden::names("goldens_data") {
        match case(&name) {
            Some(Case::LeaveOut(reason)) => {
                left_out += 1;
                println!("left out  {name}: {reason}");
            }
            Some(Case::Compare(compare)) => match compare(&Golden::load("goldens_data", &name)) {
                wrong if wrong.is_empty() => {
                    matched += 1;
                    println!("matched   {name}");
                }
                wrong => {
                    failed += 1;
                    println!("DIFFERS   {name}: {}", wrong.join("; "));
                }
            },
            None => {
                failed += 1;
                println!("UNKNOWN   {name}: no entry in the table of cases");
            }
        }
    }
    println!("goldens-data: {matched} matched, {left_out} left out");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
