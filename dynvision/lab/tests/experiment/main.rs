//! Experiments on a real network, compared with what the network's own functions give.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod killed;
mod net;
mod python;
mod run;
mod steer;
