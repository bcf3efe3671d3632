//! The binary `dynvision`, run as its users run it.

#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod damaged;
mod docs;
mod early;
mod folder;
mod lists;
mod methods;
mod program;
mod protocol;
mod runs;
mod settings;
mod study;
mod sweep;
