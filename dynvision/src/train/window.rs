//! What is gathered over some updates for one line of the log.

use super::metrics::Meter;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// The updates since the last line about some.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Window {
    pub(super) meter: Meter,
    #[serde(with = "super::number")]
    pub(super) norm: f64,
    pub(super) clipped: u64,
    pub(super) updates: u64,
    /// Since when images are counted, and how many there were: what a clock says is no part of a checkpoint.
    #[serde(skip)]
    clock: Option<(Instant, usize)>,
}

impl Window {
    /// Begins to count time, if none is counted yet.
    pub(super) fn start(&mut self) {
        self.clock.get_or_insert_with(|| (Instant::now(), 0));
    }

    /// Counts images that were trained on, and gives what their metrics are gathered in.
    pub(super) fn count(&mut self, images: usize) -> &mut Meter {
        self.clock.get_or_insert_with(|| (Instant::now(), 0)).1 += images;
        &mut self.meter
    }

    /// Counts an update.
    pub(super) fn update(&mut self, norm: f64, clipped: bool) {
        self.norm += norm;
        self.clipped += u64::from(clipped);
        self.updates += 1;
        // accuracies in time are left to the epochs
        self.meter.forget_time();
    }

    /// What of it a checkpoint keeps: all but what a clock says.
    pub(super) fn kept(&self) -> Self {
        Window { clock: None, ..self.clone() }
    }

    /// Images in a second.
    pub(super) fn images_per_second(&self) -> Option<f64> {
        let (since, images) = self.clock?;
        rate(images, since.elapsed().as_secs_f64())
    }
}

/// How many in a second; nothing over no time.
pub(super) fn rate(images: usize, seconds: f64) -> Option<f64> {
    (seconds > 0.0).then(|| images as f64 / seconds)
}

/// The resident memory of this process in bytes, where the system tells.
pub(super) fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_memory_are_what_they_say() {
        assert_eq!(rate(10, 0.5), Some(20.0));
        assert_eq!(rate(10, 0.0), None);
        if cfg!(target_os = "linux") {
            let before = memory();
            let held = vec![1u8; 64 << 20];
            assert!(memory() > before.map(|before| before + (48 << 20)), "{before:?}");
            drop(held);
        }
    }
}
