//! The kernels of the CPU: functions over slices in NCHW order, row-major, that know nothing of tensors or tapes.
//!
//! - **Exactness.** A forward function overwrites its output (or adds to it where it says so); a backward function
//!   *adds* to the gradients it is given. Work is split by the problem, never by the number of threads, so results are
//!   bit-identical on any number of threads.
//! - **Threads.** The caller works, helped by threads of rayon's current pool; nothing below starts threads of its own.
//!   Set `RAYON_NUM_THREADS`, or call inside `ThreadPool::install`, to choose how many.
//! - **Contracts.** Slices have to be as long as their dimensions say. A violation is a bug of the caller and panics
//!   before any memory is touched.

pub mod bias;
pub mod conv;
pub mod elementwise;
pub mod gain;
pub mod gather;
pub mod geometry;
pub mod isa;
pub mod leaky;
pub mod loss;
pub mod norm;
pub mod optimizer;
pub mod pool;
pub mod resize;
pub mod supralinear;

mod parallel;
mod recycled;
mod rows;
mod scalar;
mod scratch;

pub use recycled::{Recycle, Recycled};
pub use scalar::Scalar;
