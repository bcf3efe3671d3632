//! The attribute macro `#[dyn_model]`.
