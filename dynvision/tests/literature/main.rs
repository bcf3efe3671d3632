//! Recurrent vision models of the literature against the numbers of their authors' code.
//!
//! `cargo test --release -p dynvision --test literature` prints a line for each case; the last one counts them. Names after
//! `--` choose cases: `-- cornet lif`. What a case is compared with, and where its numbers come from, its description says
//! (`data/*.json`).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and this one prints its own lines")]

mod cases;
mod compare;
#[path = "../common/golden.rs"]
mod golden;
mod models;
#[path = "../goldens/report.rs"]
mod report;

use golden::Golden;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let mut names = golden::names("literature");
    names.retain(|name| chosen.is_empty() || chosen.iter().any(|part| name.contains(part)));
    let (mut matched, mut left_out, mut failed) = (0, 0, 0);
    for name in &names {
        let (golden, start) = (Golden::load("literature", name), Instant::now());
        match cases::run(&golden) {
            cases::Outcome::LeftOut(reason) => {
                println!("left out  {name}: {reason}");
                left_out += 1;
            }
            cases::Outcome::Compared(report) if report.is_match() => {
                println!("matched   {name}: {report} ({:.1} s)", start.elapsed().as_secs_f32());
                matched += 1;
            }
            cases::Outcome::Compared(report) => {
                println!("DIFFERS   {name} ({}): {report}", golden.description());
                failed += 1;
            }
        }
    }
    if failed > 0 {
        println!("{failed} differ");
    }
    println!("goldens-literature: {matched} matched, {left_out} left out");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
