//! The layout since PyTorch 1.6: a zip archive of the pickle and of each storage.

use super::{Loaded, Storages, foreign, tensors};
use crate::file::StateError;
use crate::pickle::Pickle;
use std::collections::{BTreeMap, btree_map::Entry};
use std::io::{Cursor, Read};
use zip::{CompressionMethod, ZipArchive};

pub(super) fn read(bytes: &[u8]) -> Result<Loaded, StateError> {
    let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| foreign(error.to_string()))?;
    // the archive's own folder
    let folder = archive.file_names().filter_map(|name| name.split_once('/')).find(|(_, file)| *file == "data.pkl");
    let folder = folder.map(|(folder, _)| folder.to_string());
    let folder = folder.ok_or_else(|| foreign("the archive has no `data.pkl`; an `.npz` is not read here"))?;
    let mut archive = Archive { archive, folder, left: bytes.len(), storages: BTreeMap::new() };
    if archive.entry("byteorder")?.is_some_and(|order| order != b"little") {
        return Err(foreign("its numbers are big-endian: save it on a usual machine"));
    }
    let program = archive.entry("data.pkl")?.unwrap_or_default();
    let (pickle, _) = Pickle::parse(&program).map_err(foreign)?;
    tensors(&pickle, bytes.len(), &mut archive)
}

struct Archive<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    folder: String,
    /// Entries are stored as they are; that many bytes may still come out of the file in all.
    left: usize,
    /// Those that have been asked for.
    storages: BTreeMap<String, Vec<u8>>,
}

impl Archive<'_> {
    /// The content of an entry, its checksum verified.
    fn entry(&mut self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let full = format!("{}/{name}", self.folder);
        let Some(index) = self.archive.index_for_name(&full) else { return Ok(None) };
        let damaged = |error: &dyn std::fmt::Display| foreign(format!("`{full}` in it cannot be read ({error})"));
        let file = self.archive.by_index(index).map_err(|error| damaged(&error))?;
        if file.compression() != CompressionMethod::Stored {
            return Err(foreign(format!("`{full}` in it is compressed, which PyTorch never does")));
        }
        let mut content = Vec::new();
        file.take(self.left as u64 + 1).read_to_end(&mut content).map_err(|error| damaged(&error))?;
        self.left = self.left.checked_sub(content.len()).ok_or_else(|| foreign("its entries overlap"))?;
        Ok(Some(content))
    }
}

impl Storages for Archive<'_> {
    fn bytes(&mut self, key: &str) -> Result<&[u8], StateError> {
        if !self.storages.contains_key(key) {
            let content = self.entry(&format!("data/{key}"))?;
            let content = content.ok_or_else(|| foreign(format!("the storage `{key}` is not in the archive")))?;
            self.storages.insert(key.to_string(), content);
        }
        match self.storages.entry(key.to_string()) {
            Entry::Occupied(storage) => Ok(storage.into_mut()),
            Entry::Vacant(_) => Ok(&[]),
        }
    }
}
