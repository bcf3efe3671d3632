//! Currents that are injected into areas.

use crate::kernels::Maps;
use dfdx::prelude::{Device, Dtype};
use std::ops::Range;

/// A current that a stimulus injects into an area at some steps.
#[derive(Clone, Debug)]
pub struct Injection<E: Dtype, D: Device<E>> {
    /// The area's name.
    pub area: String,
    /// The current, `(batch, channels, rows, columns)`.
    pub current: Maps<E, D>,
    /// The steps at which it is on.
    pub steps: Range<usize>,
}

/// A current of a run.
#[derive(Clone, Debug)]
pub(super) struct Current<E: Dtype, D: Device<E>> {
    /// The area's number.
    pub(super) area: usize,
    pub(super) steps: Range<usize>,
    pub(super) maps: Maps<E, D>,
    /// Whether an operation asked for it.
    pub(super) used: bool,
}
