//! Exchange with files: named arrays for NumPy, named tensors in safetensors, and writing that never leaves half a file.

pub mod atomic;
pub mod npz;
mod responses;
mod state_dict;
pub mod torch;
mod weights;

pub use responses::responses;
pub use state_dict::{StateDict, StateError};
pub use weights::{FileError, Weights, read, write};
