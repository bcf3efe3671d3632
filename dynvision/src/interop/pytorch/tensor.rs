//! A tensor as a pickle describes it: a window with strides into a storage.

use super::{Storages, foreign};
use crate::file::{StateError, product};
use safetensors::Dtype;

/// How many times the size of the file its tensors may have together: weights that the original keeps twice or broadcasts
/// come from one storage.
pub(super) const GREATEST_GROWTH: usize = 16;

/// Where a tensor's numbers stand.
#[derive(Clone, Debug)]
pub(super) struct Window<'a> {
    pub(super) key: &'a str,
    /// The class of its storage or the name of its type.
    pub(super) class: &'a str,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// The type of the numbers in a storage of that class.
pub(super) fn dtype(class: &str) -> Option<Dtype> {
    Some(match class {
        "FloatStorage" | "float32" => Dtype::F32,
        "DoubleStorage" | "float64" => Dtype::F64,
        "HalfStorage" | "float16" => Dtype::F16,
        "BFloat16Storage" | "bfloat16" => Dtype::BF16,
        "LongStorage" | "int64" => Dtype::I64,
        "IntStorage" | "int32" => Dtype::I32,
        "ShortStorage" | "int16" => Dtype::I16,
        "CharStorage" | "int8" => Dtype::I8,
        "ByteStorage" | "uint8" => Dtype::U8,
        "BoolStorage" | "bool" => Dtype::BOOL,
        _ => return None,
    })
}

impl Window<'_> {
    /// The type and bytes of the tensor's elements, last dimension fastest.
    pub(super) fn gather(
        &self,
        name: &str,
        room: &mut usize,
        storages: &mut dyn Storages,
    ) -> Result<(Dtype, Vec<u8>), StateError> {
        let dtype = dtype(self.class).ok_or_else(|| StateError::Dtype {
            name: name.to_string(),
            expected: "F16, BF16, F32 or F64".into(),
            found: self.class.chars().take(40).collect(),
            mend: "convert it in Python, for example by `tensor.float()`",
        })?;
        let beyond = || foreign(format!("`{name}` reaches beyond its storage"));
        if self.shape.len() != self.strides.len() {
            return Err(foreign(format!("`{name}` has {} sizes and {} strides", self.shape.len(), self.strides.len())));
        }
        let size = dtype.size();
        let len = product(&self.shape).and_then(|n| n.checked_mul(size)).ok_or_else(beyond)?;
        *room = room.checked_sub(len).ok_or_else(|| {
            foreign(format!("its tensors, `{name}` of {:?} among them, are far larger than the file", self.shape))
        })?;
        if len == 0 {
            return Ok((dtype, Vec::new()));
        }
        let bytes = storages.bytes(self.key)?;
        let furthest = self
            .shape
            .iter()
            .zip(&self.strides)
            .try_fold(self.offset, |at, (&n, &stride)| at.checked_add((n - 1).checked_mul(stride)?));
        let needed = furthest.and_then(|at| at.checked_add(1)?.checked_mul(size)).ok_or_else(beyond)?;
        if needed > bytes.len() {
            return Err(beyond());
        }
        let mut out = Vec::with_capacity(len);
        let mut index = vec![0; self.shape.len()];
        let mut at = self.offset;
        while out.len() < len {
            out.extend_from_slice(&bytes[at * size..(at + 1) * size]);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                at += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                at -= self.shape[axis] * self.strides[axis];
                index[axis] = 0;
            }
        }
        Ok((dtype, out))
    }
}
