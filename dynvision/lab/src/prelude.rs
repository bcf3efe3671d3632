//! What a laboratory's `main.rs` needs: `use dynvision_lab::prelude::*;`.

pub use crate::Lab;
pub use dynvision::prelude::*;
pub use std::process::ExitCode;
