//! Named tensors to a file and back.

use super::{FileError, StateDict, atomic, named::named};
use std::io::Write;
use std::path::Path;

/// Writes a state to a safetensors file, which nobody ever sees half written.
///
/// # Errors
/// Those of the file system.
pub fn write(path: &Path, state: &StateDict) -> Result<(), FileError> {
    let bytes = state.to_safetensors().map_err(|source| FileError::in_file(path, source))?;
    Ok(atomic::write(path, |file| file.write_all(&bytes))?)
}

/// Reads a safetensors file.
///
/// # Errors
/// Those of the file system; a file of another format or a damaged one.
pub fn read(path: &Path) -> Result<StateDict, FileError> {
    let bytes = std::fs::read(path).map_err(|error| named("read", path, error))?;
    StateDict::from_safetensors(&bytes).map_err(|source| FileError::in_file(path, source))
}
