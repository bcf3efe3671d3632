//! Files that are whole or absent, and named tensors in them.
//!
//! Every file that this crate writes goes through [`atomic::write`]; a folder that one process must have for itself is
//! held by a [`FolderLock`]. What each promises stands in `docs/files.md` in the repository.

pub mod atomic;
pub(crate) mod count;
mod error;
mod lock;
mod named;
mod partial;
mod state_dict;
mod tensors;

pub use error::FileError;
pub use lock::FolderLock;
pub(crate) use named::named;
pub(crate) use state_dict::product;
pub use state_dict::{StateDict, StateError, StateNumber};
pub use tensors::{read, write};
