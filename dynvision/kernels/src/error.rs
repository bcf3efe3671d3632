//! What kernels refuse.

/// Why a kernel refused its arguments. Nothing has been written then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Sizes that do not fit each other.
    #[error("{operation}: {reason}")]
    Sizes {
        /// The operation.
        operation: &'static str,
        /// Which sizes, and what they should be.
        reason: String,
    },
    /// Sizes whose product is no number of elements that a slice can have.
    #[error("{operation}: sizes {sizes:?} have more elements than memory has addresses; take smaller ones")]
    TooLarge {
        /// The operation.
        operation: &'static str,
        /// The sizes.
        sizes: Vec<usize>,
    },
}

/// The result of a kernel.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// Refuses what does not fit.
pub(crate) fn require(fits: bool, operation: &'static str, reason: impl FnOnce() -> String) -> Result {
    if fits { Ok(()) } else { Err(Error::Sizes { operation, reason: reason() }) }
}

/// The number of elements of a tensor of some sizes.
pub(crate) fn volume(operation: &'static str, sizes: &[usize]) -> Result<usize> {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    product
        .filter(|&len| len <= isize::MAX as usize / 8)
        .ok_or_else(|| Error::TooLarge { operation, sizes: sizes.to_vec() })
}

/// Refuses a slice that is not as long as its sizes say.
pub(crate) fn of_sizes(operation: &'static str, what: &str, len: usize, sizes: &[usize]) -> Result {
    let wanted = volume(operation, sizes)?;
    require(len == wanted, operation, || format!("{what} has {len} elements, but sizes {sizes:?} have {wanted}"))
}

/// Refuses slices that are not of one length.
pub(crate) fn of_one_length<const N: usize>(operation: &'static str, slices: [(&str, usize); N]) -> Result {
    let [(first, len), ..] = slices.as_slice() else { return Ok(()) };
    match slices.iter().find(|(_, other)| other != len) {
        None => Ok(()),
        Some((what, other)) => {
            require(false, operation, || format!("{first} has {len} elements and {what} has {other}; they go together"))
        }
    }
}
