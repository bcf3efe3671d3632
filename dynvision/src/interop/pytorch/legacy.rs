//! The layout before PyTorch 1.6: pickles one after the other, then the storages.

use super::{Loaded, Storages, foreign, tensor, tensors};
use crate::file::StateError;
use crate::pickle::{Pickle, Value};
use std::collections::BTreeMap;

/// 0x1950a86a20f9469cfc6c, as a pickle holds it.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

pub(super) fn read(bytes: &[u8]) -> Result<Loaded, StateError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| foreign("it is a pickle that `torch.save` has not written"))?;
    let (version, rest) = Pickle::parse(rest).map_err(foreign)?;
    if !matches!(version.get(version.top), Value::Int(1001)) {
        return Err(foreign("its version is not 1001, the only one of the legacy layout"));
    }
    let (system, rest) = Pickle::parse(rest).map_err(foreign)?;
    let little = system.dict(system.top).is_some_and(|entries| {
        let mut order = entries.iter().filter(|(key, _)| system.text(*key) == Some("little_endian"));
        order.all(|(_, value)| matches!(system.get(*value), Value::Bool(true)))
    });
    if !little {
        return Err(foreign("its numbers are big-endian: save it on a usual machine"));
    }
    let (pickle, rest) = Pickle::parse(rest).map_err(foreign)?;
    let (keys, mut rest) = Pickle::parse(rest).map_err(foreign)?;
    let sizes = tensor::storage_sizes(&pickle);
    let mut storages: BTreeMap<&str, &[u8]> = BTreeMap::new();
    let Value::List(list) = keys.get(keys.top) else { return Err(foreign("the list of its storages is missing")) };
    for key in list.iter().filter_map(|id| keys.text(*id)) {
        let size = *sizes.get(key).ok_or_else(|| foreign(format!("no tensor says what the storage `{key}` holds")))?;
        let short = || foreign(format!("the storage `{key}` is cut off"));
        let (count, content) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let len = usize::try_from(u64::from_le_bytes(*count)).ok().and_then(|count| count.checked_mul(size));
        let (content, after) = len.and_then(|len| content.split_at_checked(len)).ok_or_else(short)?;
        storages.insert(key, content);
        rest = after;
    }
    tensors(&pickle, bytes.len(), &mut InPlace(storages))
}

/// Storages where they stand in the file.
struct InPlace<'a>(BTreeMap<&'a str, &'a [u8]>);
impl Storages for InPlace<'_> {
    fn bytes(&mut self, key: &str) -> Result<&[u8], StateError> {
        self.0.get(key).copied().ok_or_else(|| foreign(format!("the storage `{key}` is not in the file")))
    }
}
