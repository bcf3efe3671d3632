//! Exchange with other programs: named arrays for NumPy, named tensors in safetensors, state dicts of PyTorch.

pub mod npz;
pub mod published;
pub mod pytorch;
mod responses;
pub mod torch;
mod weights;

pub use crate::file::{FileError, StateDict, StateError, StateNumber, atomic, read, write};
pub use responses::responses;
pub use weights::Weights;
