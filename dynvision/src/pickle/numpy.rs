//! NumPy's arrays of bytes in a pickle.

use super::{Id, Pickle, Value};

impl<'a> Pickle<'a> {
    /// Dimensions and elements of an array of unsigned bytes, last dimension fastest: what `_reconstruct` makes and `__setstate__` fills with
    /// `(version, dimensions, dtype, is_fortran, bytes)`.
    pub(crate) fn byte_array(&self, id: Id) -> Option<(Vec<usize>, &'a [u8])> {
        let Value::Call { state: Some(state), .. } = self.get(id) else { return None };
        let &[_, dims, dtype, fortran, bytes] = self.tuple(*state)? else { return None };
        let &Value::Call { function, arguments, .. } = self.get(dtype) else { return None };
        if !matches!(self.get(function), Value::Global("numpy", "dtype")) {
            return None;
        }
        let kind = self.bytes(*self.tuple(arguments)?.first()?)?;
        let by_rows = matches!(self.get(fortran), Value::Bool(false) | Value::Int(0));
        let bytes = self.bytes(bytes)?;
        let number = |id: &Id| match self.get(*id) {
            Value::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        };
        let dims: Vec<usize> = self.tuple(dims)?.iter().map(number).collect::<Option<_>>()?;
        let count = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim))?;
        (kind == b"u1" && by_rows && count == bytes.len()).then_some((dims, bytes))
    }
}
