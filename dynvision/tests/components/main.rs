//! Single components: values and gradients against what the original computes (the files `goldens/comp_*`), gradients
//! against differences.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // a failing test may panic

mod differences;
mod front;
mod golden;
mod models;
mod operation;
mod recurrence;
mod solver;
mod weight_norm;
