//! The kernels of the CPU: functions over slices in NCHW order, row-major, that know nothing of tensors or tapes.
//!
//! - **Exactness.** A forward function overwrites its output (or adds to it where it says so); a backward function
//!   *adds* to the gradients it is given. Work is split by the shape, never by the number of threads, so results are
//!   bit-identical on any number of threads.
//! - **Threads.** The caller works, helped by threads of rayon's current pool; nothing below starts threads of its own.
//!   Set `RAYON_NUM_THREADS`, or call inside `ThreadPool::install`, to choose how many.
//! - **Errors.** [`Kernels`] refuses slices that are not as long as their sizes say, and sizes that do not fit each other,
//!   before any memory is touched. What one kernel asks of another inside of this crate is asserted.
//! - **Profiles.** All of it is compiled here, for `f32` and `f64`; nothing is left for the crate that calls it. Where the rest
//!   of a program is not optimised, these kernels should be, by two lines in the `Cargo.toml` of its workspace:
//!   ```toml
//!   [profile.dev.package.dynvision-kernels]
//!   opt-level = 3
//!   ```

mod bias;
pub mod conv;
mod elementwise;
mod error;
mod gain;
mod gather;
pub mod geometry;
pub mod isa;
mod kernels;
pub mod leaky;
pub mod loss;
mod moments;
mod norm;
pub mod optimizer;
mod pool;
pub mod resize;
mod supralinear;

pub mod parallel;
mod recycled;
mod rows;
mod scalar;
mod scratch;
mod taps;

pub use error::{Error, Result};
pub use kernels::{Kernels, elements};
pub use moments::absolute_moments;
pub use scalar::Scalar;

pub(crate) use recycled::Recycled;
