//! A tensor as a pickle describes it: a window with strides into a storage.

use super::{Storages, foreign};
use crate::file::{StateError, product};
use crate::pickle::{Id, Pickle, Value};
use safetensors::Dtype;
use std::collections::BTreeMap;

/// As many as PyTorch allows.
const MOST_DIMENSIONS: usize = 64;

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

/// The tensor that a call would make, for the functions by which PyTorch makes them; none for anything else.
///
/// # Errors
/// Arguments that are not those of a tensor.
pub(super) fn window<'a>(pickle: &Pickle<'a>, id: Id) -> Result<Option<Window<'a>>, String> {
    let mut id = id;
    loop {
        let &Value::Call { function, arguments, .. } = pickle.get(id) else { return Ok(None) };
        let &Value::Global("torch._utils", name) = pickle.get(function) else { return Ok(None) };
        let arguments = pickle.tuple(arguments).unwrap_or_default();
        match name {
            // a tuple holds what was made before it, so this ends
            "_rebuild_parameter" | "_rebuild_parameter_with_state" => match arguments.first() {
                Some(&data) if data < id => id = data,
                _ => return Err("a parameter without a tensor".into()),
            },
            // only the third names its type apart from the storage
            "_rebuild_tensor" | "_rebuild_tensor_v2" => return rebuilt(pickle, arguments, None).map(Some),
            "_rebuild_tensor_v3" => return rebuilt(pickle, arguments, arguments.get(6).copied()).map(Some),
            _ => return Ok(None),
        }
    }
}

fn rebuilt<'a>(pickle: &Pickle<'a>, arguments: &[Id], own: Option<Id>) -> Result<Window<'a>, String> {
    let &[storage, offset, shape, strides] = arguments.first_chunk().ok_or("a tensor without sizes")?;
    let &Value::Persistent(storage) = pickle.get(storage) else { return Err("a tensor without a storage".into()) };
    let (key, class) = self::storage(pickle, storage)?;
    let number = |id: Id| match pickle.get(id) {
        &Value::Int(number) => usize::try_from(number).map_err(|_| "a negative size, offset or stride".to_string()),
        _ => Err("a size that is no number".to_string()),
    };
    let numbers = |id: Id| match pickle.get(id) {
        Value::Tuple(all) | Value::List(all) if all.len() > MOST_DIMENSIONS => {
            Err(format!("a tensor of {} dimensions", all.len()))
        }
        Value::Tuple(all) | Value::List(all) => all.iter().map(|&id| number(id)).collect(),
        _ => Err("sizes that are no tuple".to_string()),
    };
    let class = match own.map(|id| pickle.get(id)) {
        Some(&Value::Global(_, name)) => name,
        _ => class,
    };
    Ok(Window { key, class, offset: number(offset)?, shape: numbers(shape)?, strides: numbers(strides)? })
}

/// Key and class of a storage: `("storage", class, key, place, elements)`, and in the legacy layout a view that nothing writes any more.
fn storage<'a>(pickle: &Pickle<'a>, id: Id) -> Result<(&'a str, &'a str), String> {
    let parts = pickle.tuple(id).ok_or("a storage that is no tuple")?;
    let part = |i: usize| parts.get(i).copied();
    let class = part(1).and_then(|class| pickle.maker(class));
    match (part(0).and_then(|id| pickle.text(id)), class, part(2).and_then(|id| pickle.text(id))) {
        (Some("storage"), Some((_, class)), Some(key))
            if part(5).is_none_or(|view| matches!(pickle.get(view), Value::None)) =>
        {
            Ok((key, class))
        }
        _ => Err("a storage of a kind that is not known".into()),
    }
}

/// How many bytes an element has, by the key of the storage.
pub(super) fn storage_sizes<'a>(pickle: &Pickle<'a>) -> BTreeMap<&'a str, usize> {
    let sized = |value: &Value<'a>| {
        let &Value::Persistent(id) = value else { return None };
        let (key, class) = storage(pickle, id).ok()?;
        Some((key, dtype(class)?.size()))
    };
    pickle.values().iter().filter_map(sized).collect()
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
