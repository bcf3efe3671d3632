//! When a checkpoint is due within an epoch.

use super::Checkpoints;
use std::time::{Duration, Instant};

/// What has happened since the last checkpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    written: Instant,
    batches: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { written: Instant::now(), batches: 0 }
    }
}

impl Pace {
    /// Counts a batch.
    pub(super) fn batch(&mut self) {
        self.batches += 1;
    }

    /// Whether a checkpoint is due that is due every so many batches or minutes.
    pub(super) fn is_due(&self, checkpoints: &Checkpoints) -> bool {
        checkpoints.every_batches.is_some_and(|every| self.batches >= every) || self.is_late(checkpoints)
    }

    /// Whether one is due that is due every so many minutes.
    pub(super) fn is_late(&self, checkpoints: &Checkpoints) -> bool {
        let every = checkpoints.every_minutes.and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok());
        every.is_some_and(|every| self.written.elapsed() >= every)
    }
}
