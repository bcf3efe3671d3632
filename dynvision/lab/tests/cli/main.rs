//! The binary `dynvision`, run as its users run it.

#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod docs;
mod folder;
mod lists;
mod program;
mod protocol;
mod runs;
mod settings;
mod study;
mod sweep;
