//! Units picked from a map.

use crate::error::{Error, Result};
use std::rc::Rc;

/// Which units of a map are picked. Units are counted as they lie in memory: channels, rows, columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    index: Rc<[u32]>,
    of: usize,
}

impl Units {
    /// The units `index` of a map of `of` units.
    ///
    /// # Errors
    /// [`Error::Setting`] where the map has no such unit.
    pub fn new(index: impl Into<Rc<[u32]>>, of: usize) -> Result<Self> {
        let index = index.into();
        match index.iter().find(|&&unit| unit as usize >= of) {
            Some(unit) => Err(Error::Setting(format!("cannot pick unit {unit} of a map of {of} units"))),
            None => Ok(Units { index, of }),
        }
    }

    /// Returns of how many units they are picked.
    pub fn of(&self) -> usize {
        self.of
    }

    /// The numbers of the units, in the order in which they are picked.
    pub fn index(&self) -> &Rc<[u32]> {
        &self.index
    }
}
