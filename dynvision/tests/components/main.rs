//! Single components: gradients against differences, values against their equations and a second way to compute them.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // a failing test may panic

mod differences;
mod errors;
mod models;
mod not_a_number;
mod operation;
mod parametrization;
mod recurrence;
