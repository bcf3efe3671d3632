//! What a readout takes of an area.

/// What a readout takes of the last area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Features {
    /// One number for each channel.
    Channels(usize),
    /// One number for each unit.
    Units(usize),
    /// Any maps.
    Any,
}
