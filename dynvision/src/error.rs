//! What can go wrong at run time, as one type on every device.

use std::fmt;

/// Why a run failed. Errors of a device are kept as text, so that the type is the same on every device.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device refused: out of memory, or a kernel failed.
    #[error("the device failed: {0}")]
    Device(String),
    /// A tensor does not have the shape that the model needs.
    #[error("{what}: expected shape {expected}, found {found:?}")]
    Shape {
        /// What the tensor is.
        what: &'static str,
        /// The shape that is needed.
        expected: String,
        /// The shape that was given.
        found: Vec<usize>,
    },
    /// The state was made by a batch of another size.
    #[error(
        "the frame has batch size {found}, but the state of area `{area}` holds a batch of {expected}; \
         start from a fresh state (`net.reset()`) when the batch size changes"
    )]
    Batch {
        /// The area whose state is meant.
        area: &'static str,
        /// Batch size of the state.
        expected: usize,
        /// Batch size of the frame.
        found: usize,
    },
    /// A time is no multiple of the time step.
    #[error("{name} = {ms} ms is no multiple of dt = {dt} ms; the nearest multiples are {} ms and {} ms", below(*.ms, *.dt), below(*.ms, *.dt) + .dt)]
    NotAMultiple {
        /// Which time.
        name: String,
        /// Its value in ms.
        ms: f64,
        /// The time step in ms.
        dt: f64,
    },
    /// A time is negative, zero where it must not be, or not finite.
    #[error("{name} = {ms} ms must be {must}")]
    Time {
        /// Which time.
        name: String,
        /// Its value in ms.
        ms: f64,
        /// What it must be.
        must: &'static str,
    },
    /// The dynamics name an area that the model does not have.
    #[error("the dynamics name area `{name}`, which the model does not have; its areas are {}", .areas.join(", "))]
    UnknownArea {
        /// The name that is given.
        name: String,
        /// The names that exist.
        areas: Vec<String>,
    },
    /// The dynamics name a link that the model does not have.
    #[error("the dynamics name link `{name}`, which the model does not have; its links are {}", .links.join(", "))]
    UnknownLink {
        /// The name that is given.
        name: String,
        /// The names that exist.
        links: Vec<String>,
    },
    /// A stimulus has no steps.
    #[error("the stimulus has no frames; give at least one step")]
    EmptyStimulus,
    /// A value is not finite.
    #[error("{what} of area `{area}` is not finite at step {step}")]
    NotFinite {
        /// What holds the value.
        what: &'static str,
        /// Which area.
        area: &'static str,
        /// Which step of the run.
        step: usize,
    },
    /// A setting contradicts another or lies outside its range.
    #[error("{0}")]
    Setting(String),
    /// What went wrong in a step of a model.
    #[error("{place}: {error}")]
    At {
        /// The area, or the readout, and the step.
        place: String,
        /// What went wrong there.
        error: Box<Error>,
    },
}

fn below(ms: f64, dt: f64) -> f64 {
    (ms / dt).floor() * dt
}

impl Error {
    /// A shape that is not the one that is needed.
    pub fn shape(what: &'static str, expected: &[usize], found: &[usize]) -> Self {
        Error::Shape { what, expected: format!("{expected:?}"), found: found.to_vec() }
    }

    /// Sizes that are not those of the shape `S`.
    pub fn not_of<S>(what: &'static str, found: &[usize]) -> Self {
        let expected = std::any::type_name::<S>().replace("dfdx::shapes::shape::", "");
        Error::Shape { what, expected, found: found.to_vec() }
    }

    /// Says where it happened, if it does not say so yet.
    #[must_use]
    pub(crate) fn at(self, place: impl FnOnce() -> String) -> Self {
        match self {
            Error::Shape { .. } | Error::Setting(_) | Error::Device(_) => {
                Error::At { place: place(), error: Box::new(self) }
            }
            other => other,
        }
    }

    /// Wraps an error of a device.
    pub fn device(e: impl fmt::Display) -> Self {
        Error::Device(e.to_string())
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
