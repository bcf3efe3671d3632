//! Benchmarks of dynvision: see the bench targets.
