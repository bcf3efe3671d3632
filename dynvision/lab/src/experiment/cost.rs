//! What an experiment takes.

use std::fmt;

/// What an experiment takes, before it is run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Conditions of the grid.
    pub conditions: usize,
    /// Those of them that are on disk, or show what another one shows.
    pub known: usize,
    /// Steps of the model that are left to run: the sum over conditions and samples, the idle steps of each batch included.
    pub steps: u128,
    /// Bytes of the tables that are left to write, before compression.
    pub table_bytes: u128,
    /// Bytes of the responses that are left to write, before compression.
    pub response_bytes: u128,
    /// Bytes that measures over all samples keep in memory.
    pub memory_bytes: u128,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { conditions, known, steps, table_bytes, response_bytes, memory_bytes } = *self;
        write!(f, "{conditions} conditions, {known} of them known; {steps} steps of a sample to run")?;
        write!(f, "; writes up to {} of tables and {} of responses", size(table_bytes), size(response_bytes))?;
        write!(f, "; measures keep {}", size(memory_bytes))
    }
}

/// Bytes with a unit.
pub(crate) fn size(bytes: u128) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < units.len() {
        size /= 1000.0;
        unit += 1;
    }
    format!("{size:.0} {}", units.get(unit).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(
            [0, 999, 1000, 999_499, 999_600, u128::MAX].map(size)[..5],
            ["0 B", "999 B", "1 kB", "999 kB", "1 MB"]
        );
    }
}
