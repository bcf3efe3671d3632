//! Comparison with the original's numbers.

use std::fmt;

/// The largest difference that a value may have, relative to its tensor's largest.
const FORWARD: f32 = 1e-5;
/// The same for gradients.
const GRADIENT: f32 = 1e-4;

/// What a case's comparison found.
#[derive(Default)]
pub(crate) struct Report {
    tensors: usize,
    forward: f32,
    gradient: f32,
    wrong: Vec<String>,
}

impl Report {
    /// Compares a value of the forward pass.
    pub(crate) fn forward(&mut self, what: &str, ours: &[f32], theirs: &[f32]) {
        self.forward = self.forward.max(self.compare(what, ours, theirs, FORWARD));
    }

    /// Compares a gradient.
    pub(crate) fn gradient(&mut self, what: &str, ours: &[f32], theirs: &[f32]) {
        self.gradient = self.gradient.max(self.compare(&format!("gradient of {what}"), ours, theirs, GRADIENT));
    }

    /// Something else that must be so.
    pub(crate) fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.tensors += 1;
        if !holds {
            self.wrong.push(what());
        }
    }

    fn compare(&mut self, what: &str, ours: &[f32], theirs: &[f32], tolerance: f32) -> f32 {
        self.tensors += 1;
        if ours.len() != theirs.len() {
            self.wrong.push(format!("{what}: {} values here, {} there", ours.len(), theirs.len()));
            return 0.0;
        }
        let scale = theirs.iter().fold(0.0f32, |max, v| max.max(v.abs()));
        let off = |i: usize| (ours[i] - theirs[i]).abs();
        // a value that is not a number differs most of all
        let rank = |i: usize| if off(i).is_nan() { f32::INFINITY } else { off(i) };
        let Some(at) = (0..ours.len()).max_by(|&a, &b| rank(a).total_cmp(&rank(b))) else { return 0.0 };
        let relative = if rank(at) == 0.0 { 0.0 } else { rank(at) / scale.max(f32::MIN_POSITIVE) };
        if relative > tolerance {
            self.wrong.push(format!(
                "{what}: largest difference {:.3e} at element {at} of {} (here {:.7e}, there {:.7e}), {relative:.1e} of the \
                 tensor's largest value {scale:.3e}; allowed {tolerance:.0e}",
                off(at),
                ours.len(),
                ours[at],
                theirs[at],
            ));
        }
        relative
    }

    pub(crate) fn is_match(&self) -> bool {
        self.wrong.is_empty() && self.tensors > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} comparisons, forward {:.1e}, gradients {:.1e}", self.tensors, self.forward, self.gradient)?;
        for wrong in self.wrong.iter().take(12) {
            write!(f, "\n    {wrong}")?;
        }
        match self.wrong.len() {
            more @ 13.. => write!(f, "\n    and {} more", more - 12),
            _ => Ok(()),
        }
    }
}
