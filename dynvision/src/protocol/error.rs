//! What is wrong with a protocol.

/// Why a protocol or an experiment is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The events take longer than the whole.
    #[error("the events take {events}, but the protocol lasts {total}; lengthen `total` or shorten the events")]
    TooLong {
        /// What the events add up to, with unit.
        events: String,
        /// What the protocol lasts, with unit.
        total: String,
    },
    /// A setting is outside its range.
    #[error("{name} = {value} must be {must}")]
    Range {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        must: &'static str,
    },
    /// Two settings do not go together.
    #[error("{0}")]
    Conflict(String),
    /// A time that is no multiple of dt, or no time at all.
    #[error(transparent)]
    Time(#[from] crate::error::Error),
    /// Text that is no protocol or experiment.
    #[error("{0}")]
    Text(String),
    /// The images do not have the size that they state.
    #[error("the images hold {found} values, but {count} images of {channels} x {height} x {width} are stated")]
    Size {
        /// Number of values.
        found: usize,
        /// Number of images.
        count: usize,
        /// Channels.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// An image that cannot be had, such as one that cannot be decoded.
    #[error("image {index}: {reason}")]
    Source {
        /// Its number.
        index: usize,
        /// Why not.
        reason: String,
    },
    /// An image that the set does not have.
    #[error("image {index} is asked for, but the set has {count}")]
    Image {
        /// Its number.
        index: usize,
        /// How many there are.
        count: usize,
    },
}

pub(super) fn within(
    name: &'static str,
    value: f64,
    low: f64,
    high: f64,
    must: &'static str,
) -> Result<(), ProtocolError> {
    if value >= low && value <= high { Ok(()) } else { Err(ProtocolError::Range { name, value, must }) }
}
