//! The size of what a connection brings.

use super::{Map, Window};

/// What a part on a connection does to the size of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeSize {
    /// It brings whatever size its target has.
    Any,
    /// It brings so many times the rows and columns.
    Times(usize),
    /// It brings what a window leaves.
    Window(Window),
}

impl EdgeSize {
    /// The rows and columns that it makes of those of `from`, where they do not depend on its target.
    ///
    /// ```
    /// use dynvision::geometry::{EdgeSize, Map};
    /// assert_eq!(EdgeSize::Times(2).apply(Map::new(7, 6, 5)), Some([12, 10]));
    /// assert_eq!(EdgeSize::Any.apply(Map::new(7, 6, 5)), None);
    /// ```
    pub const fn apply(self, from: Map) -> Option<[usize; 2]> {
        match self {
            EdgeSize::Any => None,
            EdgeSize::Times(times) => Some([from.h.saturating_mul(times), from.w.saturating_mul(times)]),
            EdgeSize::Window(window) => Some([window.output_len(from.h), window.output_len(from.w)]),
        }
    }
}
