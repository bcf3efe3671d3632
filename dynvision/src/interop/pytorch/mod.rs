//! Files that PyTorch wrote, read without Python: `.pt`, `.pth` and Lightning's `.ckpt`.
//!
//! Such a file is a pickle, a program for a small machine that can make any object of Python. Here the program is *parsed and
//! never executed*: dictionaries, lists, numbers, texts and tensors are understood; whatever else it would make is an object
//! without content, and is passed over by name. Both layouts are read: the zip archive of PyTorch 1.6 and later, and the
//! legacy one before it.
//!
//! A checkpoint of Lightning has its weights under `state_dict`, and that dictionary is taken where there is one; else the
//! outermost. Tensors come with their own types, views (transposed, sliced, broadcast, sharing a storage) as what they mean.
//!
//! ```no_run
//! use dynvision::interop::{pytorch, torch};
//! # use dynvision::prelude::*;
//! # let mut net = Cpu::default().build_module::<dynvision::zoo::DyRCNNx4, f32>();
//! let loaded = pytorch::read("trained.ckpt")?;
//! torch::import(&mut net, &loaded.state)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod legacy;
mod tensor;

use crate::file::{FileError, StateDict, StateError};
use crate::pickle::Pickle;
use std::path::Path;

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The tensors by name.
    pub state: StateDict,
    /// The names of what is no tensor beside them, in the file's order.
    pub skipped: Vec<String>,
}

/// Reads a file that `torch.save` or Lightning wrote.
///
/// # Errors
/// Those of the file system; a file of another format, a damaged one, one without a state dict; tensors of a type that is
/// none here, or beyond their storage; each names the file.
pub fn read(path: impl AsRef<Path>) -> Result<Loaded, FileError> {
    fn read(path: &Path) -> Result<Loaded, FileError> {
        let bytes = std::fs::read(path).map_err(|error| crate::file::named("read", path, error))?;
        from_bytes(&bytes).map_err(|source| FileError::in_file(path, source))
    }
    read(path.as_ref())
}

/// Reads the bytes of such a file.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(bytes: &[u8]) -> Result<Loaded, StateError> {
    if bytes.starts_with(b"PK") {
        archive::read(bytes)
    } else if bytes.first() == Some(&0x80) {
        legacy::read(bytes)
    } else {
        Err(foreign("it is neither a zip archive nor a pickle; safetensors are read by `interop::read`"))
    }
}

fn foreign(found: impl Into<String>) -> StateError {
    StateError::Foreign { format: "file of PyTorch", found: found.into() }
}

/// The storages of a file.
trait Storages {
    /// The bytes of one, by its key.
    fn bytes(&mut self, key: &str) -> Result<&[u8], StateError>;
}

/// The tensors of the dictionary that holds the weights; `capacity` is the size of the file.
fn tensors(pickle: &Pickle<'_>, capacity: usize, storages: &mut dyn Storages) -> Result<Loaded, StateError> {
    let outer = pickle.dict(pickle.top).ok_or_else(|| {
        let what = pickle.describe(pickle.top);
        foreign(format!("it holds {what}, not a dictionary of tensors: save `model.state_dict()` in Python"))
    })?;
    let nested = pickle.entry(pickle.top, "state_dict");
    let entries = match nested {
        None => outer,
        Some(id) => pickle.dict(id).ok_or_else(|| foreign("its `state_dict` is no dictionary"))?,
    };
    let mut loaded = Loaded::default();
    if nested.is_some() {
        let beside = outer.iter().filter_map(|(key, _)| pickle.text(*key)).filter(|key| *key != "state_dict");
        loaded.skipped.extend(beside.map(str::to_string));
    }
    // What tensors may take in all: views can be larger than their storages, but not by a number that the file states.
    let mut room = capacity.saturating_mul(tensor::GREATEST_GROWTH).saturating_add(4096);
    let mut count = 0;
    for &(key, value) in entries {
        let name = pickle.text(key).map_or_else(|| pickle.describe(key), str::to_string);
        match tensor::window(pickle, value).map_err(foreign)? {
            None => loaded.skipped.push(name),
            Some(tensor) => {
                let (dtype, bytes) = tensor.gather(&name, &mut room, storages)?;
                loaded.state.insert_bytes(name, dtype, tensor.shape.clone(), bytes);
                count += 1;
            }
        }
    }
    if count == 0 && !entries.is_empty() {
        let names = loaded.skipped.iter().take(10).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(foreign(format!("no tensor is in its dictionary, which has {names}: save `model.state_dict()`")));
    }
    Ok(loaded)
}
