//! Every number that the original, the Python toolbox DynVision 0.1.0, was made to compute, against ours.
//!
//! `cargo test --release -p dynvision --test goldens` prints a line for each case; the last one counts them. Names after
//! `--` choose cases: `-- rec_ skip`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and this one prints its own lines")]

mod cases;
mod components;
#[path = "../common/device.rs"]
mod device;
#[path = "../common/golden.rs"]
mod golden;
mod inputs;
mod large;
mod losses;
mod models;
mod presentation;
mod report;
mod unroll;
mod weights;

use cases::Case;
use golden::Golden;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// What came of a case.
enum Outcome {
    Matched,
    LeftOut,
    Failed,
}

fn main() -> ExitCode {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let mut names = golden::names("goldens");
    names.retain(|name| chosen.is_empty() || chosen.iter().any(|part| name.contains(part)));
    // the largest models are the last, and would keep one core alone waiting
    names.reverse();
    let outcomes = outcomes(&names);
    let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
    let failed = count(|outcome| matches!(outcome, Outcome::Failed));
    if failed > 0 {
        println!("{failed} differ");
    }
    let matched = count(|outcome| matches!(outcome, Outcome::Matched));
    let left_out = count(|outcome| matches!(outcome, Outcome::LeftOut));
    println!("goldens: {matched} matched, {left_out} left out");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Compares the cases side by side, since most of the time goes to making weights on one thread. A case that panics ends
/// the program.
fn outcomes(names: &[String]) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || -> Vec<Outcome> {
        std::iter::from_fn(|| names.get(next.fetch_add(1, Ordering::Relaxed))).map(|name| outcome(name)).collect()
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

fn outcome(name: &str) -> Outcome {
    match cases::case(name) {
        Some(Case::LeaveOut(reason)) => {
            println!("left out  {name}: {reason}");
            Outcome::LeftOut
        }
        Some(Case::Compare(compare)) => {
            let (golden, start) = (Golden::load("goldens", name), Instant::now());
            let report = compare(&golden);
            let seconds = start.elapsed().as_secs_f32();
            if report.is_match() {
                println!("matched   {name}: {report} ({seconds:.1} s)");
                return Outcome::Matched;
            }
            println!("DIFFERS   {name} ({}): {report}", golden.description());
            Outcome::Failed
        }
        None => {
            println!("UNKNOWN   {name}: no entry in the table of cases");
            Outcome::Failed
        }
    }
}
