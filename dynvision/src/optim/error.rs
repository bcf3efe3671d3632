//! What can go wrong with an optimizer, and how to mend it.

use crate::file::StateError;

/// A mistake in the settings of an optimizer, or gradients that it must not follow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptimError {
    /// A setting out of its range.
    #[error("{setting} is {found}, expected {expected}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// A pattern of a group that names nothing.
    #[error("no parameter's name matches `{pattern}` (a full name, the beginning of one, a whole word, or a form with `*`); the \
         parameters are: {}", .names.join(", "))]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The names of all parameters.
        names: Vec<String>,
    },
    /// Parameters without a gradient.
    #[error(
        "no gradient for {}: use `model.alloc_grads()` for the gradients and let the loss depend on these parameters, or \
         freeze them",
        .names.join(", ")
    )]
    NoGradient {
        /// Their names.
        names: Vec<String>,
    },
    /// A parameter that the optimizer was not made for.
    #[error("the optimizer knows no parameter `{name}` of shape {shape:?}: make it from the model that it is to train")]
    Foreign {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A gradient that is infinite or no number.
    #[error(
        "the gradient of `{name}` is not finite in {count} of {of} elements: a smaller learning rate, clipping in the \
         steps before, or fewer or shorter time steps keep it finite"
    )]
    NotFinite {
        /// The parameter.
        name: String,
        /// How many elements are not finite.
        count: usize,
        /// Out of how many.
        of: usize,
    },
    /// A gradient whose square is beyond the range of its type.
    #[error(
        "the gradient of `{name}` is finite, but its square, of which the optimizer keeps a mean, is not, in {count} of {of} \
         elements: clip gradients (`clip`), or let the inputs be of a smaller scale"
    )]
    TooLarge {
        /// The parameter.
        name: String,
        /// How many elements are too large.
        count: usize,
        /// Out of how many.
        of: usize,
    },
    /// A saved state that does not fit.
    #[error(transparent)]
    State(#[from] StateError),
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
}

impl OptimError {
    pub(super) fn device(error: impl std::fmt::Display) -> Self {
        OptimError::Device(error.to_string())
    }

    pub(super) fn setting(setting: &'static str, found: impl std::fmt::Debug, expected: &'static str) -> Self {
        OptimError::Setting { setting, expected, found: format!("{found:?}") }
    }
}
