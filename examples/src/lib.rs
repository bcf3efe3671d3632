//! Examples of dynvision: see the example targets.
