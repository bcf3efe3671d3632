//! The times of a model that gives none, and which times are delays: for the macro, which reads them in the source, and for
//! the library, which reads them in settings. This file stands in both crates; a test of the library compares them.

/// The time step in ms.
pub(crate) const DT: f64 = 2.0;
/// From one area to the next, in ms.
pub(crate) const T_FEEDFORWARD: f64 = 0.0;
/// From an area to itself, in ms.
pub(crate) const T_RECURRENCE: f64 = 6.0;
/// Past the areas between, in ms.
pub(crate) const T_SKIP: f64 = 0.0;
/// From a later area, in ms.
pub(crate) const T_FEEDBACK: f64 = 30.0;

/// The longest delay, in steps: of so many an area keeps what it answered.
pub(crate) const MOST_STEPS: f64 = 1_048_576.0;

/// Whether a time is a whole number of steps, within 1e-6 of one: nothing is rounded in silence.
pub(crate) fn is_multiple(ms: f64, dt: f64) -> bool {
    let steps = ms / dt;
    (steps - steps.round()).abs() <= 1e-6
}
